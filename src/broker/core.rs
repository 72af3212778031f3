//! The broker as a machine: sessions, subscriptions, queues, wills and retained messages, without a
//! wire. Monotonic time comes in; wall time is read from the given clock.
//!
//! Invariants: everything here happens under one lock (`guard`) and at a given moment; permission
//! is asked for every publish (wills and retained included) and every subscribe; a client id
//! belongs to its account, so nobody takes another's session over; a will is said once, or not at
//! all; what a kept session must not lose is owed to the ledger before anybody is answered.
//! `attach` has who comes and goes, `publish` publishes, `subscribe` subscribes, `ledger::restore`
//! builds it again from disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::access::{Identity, Table};
use super::ledger::Ledger;
use super::ledger::record::Record;
use super::matcher::{Matcher, Slot, unlisten};
use super::message::Message;
use super::queue::Queue;
use super::quota::count_bytes;
use super::retained::Retained;
use super::session::{Due, Line, Session};
use crate::protocol::broker::{Counters, Limits, Rule};
use crate::supervisor::clock::Clock;

/// The house's queue is so many times a device's: it hears everybody.
const HOUSE_SHARE: usize = 16;
/// Seconds by which a clock that was set differs from one that only drifts.
const CLOCK_STEP: u64 = 30;

/// The machine.
pub struct Core {
    pub table: Table,
    pub rules: Vec<Rule>,
    pub limits: Limits,
    pub matcher: Matcher,
    pub retained: Retained,
    pub ledger: Ledger,
    pub sessions: Vec<Option<Session>>,
    pub free: Vec<Slot>,
    pub by_client: BTreeMap<(Identity, String), Slot>,
    pub by_number: BTreeMap<u64, Slot>,
    /// Wills of sessions whose client is away.
    pub wills: BTreeMap<u64, Due>,
    pub last_number: u64,
    pub(super) lines: u64,
    /// Bytes of all queues but the house's, and of each account's.
    pub queued_bytes: usize,
    pub per_account: BTreeMap<Arc<str>, usize>,
    pub counters: Counters,
    /// The broker ends as planned: wills wait for the next life, on disk.
    pub ending: bool,
    /// The `$SYS` topics.
    pub sys: BTreeMap<Box<str>, Arc<Message>>,
    pub clock: Clock,
    /// The last tick, and what the clock said.
    clock_at: (Instant, u64),
}

impl Core {
    pub fn new(limits: Limits, rules: Vec<Rule>, clock: Clock) -> Self {
        let wall = u64::try_from(clock.wall_ms() / 1000).unwrap_or(0);
        Self {
            clock_at: (Instant::now(), wall),
            table: Table::default(),
            rules,
            limits,
            matcher: Matcher::default(),
            retained: Retained::new(),
            ledger: Ledger::default(),
            sessions: Vec::new(),
            free: Vec::new(),
            by_client: BTreeMap::new(),
            by_number: BTreeMap::new(),
            wills: BTreeMap::new(),
            last_number: 0,
            lines: 0,
            queued_bytes: 0,
            per_account: BTreeMap::new(),
            counters: Counters::default(),
            ending: false,
            sys: BTreeMap::new(),
            clock,
        }
    }

    /// Wall seconds as the box knows them.
    pub fn wall(&self) -> u64 {
        u64::try_from(self.clock.wall_ms() / 1000).unwrap_or(0)
    }

    pub fn session(&mut self, slot: Slot) -> Option<&mut Session> {
        self.sessions.get_mut(slot as usize)?.as_mut()
    }

    /// The open connection of that client, if there is one.
    pub fn line_of(&self, key: &(Identity, String)) -> Option<Line> {
        let slot = self.by_client.get(key)?;
        self.sessions.get(*slot as usize)?.as_ref()?.line.clone()
    }

    /// Puts a session into its place.
    pub fn place(&mut self, session: Session) -> Slot {
        let (number, key) = (
            session.number,
            (session.who.clone(), session.client_id.clone()),
        );
        let slot = match self.free.pop() {
            Some(slot) => {
                self.sessions[slot as usize] = Some(session);
                slot
            }
            None => {
                self.sessions.push(Some(session));
                Slot::try_from(self.sessions.len() - 1).unwrap_or(Slot::MAX)
            }
        };
        self.by_client.insert(key, slot);
        self.by_number.insert(number, slot);
        slot
    }

