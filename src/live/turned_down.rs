//! Announcements that could not be used, and why: what `broker why`, the page Thiết bị and `doctor`
//! tell.
//!
//! Invariants: one reason per announcement; it goes when a good announcement, or a withdrawal,
//! comes on the same topic. Bounded: [`DEVICES`] devices, of each the first [`TOPICS`] topics in
//! words; of more only how many, counted up to [`COUNTED`].

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{PoisonError, RwLock};

use crate::domain::id::DeviceId;
use crate::domain::words;

/// Devices that are remembered.
const DEVICES: usize = 256;
/// Announcements of one device that are remembered in words.
const TOPICS: usize = 8;
/// Further ones that are told apart.
const COUNTED: usize = 512;
/// Longest topic and reason, characters.
const LONG: usize = 200;

/// An announcement that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedDown {
    /// Its topic.
    pub topic: String,
    /// Why, in the words of `protocol::discovery`.
    pub why: String,
    /// When it came last, wall ms.
    pub at: i64,
    /// How often it came.
    pub times: u64,
}

#[derive(Debug, Default)]
struct Device {
    told: BTreeMap<String, TurnedDown>,
    others: BTreeSet<u64>,
}

/// What is remembered.
#[derive(Debug, Default)]
pub struct Announcements(RwLock<BTreeMap<DeviceId, Device>>);

fn number(topic: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    topic.hash(&mut hasher);
    hasher.finish()
}

/// What a device wrote is printed in terminals: clean, and short.
fn short(text: &str) -> String {
    words::line(text, LONG)
}

impl Announcements {
    /// One could not be used.
    pub fn turn_down(&self, device: &DeviceId, topic: &str, why: &str, at: i64) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= DEVICES && !all.contains_key(device) {
            return;
        }
        let of = all.entry(device.clone()).or_default();
        let topic = short(topic);
        if let Some(known) = of.told.get_mut(&topic) {
            *known = TurnedDown {
                topic,
                why: short(why),
                at,
                times: known.times.saturating_add(1),
            };
        } else if of.told.len() < TOPICS {
            of.told.insert(
                topic.clone(),
                TurnedDown {
                    topic,
                    why: short(why),
                    at,
                    times: 1,
                },
            );
        } else if of.others.len() < COUNTED {
            of.others.insert(number(&topic));
        }
    }

    /// One is used, or was withdrawn.
    pub fn settle(&self, device: &DeviceId, topic: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(of) = all.get_mut(device) else {
            return;
        };
        let topic = short(topic);
        of.told.remove(&topic);
        of.others.remove(&number(&topic));
        if of.told.is_empty() && of.others.is_empty() {
            all.remove(device);
        }
    }

    /// Keeps only what is told of these devices.
    pub fn keep(&self, known: &dyn Fn(&DeviceId) -> bool) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|device, _| known(device));
    }

    /// Those of a device, and how many more there are.
    #[must_use]
    pub fn of(&self, device: &DeviceId) -> (Vec<TurnedDown>, usize) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(device)
            .map(|of| (of.told.values().cloned().collect(), of.others.len()))
            .unwrap_or_default()
    }

    /// Devices of which something is told.
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
        let (all, bridge) = (Announcements::default(), DeviceId::new("cau").expect("id"));
        let topic = |n: usize| format!("homeassistant/sensor/cau/t{n}/config");
        for n in (0..2_000).chain(0..20) {
            all.turn_down(&bridge, &topic(n), "no", 1);
        }
        let (told, others) = all.of(&bridge);
        assert_eq!((told.len(), others, told[0].times), (TOPICS, COUNTED, 2));
        for n in 0..2_000 {
            all.settle(&bridge, &topic(n));
        }
        assert_eq!(
            (all.of(&bridge), all.devices()),
            ((Vec::new(), 0), Vec::new())
        );
        for n in 0..1_000 {
            all.turn_down(
                &DeviceId::new(&format!("d{n}")).expect("id"),
                &"x".repeat(5_000),
                &"y".repeat(5_000),
                1,
            );
        }
        assert_eq!(all.devices().len(), DEVICES);
        assert!(all.of(&DeviceId::new("d0").expect("id")).0[0].why.len() <= LONG);
        all.keep(&|_| false);
        assert!(all.devices().is_empty());
    }
}
