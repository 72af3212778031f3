//! Things that were declared once and are not any more: entities that their device withdrew,
//! devices whose account was revoked, things that left the configuration.
//!
//! Invariants: history still shows what a removed thing was. A removed thing takes with it
//! everything that depends on it. When nobody watches a sensor any more, an event ends its alarm
//! before the sensor is removed, so that no alarm stays raised for ever.
//! [`VillageState::configured`] remembers the things that the configuration named: when one of them
//! leaves the configuration it is removed, and things that people added in another way stay.

use std::sync::Arc;

use super::declared::Thing;
use super::device::Availability;
use super::entity::Entity;
use super::event::Event;
use super::id::{DeviceId, EntityId};
use super::rejection::Rejection;
use super::sensor::Sensor;
use super::state::VillageState;

/// Most entities of one device.
pub const MAX_ENTITIES_PER_DEVICE: usize = 64;

/// The events that end the alarms of `sensors`, which nobody watches any more.
fn lower_alarms<'a>(sensors: impl Iterator<Item = &'a Arc<Sensor>>) -> Vec<Event> {
    sensors
        .filter_map(|s| {
            s.alarm.map(|a| Event::SensorAlarmLowered {
                sensor: s.id.clone(),
                level: 0,
                value: a.value,
            })
        })
        .collect()
}

fn sensors_of<'a>(
    state: &'a VillageState,
    device: &'a DeviceId,
) -> impl Iterator<Item = &'a Arc<Sensor>> {
    state.sensors.values().filter(move |s| {
        state
            .entities
            .get(&s.id)
            .is_some_and(|e| e.device == *device)
    })
}

/// Decides what a discovery message of a device adds or changes.
pub(super) fn adopt(
    state: &VillageState,
    device: &DeviceId,
    model: &str,
    entities: &[Entity],
) -> Result<Vec<Event>, Rejection> {
    let unknown = || Rejection::Unknown {
        what: "device".to_owned(),
        id: device.to_string(),
    };
    let known = state.devices.get(device).ok_or_else(unknown)?;
    let held = state
        .entities
        .values()
        .filter(|e| e.device == *device && !entities.iter().any(|n| n.id == e.id))
        .count();
    if held + entities.len() > MAX_ENTITIES_PER_DEVICE {
        return Err(Rejection::TooMany {
            most: MAX_ENTITIES_PER_DEVICE as u64,
        });
    }
    // An entity id keeps its device and its kind. If a discovery message could use it for another
    // kind, or for an entity of another device, it would end the alarm of the entity that has the
    // id.
    if let Some(foreign) = entities.iter().find(|e| {
        e.device != *device
            || state
                .entities
                .get(&e.id)
                .is_some_and(|k| k.device != *device || k.kind != e.kind)
    }) {
        return Err(Rejection::Exists {
            id: foreign.id.to_string(),
        });
    }
    let fresh: Vec<_> = entities
        .iter()
        .filter(|e| state.entities.get(&e.id).is_none_or(|k| **k != **e))
        .cloned()
        .collect();
    let changed = !fresh.is_empty() || known.model != model;
    Ok(if changed {
        vec![Event::EntitiesAdopted {
            device: device.clone(),
            model: model.to_owned(),
            entities: fresh,
        }]
    } else {
        Vec::new()
    })
}

/// Decides which entities a device withdraws; entities of other devices are left out.
pub(super) fn withdraw(
    state: &VillageState,
    device: &DeviceId,
    entities: &[EntityId],
) -> Vec<Event> {
    let gone: Vec<EntityId> = entities
        .iter()
        .filter(|id| state.entities.get(*id).is_some_and(|e| e.device == *device))
        .cloned()
        .collect();
    let mut events = lower_alarms(gone.iter().filter_map(|id| state.sensors.get(id)));
    if !gone.is_empty() {
        events.push(Event::EntitiesWithdrawn {
            device: device.clone(),
            entities: gone,
        });
    }
    events
}

/// A person revokes an account. From then on nobody reports how the device's sensors are, so their
/// alarms end with it.
pub(super) fn revoke(state: &VillageState, account: &DeviceId) -> Result<Vec<Event>, Rejection> {
    if !state.accounts.contains_key(account) {
        return Err(Rejection::Unknown {
            what: "account".to_owned(),
            id: account.to_string(),
        });
    }
    let mut events = vec![Event::AccessRevoked {
        account: account.clone(),
    }];
    events.extend(lower_alarms(sensors_of(state, account)));
    Ok(events)
}

/// A thing left the configuration. Things that the configuration never named stay.
pub(super) fn put_away(state: &VillageState, thing: &Thing) -> Vec<Event> {
    if !state.configured.contains(thing) {
        return Vec::new();
    }
    // A device whose account a technician granted stays, even when the configuration stops naming
    // it.
    let kept = |id: &DeviceId| {
        state.accounts.contains_key(id) && !state.configured.contains(&Thing::Account(id.clone()))
    };
    let mut events = match thing {
        Thing::Device(id) if kept(id) => return Vec::new(),
        Thing::Device(id) | Thing::Account(id) => lower_alarms(sensors_of(state, id)),
        Thing::Sensor(id) => {
            let still = |s: &Sensor| {
                state.entities.get(&s.id).is_some_and(|e| {
                    Sensor {
                        thresholds: Vec::new(),
                        ..s.clone()
                    }
                    .can_alarm(e)
                })
            };
            lower_alarms(state.sensors.get(id).filter(|s| !still(s)).into_iter())
        }
        _ => Vec::new(),
    };
    events.push(Event::ThingPutAway {
        thing: thing.clone(),
    });
    events
}

