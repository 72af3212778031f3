//! Turns at dear work: a few at once, whoever asks in turn with the others.
//!
//! Invariants: of one asker (an address) at most one has a turn, so nobody holds them all; those
//! who wait are called up in rounds, one of each asker in a round, so that the many questions of
//! one wait for each other and not in front of somebody else's. Within a round whoever came first
//! goes first. Somebody who has gone away is passed over, and a turn is given back when the work
//! behind it has ended. Deliberately absent: a bound on those who wait; each waits on a connection,
//! and these have their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Most askers whose rounds are remembered while none of their questions waits.
const MAX_REMEMBERED: usize = 1_024;

/// Somebody who waits.
struct WaitingAsker {
    asker: IpAddr,
    round: u64,
    call: oneshot::Sender<HeldTurn>,
}

#[derive(Default)]
struct TurnQueue {
    /// Askers who have a turn now.
    holders: BTreeSet<IpAddr>,
    /// Those who wait, in the order in which they came.
    waiting: Vec<WaitingAsker>,
    /// The round of the last who was called up.
    round: u64,
    /// The next round of each asker who has more than that behind him.
    next_rounds: BTreeMap<IpAddr, u64>,
}

impl TurnQueue {
    /// The round in which a question of this asker is called up.
    fn enter(&mut self, asker: IpAddr) -> u64 {
        let now = self.round;
        self.next_rounds.retain(|_, next| *next > now);
        if self.next_rounds.len() >= MAX_REMEMBERED {
            let waiting: BTreeSet<IpAddr> = self.waiting.iter().map(|w| w.asker).collect();
            self.next_rounds.retain(|known, _| waiting.contains(known));
        }
        let round = self.next_rounds.get(&asker).copied().unwrap_or(now);
        self.next_rounds.insert(asker, round + 1);
        round
    }

    /// The next who may have a turn, if there is one.
    fn call_up(&mut self, at_once: usize) -> Option<WaitingAsker> {
        self.waiting.retain(|waiting| !waiting.call.is_closed());
        if self.holders.len() >= at_once {
            return None;
        }
        let all = self.waiting.iter().enumerate();
        let may = all.filter(|(_, waiting)| !self.holders.contains(&waiting.asker));
        let (first, _) = may.min_by_key(|(_, waiting)| waiting.round)?;
        let called = self.waiting.remove(first);
        self.round = self.round.max(called.round);
        self.holders.insert(called.asker);
        Some(called)
    }
}

struct SharedTurns {
    at_once: usize,
    queue: Mutex<TurnQueue>,
}

impl SharedTurns {
    fn lock(&self) -> MutexGuard<'_, TurnQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call_up(self: &Arc<Self>) {
        loop {
            let called = self.lock().call_up(self.at_once);
            let Some(called) = called else { return };
            let turn = HeldTurn {
                of: self.clone(),
                asker: called.asker,
            };
            // Somebody who went away at this moment gives it back at once.
            drop(called.call.send(turn));
        }
    }
}

/// A turn; dropping it gives it back.
pub struct HeldTurn {
    of: Arc<SharedTurns>,
    asker: IpAddr,
}

impl Drop for HeldTurn {
    fn drop(&mut self) {
        self.of.lock().holders.remove(&self.asker);
        self.of.call_up();
    }
}

/// The turns of one kind of work; clones share them.
#[derive(Clone)]
pub struct FairTurns(Arc<SharedTurns>);

