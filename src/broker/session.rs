//! What waits for one client: a bounded, counted queue and a window of unacknowledged messages.
//!
//! Invariants: a message is never dropped in silence (`dropped` counts); with QoS 1 a message stays until its
//! PUBACK, and is sent again with DUP after a reconnect; order is kept. When the queue is full the oldest
//! QoS 0 message goes first, then the oldest of all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: Arc<str>,
    pub payload: Bytes,
    pub qos: u8,
    pub retain: bool,
    /// MQTT 5 properties that go on unchanged.
    pub forward: Bytes,
    /// When it is worth nothing any more.
    pub expires: Option<Instant>,
}

impl Message {
    /// True when a reader would see no difference.
    pub fn is_same(&self, other: &Self) -> bool {
        self.payload == other.payload && self.qos == other.qos && self.forward == other.forward && self.expires.is_none() && other.expires.is_none()
    }

    /// Bytes that a client decides about.
    pub fn size(&self) -> usize {
        self.payload.len() + self.topic.len() + self.forward.len()
    }
}

/// A message for one client.
#[derive(Debug, Clone)]
pub struct Queued {
    pub message: Arc<Message>,
    pub qos: u8,
    pub retain: bool,
    pub identifier: Option<u32>,
}

impl Queued {
    fn size(&self) -> usize {
        self.message.size() + 64
    }
}

/// The queue of one session.
#[derive(Debug)]
pub struct Queue {
    /// Retained messages of a new subscription: pointers only, bounded by the retained store.
    retained: BTreeMap<Arc<str>, Queued>,
    waiting: VecDeque<Queued>,
    bytes: usize,
    flying: VecDeque<(u16, Queued)>,
    next_id: u16,
    pub window: usize,
    most: usize,
    most_bytes: usize,
    pub dropped: u64,
}

impl Queue {
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self { retained: BTreeMap::new(), waiting: VecDeque::new(), bytes: 0, flying: VecDeque::new(), next_id: 0, window: 32, most, most_bytes, dropped: 0 }
    }

    pub fn push(&mut self, item: Queued) {
        self.bytes += item.size();
        self.waiting.push_back(item);
        while self.waiting.len() > self.most || self.bytes > self.most_bytes && self.waiting.len() > 1 {
            let at = self.waiting.iter().position(|q| q.qos == 0).unwrap_or(0);
            if let Some(gone) = self.waiting.remove(at) {
                self.bytes -= gone.size();
                self.dropped += 1;
            }
        }
    }

    /// Queues a retained message of a new subscription; it goes before what is said from now on.
    pub fn push_retained(&mut self, item: Queued) {
        self.retained.insert(item.message.topic.clone(), item);
    }

    /// The next message that may be sent now, with its packet id (0 with QoS 0).
    pub fn next(&mut self, now: Instant) -> Option<(u16, Queued)> {
        loop {
            let front = self.retained.values().next().or_else(|| self.waiting.front())?;
            if front.qos > 0 && self.flying.len() >= self.window {
                return None;
            }
            let item = match self.retained.pop_first() {
                Some((_, item)) => item,
                None => {
                    let item = self.waiting.pop_front()?;
                    self.bytes -= item.size();
                    item
                }
            };
            if item.message.expires.is_some_and(|e| e <= now) {
                continue;
            }
            if item.qos == 0 {
                return Some((0, item));
            }
            let id = self.free_id();
            self.flying.push_back((id, item.clone()));
            return Some((id, item));
        }
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if !self.flying.iter().any(|(id, _)| *id == self.next_id) {
                return self.next_id;
            }
        }
    }

    /// The client has message `id`; false = it was not flying.
    pub fn acknowledge(&mut self, id: u16) -> bool {
        match self.flying.iter().position(|(i, _)| *i == id) {
            Some(at) => self.flying.remove(at).is_some(),
            None => false,
        }
    }

    /// What was sent and not acknowledged, to be sent again after a reconnect.
    pub fn again(&self) -> Vec<(u16, Queued)> {
        self.flying.iter().take(self.window).cloned().collect()
    }

    /// Forgets QoS 0 messages: they are not kept for a client that is away.
    pub fn keep_only_acknowledged(&mut self) {
        self.retained.retain(|_, q| q.qos > 0);
        self.waiting.retain(|q| q.qos > 0);
        self.bytes = self.waiting.iter().map(Queued::size).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(n: usize, qos: u8) -> Queued {
        let message = Message { topic: "t".into(), payload: Bytes::from(vec![0; n]), qos, retain: false, forward: Bytes::new(), expires: None };
        Queued { message: Arc::new(message), qos, retain: false, identifier: None }
    }

    #[tokio::test]
    async fn a_full_queue_drops_qos_0_first_and_counts() {
        let mut q = Queue::new(3, 1 << 20);
        for qos in [1, 0, 1, 1] {
            q.push(item(1, qos));
        }
        assert_eq!((q.dropped, q.waiting.len()), (1, 3));
        assert!(q.waiting.iter().all(|i| i.qos == 1));
        q.push(item(1, 1));
        assert_eq!(q.dropped, 2);
    }

    #[tokio::test]
    async fn the_window_holds_and_ids_are_not_reused_while_flying() {
        let mut q = Queue::new(100, 1 << 20);
        q.window = 2;
        (0..4).for_each(|_| q.push(item(1, 1)));
        let now = Instant::now();
        let ids: Vec<u16> = std::iter::from_fn(|| q.next(now)).map(|(id, _)| id).collect();
        assert_eq!(ids, [1, 2]);
        assert!(q.acknowledge(1) && !q.acknowledge(1));
        assert_eq!(q.next(now).expect("room").0, 3);
        assert_eq!(q.again().iter().map(|(i, _)| *i).collect::<Vec<_>>(), [2, 3]);
    }
}