/// Records those of `things` that the configuration did not name before.
pub(super) fn note_configured(state: &VillageState, things: &[Thing]) -> Vec<Event> {
    let fresh: Vec<Thing> = things
        .iter()
        .filter(|t| !state.configured.contains(t))
        .cloned()
        .collect();
    if fresh.is_empty() {
        Vec::new()
    } else {
        vec![Event::Configured { things: fresh }]
    }
}

impl VillageState {
    pub(super) fn adopt(&mut self, device: &DeviceId, model: &str, entities: &[Entity]) {
        super::state::update_entry(&mut self.devices, device, |d| {
            model.clone_into(&mut d.model);
        });
        for entity in entities {
            self.adopt_one(entity);
        }
    }

    fn adopt_one(&mut self, entity: &Entity) {
        let before = self.entities.get(&entity.id).cloned();
        if entity.kind.is_switchable() {
            remove(&mut self.sensors, &entity.id);
            let known = self.lights.get(&entity.id);
            // The state that was reported under other wiring (topic, field or payloads) is not the
            // state of the new wiring.
            let same = before.as_ref().is_none_or(|b| b.state == entity.state);
            let light = super::light::Light {
                id: entity.id.clone(),
                name: entity.name.clone(),
                group: known
                    .and_then(|l| l.group.clone())
                    .or_else(|| self.group_of(&entity.id)),
                desired: known.and_then(|l| l.desired),
                reported: known.and_then(|l| l.reported).filter(|_| same),
            };
            super::state::put(&mut self.lights, entity.id.clone(), light);
        } else {
            remove(&mut self.lights, &entity.id);
            // A sensor whose name and thresholds nobody set takes the name and unit that its device
            // announces now.
            let known = self.sensors.get(&entity.id);
            let announced = |s: &Sensor| {
                before.as_ref().is_some_and(|b| {
                    *s == Sensor {
                        alarm: s.alarm,
                        ..Sensor::of(b)
                    }
                })
            };
            if known.is_none_or(|s| announced(s)) {
                let alarm = known.and_then(|s| s.alarm);
                super::state::put(
                    &mut self.sensors,
                    entity.id.clone(),
                    Sensor {
                        alarm,
                        ..Sensor::of(entity)
                    },
                );
            }
        }
        super::state::put(&mut self.entities, entity.id.clone(), entity.clone());
    }

    pub(super) fn withdraw(&mut self, entities: &[EntityId]) {
        for id in entities {
            remove(&mut self.entities, id);
            remove(&mut self.lights, id);
            // A sensor that has thresholds, or that the configuration names, stays with its name
            // and loses only its alarm.
            if self
                .sensors
                .get(id)
                .is_some_and(|s| s.thresholds.is_empty())
                && !self.configured.contains(&Thing::Sensor(id.clone()))
            {
                remove(&mut self.sensors, id);
            } else {
                super::state::update_entry(&mut self.sensors, id, |s| s.alarm = None);
            }
        }
    }

    pub(super) fn put_away(&mut self, thing: &Thing) {
        Arc::make_mut(&mut self.configured).remove(thing);
        match thing {
            Thing::Place(id) => remove(&mut self.places, id),
            Thing::Account(id) => {
                remove(&mut self.accounts, id);
                super::state::update_entry(&mut self.devices, id, |d| {
                    d.availability = Availability::Unknown;
                });
            }
            Thing::Group(id) => {
                remove(&mut self.groups, id);
                let lights: Vec<EntityId> = self
                    .lights
                    .values()
                    .filter(|l| l.group.as_ref() == Some(id))
                    .map(|l| l.id.clone())
                    .collect();
                for light in &lights {
                    super::state::update_entry(&mut self.lights, light, |l| l.group = None);
                }
            }
            Thing::Speaker(id) => remove(&mut self.speakers, id),
            Thing::Sensor(id) => match self.entities.get(id).cloned() {
                Some(entity) => super::state::update_entry(&mut self.sensors, id, |s| {
                    *s = Sensor {
                        alarm: s.alarm,
                        ..Sensor::of(&entity)
                    }
                }),
                None => remove(&mut self.sensors, id),
            },
            Thing::Device(id) => {
                let entities: Vec<EntityId> = self
                    .entities
                    .values()
                    .filter(|e| e.device == *id)
                    .map(|e| e.id.clone())
                    .collect();
                self.withdraw(&entities);
                remove(&mut self.devices, id);
                remove(&mut self.accounts, id);
                Arc::make_mut(&mut self.configured).remove(&Thing::Account(id.clone()));
                if self.revoked.contains(id) {
                    Arc::make_mut(&mut self.revoked).remove(id);
                }
            }
        }
    }
}

fn remove<K: Ord + Clone, V>(things: &mut super::state::Things<K, V>, key: &K) {
    if things.contains_key(key) {
        Arc::make_mut(things).remove(key);
    }
}
