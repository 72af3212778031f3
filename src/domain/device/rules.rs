//! Decisions about devices, and what their events change.
//!
//! Invariants: history still shows what a removed thing was. A removed thing takes with it
//! everything that depends on it; when nobody watches a sensor any more, an event ends its alarm
//! before the sensor is removed, so that no alarm stays raised for ever.

use super::{Availability, Command, Device, Event};
use crate::domain::actor::Actor;
use crate::domain::configuration::Thing;
use crate::domain::entity::Entity;
use crate::domain::event::{self, Entry};
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::light::Light;
use crate::domain::permissions::{Principal, is_device, is_one_of};
use crate::domain::rejection::{Rejection, check_capacity, emit_if, unknown};
use crate::domain::sensor::Sensor;
use crate::domain::sensor::rules::lower_alarms;
use crate::domain::state::VillageState;
use crate::domain::things::{put, remove, update_entry};
use crate::domain::token::Scope;

/// Most entities of one device.
pub const MAX_ENTITIES_PER_DEVICE: usize = 64;

/// Whether an actor other than the gateway may give this command. Only the device itself knows its
/// entities and that it is there.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        Command::Declare { .. } => is_one_of(
            state,
            actor,
            &[
                Principal::Technician,
                Principal::LocalAdmin,
                Principal::Program(Scope::Manage),
            ],
        ),
        Command::AdoptEntities { device, .. }
        | Command::WithdrawEntities { device, .. }
        | Command::ReportPresence { device, .. } => is_device(actor, device),
    }
}

/// Turns a command into events; those of sensors are among them.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<event::Event>, Rejection> {
    match command {
        Command::Declare { device } => {
            check_capacity(&state.devices, &device.id)?;
            let is_known = state
                .devices
                .get(&device.id)
                .is_some_and(|d| is_same(d, device));
            Ok(emit_if(!is_known, || {
                Event::Declared {
                    device: Device {
                        availability: Availability::Unknown,
                        ..device.clone()
                    },
                }
                .into()
            }))
        }
        Command::AdoptEntities {
            device,
            model,
            entities,
        } => decide_adoption(state, device, model, entities),
        Command::WithdrawEntities { device, entities } => {
            Ok(decide_withdrawal(state, device, entities))
        }
        Command::ReportPresence { device, here } => {
            let known = state
                .devices
                .get(device)
                .ok_or_else(|| unknown("device", device))?;
            // The retained availability message of a revoked device is still in the broker; it does
            // not mean that the device answers.
            let away = *here && state.is_revoked(device);
            Ok(emit_if(!known.availability.is(*here) && !away, || {
                Event::PresenceChanged {
                    device: device.clone(),
                    here: *here,
                }
                .into()
            }))
        }
    }
}

fn is_same(known: &Device, wanted: &Device) -> bool {
    known.name == wanted.name
        && known.place == wanted.place
        && (wanted.model.is_empty() || known.model == wanted.model)
}

/// Decides what a discovery message of a device adds or changes.
fn decide_adoption(
    state: &VillageState,
    device: &DeviceId,
    model: &str,
    entities: &[Entity],
) -> Result<Vec<event::Event>, Rejection> {
    let known = state
        .devices
        .get(device)
        .ok_or_else(|| unknown("device", device))?;
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
    Ok(emit_if(changed, || {
        Event::EntitiesAdopted {
            device: device.clone(),
            model: model.to_owned(),
            entities: fresh,
        }
        .into()
    }))
}

/// Decides which entities a device withdraws; entities of other devices are left out.
fn decide_withdrawal(
    state: &VillageState,
    device: &DeviceId,
    entities: &[EntityId],
) -> Vec<event::Event> {
    let gone: Vec<EntityId> = entities
        .iter()
        .filter(|id| state.entities.get(*id).is_some_and(|e| e.device == *device))
        .cloned()
        .collect();
    let mut events: Vec<event::Event> =
        lower_alarms(gone.iter().filter_map(|id| state.sensors.get(id)))
            .map(event::Event::from)
            .collect();
    if !gone.is_empty() {
        let withdrawn = Event::EntitiesWithdrawn {
            device: device.clone(),
            entities: gone,
        };
        events.push(withdrawn.into());
    }
    events
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    match event {
        Event::Declared { device } => put_device(state, device),
        Event::EntitiesAdopted {
            device,
            model,
            entities,
        } => {
            update_entry(&mut state.devices, device, |d| {
                model.clone_into(&mut d.model);
            });
            for entity in entities {
                adopt(state, entity);
            }
        }
        Event::EntitiesWithdrawn { entities, .. } => withdraw(state, entities),
        Event::PresenceChanged { device, here } => update_entry(&mut state.devices, device, |d| {
            d.availability = Availability::since(*here, entry.wall_ms);
        }),
    }
}

fn put_device(state: &mut VillageState, device: &Device) {
    let mut device = device.clone();
    if let Some(known) = state.devices.get(&device.id) {
        device.availability = known.availability;
        if device.model.is_empty() {
            device.model.clone_from(&known.model);
        }
    }
    put(&mut state.devices, device.id.clone(), device);
}

fn adopt(state: &mut VillageState, entity: &Entity) {
    let before = state.entities.get(&entity.id).cloned();
    if entity.kind.is_switchable() {
        remove(&mut state.sensors, &entity.id);
        let known = state.lights.get(&entity.id);
        // The state that was reported under other wiring (topic, field or payloads) is not the
        // state of the new wiring.
        let same = before.as_ref().is_none_or(|b| b.state == entity.state);
        let light = Light {
            id: entity.id.clone(),
            name: entity.name.clone(),
            group: known
                .and_then(|l| l.group.clone())
                .or_else(|| state.group_of(&entity.id)),
            desired: known.and_then(|l| l.desired),
            previous: known.and_then(|l| l.previous),
            reported: known.and_then(|l| l.reported).filter(|_| same),
        };
        put(&mut state.lights, entity.id.clone(), light);
    } else {
        remove(&mut state.lights, &entity.id);
        // A sensor whose name and thresholds nobody set takes the name and unit that its device
        // announces now.
        let known = state.sensors.get(&entity.id);
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
            let sensor = Sensor {
                alarm,
                ..Sensor::of(entity)
            };
            put(&mut state.sensors, entity.id.clone(), sensor);
        }
    }
    put(&mut state.entities, entity.id.clone(), entity.clone());
}

/// Removes entities with their lamps and sensors.
pub(in crate::domain) fn withdraw(state: &mut VillageState, entities: &[EntityId]) {
    for id in entities {
        remove(&mut state.entities, id);
        remove(&mut state.lights, id);
        // A sensor that has thresholds, or that the configuration names, stays with its name and
        // loses only its alarm.
        if state
            .sensors
            .get(id)
            .is_some_and(|s| s.thresholds.is_empty())
            && !state.configured.contains(&Thing::Sensor(id.clone()))
        {
            remove(&mut state.sensors, id);
        } else {
            update_entry(&mut state.sensors, id, |s| s.alarm = None);
        }
    }
}
