//! Messages on topics that no entity reads yet.
//!
//! A broker delivers retained messages in its own order, and a device may publish a state before
//! it announces what the state is of: the last message of such a topic is kept for the entity to
//! come, as if the gateway had subscribed to it then.
//!
//! Invariants: bounded in messages, bytes and time, for each device and for all; a device drops
//! only what it sent itself. Nothing is kept on disk: a retained message comes again.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::id::DeviceId;
use crate::time::MonoMs;

/// Most topics of one device: an announcement of each may wait for the rate limit meanwhile.
const MAX_TOPICS_OF_DEVICE: usize = 64;
/// Most topics of all devices.
const MAX_TOPICS: usize = 2_048;
/// Largest payload, bytes; a larger one is not kept.
const MAX_PAYLOAD_BYTES: usize = 1_024;
/// How long a message is kept: longer than any announcement waits for the rate limit, ms.
const KEPT_MS: u64 = 10 * 60 * 1_000;

/// A message whose topic no entity read when it came.
pub(super) struct UnclaimedMessage {
    topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retained: bool,
    /// When it arrived.
    pub(super) at: MonoMs,
}

/// The last message of every such topic, the oldest of each device first.
#[derive(Default)]
pub(super) struct UnclaimedMessages {
    by_device: BTreeMap<DeviceId, VecDeque<UnclaimedMessage>>,
    count: usize,
}

impl UnclaimedMessages {
    /// Keeps a message instead of an earlier one of its topic.
    pub(super) fn keep(
        &mut self,
        device: &DeviceId,
        topic: &str,
        payload: &[u8],
        retained: bool,
        at: MonoMs,
    ) {
        let _ = self.take(device, topic);
        if payload.is_empty() || payload.len() > MAX_PAYLOAD_BYTES {
            return;
        }
        let is_full = self.count >= MAX_TOPICS;
        if is_full && !self.by_device.contains_key(device) {
            return;
        }
        let own = self.by_device.entry(device.clone()).or_default();
        if is_full || own.len() >= MAX_TOPICS_OF_DEVICE {
            self.count -= usize::from(own.pop_front().is_some());
        }
        own.push_back(UnclaimedMessage {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            retained,
            at,
        });
        self.count += 1;
    }

    /// The message of a topic, for the entity that reads it from now on.
    pub(super) fn take(&mut self, device: &DeviceId, topic: &str) -> Option<UnclaimedMessage> {
        let own = self.by_device.get_mut(device)?;
        let place = own.iter().position(|m| m.topic == topic)?;
        let message = own.remove(place)?;
        if own.is_empty() {
            self.by_device.remove(device);
        }
        self.count -= 1;
        Some(message)
    }

    /// Drops what nothing claimed in time.
    pub(super) fn expire(&mut self, now: MonoMs) {
        self.by_device.retain(|_, own| {
            let before = own.len();
            own.retain(|m| now.since(m.at) < KEPT_MS);
            self.count -= before - own.len();
            !own.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> DeviceId {
        DeviceId::new(name).expect("an id")
    }

    #[test]
    fn the_last_message_of_a_topic_is_given_once_and_only_in_time() {
        let mut kept = UnclaimedMessages::default();
        let (lamp, start) = (device("den-01"), MonoMs::new(1_000));
        kept.keep(&lamp, "d/den-01/s", b"ON", true, start);
        kept.keep(&lamp, "d/den-01/s", b"OFF", false, start);
        let last = kept.take(&lamp, "d/den-01/s").expect("kept");
        assert_eq!((&last.payload[..], last.retained), (&b"OFF"[..], false));
        assert!(kept.take(&lamp, "d/den-01/s").is_none(), "once");
        kept.keep(&lamp, "d/den-01/s", b"ON", true, start);
        kept.expire(MonoMs::new(1_000 + KEPT_MS - 1));
        assert_eq!(kept.count, 1);
        kept.expire(MonoMs::new(1_000 + KEPT_MS));
        assert_eq!((kept.count, kept.by_device.len()), (0, 0));
    }

    #[test]
    fn a_device_that_floods_drops_its_own_messages_only() {
        let mut kept = UnclaimedMessages::default();
        let start = MonoMs::new(0);
        kept.keep(&device("den-01"), "d/den-01/s", b"ON", true, start);
        for n in 0..40 {
            for topic in 0..200 {
                let (noisy, topic) = (format!("n-{n}"), format!("d/n-{n}/{topic}"));
                kept.keep(&device(&noisy), &topic, b"1", false, start);
            }
        }
        assert_eq!(kept.count, MAX_TOPICS);
        let sizes = kept.by_device.values().map(VecDeque::len);
        assert_eq!(sizes.sum::<usize>(), MAX_TOPICS);
        assert!(kept.take(&device("n-0"), "d/n-0/199").is_some(), "its last");
        assert!(kept.take(&device("den-01"), "d/den-01/s").is_some());
        kept.keep(&device("den-02"), "d/den-02/s", b"ON", true, start);
        kept.keep(
            &device("den-02"),
            "d/den-02/big",
            &[b'1'; 1_025],
            true,
            start,
        );
        assert!(kept.take(&device("den-02"), "d/den-02/big").is_none());
        assert!(kept.take(&device("den-02"), "d/den-02/s").is_some());
    }
}
