//! The latest value of each entity, and when each device last published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::domain::entity::Entity;
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::light::{Light, Reported};
use crate::domain::state::VillageState;
use crate::time::{MonoMs, WallMs};

/// A device that publishes after this long a silence may have been disconnected: services that wait
/// for it are woken, ms.
const RETURN_AFTER_SILENCE_MS: u64 = 3_000;

/// A value as it was received.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// The number; 1 and 0 for on and off.
    pub number: f64,
    /// When.
    pub at: WallMs,
    /// The same moment, of this process.
    pub mono_ms: MonoMs,
    /// It came as a retained message, so it is not known when it was published.
    pub retained: bool,
}

#[derive(Debug, Default)]
struct LatestValues {
    values: BTreeMap<EntityId, Value>,
    /// Entities whose last message was no valid value.
    invalid: BTreeSet<EntityId>,
    last_seen: BTreeMap<DeviceId, MonoMs>,
}

/// Latest values; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Latest {
    inner: Arc<RwLock<LatestValues>>,
    changed: watch::Sender<u64>,
}

impl Latest {
    /// Takes a value and wakes the watchers. A retained value that is received again does not
    /// become newer.
    pub fn set(&self, entity: &EntityId, value: Value) {
        {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            inner.invalid.remove(entity);
            let known = inner.values.entry(entity.clone()).or_insert(value);
            if !value.retained || known.number.to_bits() != value.number.to_bits() {
                *known = value;
            }
        }
        self.changed.send_modify(|n| *n += 1);
    }

    /// Its last message is no valid value: the state of the entity is not known any more.
    pub fn set_invalid(&self, entity: &EntityId) {
        {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            inner.values.remove(entity);
            inner.invalid.insert(entity.clone());
        }
        self.changed.send_modify(|n| *n += 1);
    }

    /// True when its last message was no valid value.
    #[must_use]
    pub fn is_invalid(&self, entity: &EntityId) -> bool {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .invalid
            .contains(entity)
    }

    /// Drops the value of an entity that was removed, or whose messages are now read in another
    /// way.
    pub fn forget(&self, entity: &EntityId) {
        {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            inner.values.remove(entity);
            inner.invalid.remove(entity);
        }
        self.changed.send_modify(|n| *n += 1);
    }

    /// True when the latest value is older than its device promised (`expire_after`), so that it
    /// may not hold any more. `online_since` is since when the link to the broker is up. None = the
    /// link is down: then no value counts as expired, because silence is not the
    /// device's fault.
    #[must_use]
    pub fn is_expired(&self, entity: &Entity, now: MonoMs, online_since: Option<MonoMs>) -> bool {
        let Some(since) = online_since.filter(|_| entity.expire_after_s > 0) else {
            return false;
        };
        self.get(&entity.id).is_some_and(|v| {
            now.since(v.mono_ms.max(since)) > u64::from(entity.expire_after_s) * 1000
        })
    }

    /// The latest value.
    #[must_use]
    pub fn get(&self, entity: &EntityId) -> Option<Value> {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values
            .get(entity)
            .copied()
    }

    /// The last reported state of a lamp, whether it is an entry already or not yet.
    #[must_use]
    pub fn reported(&self, light: &Light) -> Option<Reported> {
        let word = self.get(&light.id).map(|v| Reported {
            on: v.number > 0.5,
            at: v.at,
        });
        word.filter(|w| light.reported.is_none_or(|r| r.on != w.on))
            .or(light.reported)
    }

    /// The state of the village with the last reported states of its lamps. Entries may be written
    /// later, but pages and orders use the newest state at once.
    #[must_use]
    pub fn overlay(&self, state: &Arc<VillageState>) -> Arc<VillageState> {
        let newer = |l: &Arc<Light>| {
            Some((
                l.id.clone(),
                self.reported(l)
                    .filter(|r| l.reported != Some(*r) && !is_revoked(state, l))?,
            ))
        };
        let words: Vec<(EntityId, Reported)> = state.lights.values().filter_map(newer).collect();
        if words.is_empty() {
            return state.clone();
        }
        let mut now = VillageState::clone(state);
        let lights = Arc::make_mut(&mut now.lights);
        for (id, word) in words {
            if let Some(light) = lights.get_mut(&id) {
                Arc::make_mut(light).reported = Some(word);
            }
        }
        Arc::new(now)
    }

    /// A device published a message now.
    pub fn mark_seen(&self, device: &DeviceId, now: MonoMs) {
        let before = self
            .inner
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .last_seen
            .insert(device.clone(), now);
        if before.is_none_or(|at| now.since(at) >= RETURN_AFTER_SILENCE_MS) {
            self.changed.send_modify(|n| *n += 1);
        }
    }

    /// When a device last published.
    #[must_use]
    pub fn last_seen(&self, device: &DeviceId) -> Option<MonoMs> {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .last_seen
            .get(device)
            .copied()
    }

    /// Wakes after each change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// True when the lamp's device was revoked: its retained messages do not count.
fn is_revoked(state: &VillageState, light: &Light) -> bool {
    state
        .device_of(&light.id)
        .is_some_and(|d| state.is_revoked(&d.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entity::{Kind, StateTopic};

    #[test]
    fn a_value_holds_as_long_as_its_device_promised() {
        let id = EntityId::new("bk-01.smoke").expect("id");
        let source = StateTopic {
            topic: "d/bk-01/smoke".into(),
            field: None,
            on: "ON".into(),
            off: "OFF".into(),
        };
        let entity = Entity {
            id: id.clone(),
            device: DeviceId::new("bk-01").expect("id"),
            name: String::new(),
            kind: Kind::BinarySensor,
            state: source,
            order: None,
            availability: None,
            unit: String::new(),
            class: "smoke".into(),
            expire_after_s: 60,
            off_delay_s: 0,
        };
        let latest = Latest::default();
        assert!(
            !latest.is_expired(&entity, MonoMs::new(1_000_000), Some(MonoMs::START)),
            "what was never said is not old"
        );
        latest.set(
            &id,
            Value {
                number: 0.0,
                at: WallMs::default(),
                mono_ms: MonoMs::new(1_000),
                retained: false,
            },
        );
        // Other messages of its device do not count: the sensor may be broken while the device
        // still publishes.
        latest.mark_seen(&entity.device, MonoMs::new(61_000));
        assert_eq!(
            [61_000, 61_001].map(|ms| latest.is_expired(
                &entity,
                MonoMs::new(ms),
                Some(MonoMs::START)
            )),
            [false, true]
        );
        assert!(
            !latest.is_expired(&entity, MonoMs::new(200_000), None),
            "nobody can be heard now"
        );
        assert!(
            !latest.is_expired(&entity, MonoMs::new(200_000), Some(MonoMs::new(150_000))),
            "it has had no minute yet"
        );
        assert!(
            !latest.is_expired(
                &Entity {
                    expire_after_s: 0,
                    ..entity
                },
                MonoMs::MAX,
                Some(MonoMs::START)
            ),
            "it promised nothing"
        );
    }
}
