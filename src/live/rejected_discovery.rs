//! Discovery messages that could not be used, and why: shown by `broker why`, the page Thiết bị and
//! `doctor`.
//!
//! Invariants: one reason per topic; it is removed when a usable discovery message, or a
//! withdrawal, arrives on the same topic. Bounded: `MAX_DEVICES` devices, of each the first
//! `MAX_TOPICS_PER_DEVICE` topics with their reasons; further topics are only counted, up to
//! `MAX_COUNTED_PER_DEVICE`.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{PoisonError, RwLock};

use crate::domain::id::DeviceId;
use crate::domain::text;
use crate::protocol::discovery::DiscoveryError;
use crate::time::WallMs;

/// Most devices that are recorded.
const MAX_DEVICES: usize = 256;
/// Most discovery messages of one device that are recorded with their reasons.
const MAX_TOPICS_PER_DEVICE: usize = 8;
/// Most further topics of one device that are counted, each once.
const MAX_COUNTED_PER_DEVICE: usize = 512;
/// Longest topic, characters.
const MAX_TOPIC_CHARS: usize = 200;

/// A discovery message that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedDiscovery {
    /// Its topic.
    pub topic: String,
    /// Why.
    pub why: DiscoveryError,
    /// When it came last.
    pub at: WallMs,
    /// How often it came.
    pub times: u64,
}

#[derive(Debug, Default)]
struct RejectedOfDevice {
    rejected: BTreeMap<String, RejectedDiscovery>,
    others: BTreeSet<u64>,
}

/// The rejected discovery messages of all devices.
#[derive(Debug, Default)]
pub struct RejectedDiscoveries(RwLock<BTreeMap<DeviceId, RejectedOfDevice>>);

fn topic_hash(topic: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    topic.hash(&mut hasher);
    hasher.finish()
}

/// A device's text as a clean, short line, because it is printed in terminals.
fn short(text: &str) -> String {
    text::line(text, MAX_TOPIC_CHARS)
}

impl RejectedDiscoveries {
    /// Records a discovery message that could not be used.
    pub fn record(&self, device: &DeviceId, topic: &str, why: DiscoveryError, at: WallMs) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_DEVICES && !all.contains_key(device) {
            return;
        }
        let of = all.entry(device.clone()).or_default();
        let topic = short(topic);
        if let Some(known) = of.rejected.get_mut(&topic) {
            *known = RejectedDiscovery {
                topic,
                why,
                at,
                times: known.times.saturating_add(1),
            };
        } else if of.rejected.len() < MAX_TOPICS_PER_DEVICE {
            of.rejected.insert(
                topic.clone(),
                RejectedDiscovery {
                    topic,
                    why,
                    at,
                    times: 1,
                },
            );
        } else if of.others.len() < MAX_COUNTED_PER_DEVICE {
            of.others.insert(topic_hash(&topic));
        }
    }

    /// Removes the reason of a topic whose discovery message is now used or was withdrawn.
    pub fn resolve(&self, device: &DeviceId, topic: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(of) = all.get_mut(device) else {
            return;
        };
        let topic = short(topic);
        of.rejected.remove(&topic);
        of.others.remove(&topic_hash(&topic));
        if of.rejected.is_empty() && of.others.is_empty() {
            all.remove(device);
        }
    }

    /// Removes all devices except those for which `known` is true.
    pub fn retain(&self, known: &dyn Fn(&DeviceId) -> bool) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|device, _| known(device));
    }

    /// The recorded discovery messages of a device, and how many more there are.
    #[must_use]
    pub fn of(&self, device: &DeviceId) -> (Vec<RejectedDiscovery>, usize) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(device)
            .map(|of| (of.rejected.values().cloned().collect(), of.others.len()))
            .unwrap_or_default()
    }

    /// Devices with rejected discovery messages.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceId> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_goes() {
        let (all, bridge) = (
            RejectedDiscoveries::default(),
            DeviceId::new("cau").expect("id"),
        );
        let topic = |n: usize| format!("homeassistant/sensor/cau/t{n}/config");
        for n in (0..2_000).chain(0..20) {
            all.record(
                &bridge,
                &topic(n),
                DiscoveryError::NotObject,
                WallMs::new(1),
            );
        }
        let (told, others) = all.of(&bridge);
        assert_eq!(
            (told.len(), others, told[0].times),
            (MAX_TOPICS_PER_DEVICE, MAX_COUNTED_PER_DEVICE, 2)
        );
        for n in 0..2_000 {
            all.resolve(&bridge, &topic(n));
        }
        assert_eq!(
            (all.of(&bridge), all.devices()),
            ((Vec::new(), 0), Vec::new())
        );
        for n in 0..1_000 {
            all.record(
                &DeviceId::new(&format!("d{n}")).expect("id"),
                &"x".repeat(5_000),
                DiscoveryError::NotObject,
                WallMs::new(1),
            );
        }
        assert_eq!(all.devices().len(), MAX_DEVICES);
        assert!(all.of(&DeviceId::new("d0").expect("id")).0[0].topic.len() <= MAX_TOPIC_CHARS);
        all.retain(&|_| false);
        assert!(all.devices().is_empty());
    }
}