impl FairTurns {
    /// So many turns at once.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(SharedTurns {
            at_once,
            queue: Mutex::default(),
        }))
    }

    /// Waits for a turn; none = there was none within this time.
    pub async fn turn(&self, asker: IpAddr, patience: Duration) -> Option<HeldTurn> {
        let (call, called) = oneshot::channel();
        {
            let mut queue = self.0.lock();
            let round = queue.enter(asker);
            queue.waiting.push(WaitingAsker { asker, round, call });
        }
        self.0.call_up();
        tokio::time::timeout(patience, called).await.ok()?.ok()
    }

    /// Does something on a thread of its own when its turn has come; none = there was none within
    /// this time, or the work failed. Somebody who goes away meanwhile gives the turn back only
    /// when the work has ended.
    pub async fn run<T: Send + 'static>(
        &self,
        asker: IpAddr,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = self.turn(asker, patience).await?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.ok()
    }

    /// How many turns nobody has.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.at_once.saturating_sub(self.0.lock().holders.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn asker(n: u8) -> IpAddr {
        [10, 77, 0, n].into()
    }

    /// Lets all that can go on do so.
    async fn settle() {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_asker_holds_one_turn_and_others_get_theirs_between_his_questions() {
        let turns = FairTurns::new(2);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut all = tokio::task::JoinSet::new();
        let ask = |all: &mut tokio::task::JoinSet<()>, n: u8| {
            let (turns, order) = (turns.clone(), order.clone());
            all.spawn(async move {
                let turn = turns.turn(asker(n), LONG).await.expect("a turn");
                order.lock().expect("order").push(n);
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                drop(turn);
            });
        };
        let held = turns.turn(asker(1), LONG).await.expect("a turn");
        for _ in 0..100 {
            ask(&mut all, 1);
        }
        settle().await;
        assert_eq!(turns.free(), 1, "the second turn is nobody's");
        assert!(order.lock().expect("order").is_empty());
        for n in 2..=9 {
            ask(&mut all, n);
        }
        settle().await;
        drop(held);
        all.join_all().await;
        let order = order.lock().expect("order").clone();
        let first: BTreeSet<u8> = order[..9].iter().copied().collect();
        assert!(first.is_superset(&(2..=9).collect()), "{order:?}");
        assert_eq!(order.len(), 108);
        assert_eq!(turns.free(), 2);
    }

    #[tokio::test]
    async fn many_addresses_with_many_questions_each_wait_for_each_other() {
        let turns = FairTurns::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = turns.turn(asker(200), LONG).await.expect("a turn");
        let mut all = tokio::task::JoinSet::new();
        for n in (0..8).flat_map(|n| std::iter::repeat_n(n, 30)).chain([99]) {
            let (turns, order) = (turns.clone(), order.clone());
            all.spawn(async move {
                let turn = turns.turn(asker(n), LONG).await.expect("a turn");
                order.lock().expect("order").push(n);
                drop(turn);
            });
            settle().await;
        }
        drop(held);
        all.join_all().await;
        let order = order.lock().expect("order").clone();
        let at = order.iter().position(|n| *n == 99);
        assert_eq!(at, Some(8), "behind one of each: {order:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_in_vain_or_goes_away_leaves_nothing() {
        let turns = FairTurns::new(1);
        let held = turns.turn(asker(1), LONG).await.expect("a turn");
        let short = Duration::from_secs(3);
        assert!(turns.turn(asker(2), short).await.is_none());
        let mut gone = tokio::task::JoinSet::new();
        let waits = turns.clone();
        gone.spawn(async move { waits.turn(asker(3), LONG).await.is_some() });
        settle().await;
        gone.abort_all();
        settle().await;
        drop(held);
        assert_eq!(turns.free(), 1);
        assert!(turns.turn(asker(4), short).await.is_some());
        assert!(turns.0.lock().waiting.is_empty());
        for n in 0..=u16::MAX {
            let [a, b] = n.to_be_bytes();
            let turn = turns.turn([10, 78, a, b].into(), short).await;
            drop(turn.expect("a turn"));
        }
        assert!(turns.0.lock().next_rounds.len() <= MAX_REMEMBERED);
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_turn_back() {
        let turns = FairTurns::new(1);
        let fails = || panic!("within the work");
        assert_eq!(turns.run::<()>(asker(1), LONG, fails).await, None);
        assert_eq!(turns.run(asker(1), LONG, || 7).await, Some(7));
        assert_eq!(turns.free(), 1);
    }
}