    /// A queue as long as `who` may have.
    pub fn queue_for(&self, who: &Identity) -> Queue {
        let share = if *who == Identity::House {
            HOUSE_SHARE
        } else {
            1
        };
        Queue::new(self.limits.queued * share, self.limits.queued_bytes * share)
    }

    /// Devices without an account.
    pub(super) fn strangers(&self) -> impl Iterator<Item = &Session> {
        self.sessions
            .iter()
            .flatten()
            .filter(|s| matches!(s.who, Identity::Stranger(_)))
    }

    /// Publishes wills whose delay passed and forgets sessions whose time is over. Call it every
    /// second.
    pub fn tick(&mut self, now: Instant) {
        self.mind_the_clock(now);
        let due: Vec<u64> = self
            .wills
            .iter()
            .filter(|(_, w)| w.at <= now)
            .map(|(n, _)| *n)
            .collect();
        for number in due {
            if let Some(due) = self.wills.remove(&number) {
                self.say_will(&due.owner, (number, due.line), &due.will, now);
            }
        }
        let over = |s: &Session| s.is_away() && s.since + s.keep_for <= now;
        let over: Vec<Slot> = (0..)
            .zip(&self.sessions)
            .filter(|(_, s)| s.as_ref().is_some_and(over))
            .map(|(slot, _)| slot)
            .collect();
        for slot in over {
            self.counters.expired += 1;
            self.remove(slot, now);
        }
        for (owner, topic) in self.retained.expire(now) {
            self.ledger.retained(&owner, &topic, None, None);
        }
    }

    /// A clock that was set makes the times wrong that stand on disk: everything is written anew.
    fn mind_the_clock(&mut self, now: Instant) {
        let wall = self.wall();
        let (then, was) = std::mem::replace(&mut self.clock_at, (now, wall));
        let drift = (was + now.saturating_duration_since(then).as_secs()).abs_diff(wall);
        self.ledger.whole |= drift > CLOCK_STEP;
    }

    /// Forgets a session; a will that waited for its delay is said now: the session it waited for
    /// is over. What it had from shared subscriptions goes to other members.
    pub fn remove(&mut self, slot: Slot, now: Instant) {
        let Some(mut session) = self.sessions.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.free.push(slot);
        for filter in session.subscriptions.keys() {
            unlisten(&mut self.matcher, filter, slot);
        }
        let before = session.queue.bytes;
        let left = session.queue.unclaimed();
        count_bytes(
            &mut self.queued_bytes,
            &mut self.per_account,
            &session,
            before,
        );
        self.by_number.remove(&session.number);
        self.by_client
            .remove(&(session.who.clone(), session.client_id.clone()));
        if let Some(due) = self.wills.remove(&session.number) {
            self.say_will(&due.owner, (session.number, due.line), &due.will, now);
        }
        // Before the ledger hears that the session is over: who waits for the card waits until
        // another has the message.
        for (owed, item) in left {
            self.deliver_again(&session.owner, owed, item, now);
        }
        if session.noted {
            self.ledger
                .note(&session.owner, Record::Over(session.number), None);
        }
    }

    /// What the broker counted.
    pub fn counted(&self) -> Counters {
        let (queued, away) = self.sessions.iter().flatten().fold((0, 0), |(q, a), s| {
            (q + s.queue.len().0 as u64, a + u64::from(s.is_away()))
        });
        Counters {
            away,
            queued,
            queued_bytes: self.queued_bytes as u64,
            subscriptions: self.matcher.count.0 as u64,
            shared: self.matcher.count.1 as u64,
            retained: self.retained.len() as u64,
            retained_bytes: self.retained.bytes as u64,
            retained_refused: self.retained.refused,
            quarantined: self.strangers().count() as u64,
            owed: self.ledger.len() as u64,
            ..self.counters.clone()
        }
    }
}
