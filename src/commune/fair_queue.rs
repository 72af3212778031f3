//! Messages of villages that are not handled yet: a short queue for each village, and villages in
//! turn, one message at a time.
//!
//! Invariants: a village waits for at most one message of each other village, however many they
//! send. A message beyond the room of its village is dropped, and the village's own protocol sends
//! it again. Nothing here waits for a village.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Queued messages of one village: two batches, a hello, some outcomes.
const MAX_MESSAGES_PER_VILLAGE: usize = 16;
/// Queued bytes of one village: two of the largest batches and some small messages.
const MAX_BYTES_PER_VILLAGE: usize = 640 * 1024;
/// Villages of one round; their batches are stored in one transaction.
const MAX_VILLAGES_PER_ROUND: usize = 32;
/// Queued bytes of all villages. Beyond it, each village has room for one message.
const MAX_BYTES_TOTAL: usize = 24 * 1024 * 1024;

#[derive(Default)]
struct PendingMessages {
    messages: VecDeque<Bytes>,
    bytes: usize,
}

#[derive(Default)]
struct QueueInner {
    by_village: BTreeMap<String, PendingMessages>,
    /// Villages with queued messages, in the order of their turns.
    ready: VecDeque<String>,
    bytes: usize,
}

/// The queues of all villages.
#[derive(Default)]
pub(super) struct FairQueue {
    inner: Mutex<QueueInner>,
    notify: Notify,
}

impl FairQueue {
    /// Queues a message of a village; false = it has no room, and the message is dropped.
    pub(super) fn push(&self, village: &str, message: Bytes) -> bool {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        let size = message.len();
        let waiting = inner.by_village.entry(village.to_owned()).or_default();
        let is_full = waiting.messages.len() >= MAX_MESSAGES_PER_VILLAGE
            || waiting.bytes + size > MAX_BYTES_PER_VILLAGE
            || inner.bytes + size > MAX_BYTES_TOTAL;
        if is_full && !waiting.messages.is_empty() {
            return false;
        }
        if waiting.messages.is_empty() {
            inner.ready.push_back(village.to_owned());
        }
        waiting.messages.push_back(message);
        waiting.bytes += size;
        inner.bytes += size;
        drop(guard);
        self.notify.notify_one();
        true
    }

    fn pop_round(&self) -> Vec<(String, Bytes)> {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        let mut round = Vec::new();
        for _ in 0..inner.ready.len().min(MAX_VILLAGES_PER_ROUND) {
            let Some(village) = inner.ready.pop_front() else {
                break;
            };
            let Some(waiting) = inner.by_village.get_mut(&village) else {
                continue;
            };
            let Some(message) = waiting.messages.pop_front() else {
                continue;
            };
            waiting.bytes -= message.len();
            inner.bytes -= message.len();
            if !waiting.messages.is_empty() {
                inner.ready.push_back(village.clone());
            }
            round.push((village, message));
        }
        round
    }

    /// The next messages, one of each village whose turn it is. Only one task may wait here.
    pub(super) async fn next(&self) -> Vec<(String, Bytes)> {
        loop {
            let round = self.pop_round();
            if !round.is_empty() {
                return round;
            }
            self.notify.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_says_much_keeps_nobody_waiting_and_has_its_room() {
        let turns = FairQueue::default();
        let taken = (0..1_000)
            .filter(|_| turns.push("loud", Bytes::from_static(b"x")))
            .count();
        assert_eq!(taken, MAX_MESSAGES_PER_VILLAGE);
        for village in ["a", "b"] {
            assert!(
                turns.push(village, Bytes::from_static(b"1"))
                    && turns.push(village, Bytes::from_static(b"2"))
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
            turns.push("loud", Bytes::from_static(b"x")),
            "its room comes back"
        );
    }

    #[tokio::test]
    async fn all_together_are_bounded_and_each_still_has_room_for_one() {
        let turns = FairQueue::default();
        let large = Bytes::from(vec![0; 256 * 1024]);
        let mut names: Vec<String> = (0..200).map(|n| format!("v{n}")).collect();
        for name in &names {
            turns.push(name, large.clone());
        }
        assert!(
            !turns.push(&names[0], large.clone()),
            "the second has no room"
        );
        names.push("new".into());
        assert!(turns.push("new", large));
        let mut heard = Vec::new();
        while heard.len() < names.len() {
            let round = turns.next().await;
            assert!(round.len() <= MAX_VILLAGES_PER_ROUND);
            heard.extend(round.into_iter().map(|(village, _)| village));
        }
        assert_eq!(heard, names);
        assert_eq!(turns.inner.lock().expect("lock").bytes, 0);
    }
}
