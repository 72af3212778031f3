//! What villages said and nobody looked at yet: a short queue for each, and villages in turn, one
//! message at a time.
//!
//! Invariants: a village waits for at most one message of each other village, however much they
//! say; what it says beyond its own room is dropped, and comes again by its own protocol. Nothing
//! here waits for a village.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Messages of one village that wait: two batches, a greeting, some outcomes.
const MESSAGES: usize = 16;
/// Their bytes: two of the largest batches and what is small.
const BYTES: usize = 640 * 1024;
/// Villages of one round: what they say is stored in one go.
const ROUND: usize = 32;
/// Bytes of all villages together; then each has room for one message.
const BYTES_ALL: usize = 24 * 1024 * 1024;

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Bytes>,
    bytes: usize,
}

#[derive(Default)]
struct Inner {
    of: BTreeMap<String, Waiting>,
    /// Villages that have something waiting, in the order of their turns.
    turns: VecDeque<String>,
    bytes: usize,
}

/// The queues.
#[derive(Default)]
pub(super) struct Turns {
    inner: Mutex<Inner>,
    came: Notify,
}

impl Turns {
    /// Puts a message into the queue of its village; false = there is no room, it is dropped.
    pub(super) fn put(&self, village: &str, message: Bytes) -> bool {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        let size = message.len();
        let waiting = inner.of.entry(village.to_owned()).or_default();
        let is_full = waiting.messages.len() >= MESSAGES
            || waiting.bytes + size > BYTES
            || inner.bytes + size > BYTES_ALL;
        if is_full && !waiting.messages.is_empty() {
            return false;
        }
        if waiting.messages.is_empty() {
            inner.turns.push_back(village.to_owned());
        }
        waiting.messages.push_back(message);
        waiting.bytes += size;
        inner.bytes += size;
        drop(guard);
        self.came.notify_one();
        true
    }

    fn take(&self) -> Vec<(String, Bytes)> {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        let mut round = Vec::new();
        for _ in 0..inner.turns.len().min(ROUND) {
            let Some(village) = inner.turns.pop_front() else {
                break;
            };
            let Some(waiting) = inner.of.get_mut(&village) else {
                continue;
            };
            let Some(message) = waiting.messages.pop_front() else {
                continue;
            };
            waiting.bytes -= message.len();
            inner.bytes -= message.len();
            if !waiting.messages.is_empty() {
                inner.turns.push_back(village.clone());
            }
            round.push((village, message));
        }
        round
    }

    /// The next messages, one of each village whose turn it is; one hearer only.
    pub(super) async fn next(&self) -> Vec<(String, Bytes)> {
        loop {
            let round = self.take();
            if !round.is_empty() {
                return round;
            }
            self.came.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_says_much_keeps_nobody_waiting_and_has_its_room() {
        let turns = Turns::default();
        let taken = (0..1_000)
            .filter(|_| turns.put("loud", Bytes::from_static(b"x")))
            .count();
        assert_eq!(taken, MESSAGES);
        for village in ["a", "b"] {
            assert!(
                turns.put(village, Bytes::from_static(b"1"))
                    && turns.put(village, Bytes::from_static(b"2"))
            );
        }
        for _ in 0..2 {
            let round: Vec<String> = turns
                .next()
                .await
                .into_iter()
                .map(|(village, _)| village)
                .collect();
            assert_eq!(round, ["loud", "a", "b"]);
        }
        assert_eq!(turns.next().await.len(), 1, "the rest is the loud one's");
        assert!(
            turns.put("loud", Bytes::from_static(b"x")),
            "its room comes back"
        );
    }

    #[tokio::test]
    async fn all_together_are_bounded_and_each_still_has_room_for_one() {
        let turns = Turns::default();
        let large = Bytes::from(vec![0; 256 * 1024]);
        let mut names: Vec<String> = (0..200).map(|n| format!("v{n}")).collect();
        for name in &names {
            turns.put(name, large.clone());
        }
        assert!(
            !turns.put(&names[0], large.clone()),
            "the second has no room"
        );
        names.push("new".into());
        assert!(turns.put("new", large));
        let mut heard = Vec::new();
        while heard.len() < names.len() {
            let round = turns.next().await;
            assert!(round.len() <= ROUND);
            heard.extend(round.into_iter().map(|(village, _)| village));
        }
        assert_eq!(heard, names);
        assert_eq!(turns.inner.lock().expect("lock").bytes, 0);
    }
}
