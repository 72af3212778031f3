//! Decisions about the things of the configuration, and what their events change.
//!
//! Invariant: [`VillageState::configured`] remembers the things that the configuration named. When
//! one of them leaves the configuration it is removed with everything that depends on it; things
//! that people added in another way stay.

use std::sync::Arc;

use super::{Command, Event, Thing};
use crate::domain::device::Availability;
use crate::domain::device::rules::withdraw;
use crate::domain::event;
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::sensor::Sensor;
use crate::domain::sensor::rules::{lower_alarms, sensors_of};
use crate::domain::state::VillageState;
use crate::domain::things::{remove, update_entry};

/// Whether an actor other than the gateway may give this command: the gateway reads the
/// configuration.
#[must_use]
pub const fn allowed(command: &Command) -> bool {
    match command {
        Command::NoteThings { .. } | Command::PutAway { .. } => false,
    }
}

/// Turns a command into events; those of sensors are among them.
#[must_use]
pub fn decide(state: &VillageState, command: &Command) -> Vec<event::Event> {
    match command {
        Command::NoteThings { things } => {
            let fresh: Vec<Thing> = things
                .iter()
                .filter(|t| !state.configured.contains(t))
                .cloned()
                .collect();
            if fresh.is_empty() {
                Vec::new()
            } else {
                vec![Event::ThingsNamed { things: fresh }.into()]
            }
        }
        Command::PutAway { thing } => decide_removal(state, thing),
    }
}

/// A thing left the configuration. Things that the configuration never named stay.
fn decide_removal(state: &VillageState, thing: &Thing) -> Vec<event::Event> {
    if !state.configured.contains(thing) {
        return Vec::new();
    }
    // A device whose account a technician granted stays, even when the configuration stops naming
    // it.
    let is_still_named = |id: &DeviceId| {
        state.accounts.contains_key(id) && !state.configured.contains(&Thing::Account(id.clone()))
    };
    let mut events: Vec<event::Event> = match thing {
        Thing::Device(id) if is_still_named(id) => return Vec::new(),
        Thing::Device(id) | Thing::Account(id) => lower_alarms(sensors_of(state, id))
            .map(event::Event::from)
            .collect(),
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
                .map(event::Event::from)
                .collect()
        }
        Thing::Place(_) | Thing::Group(_) | Thing::Speaker(_) => Vec::new(),
    };
    let removed = Event::ThingPutAway {
        thing: thing.clone(),
    };
    events.push(removed.into());
    events
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    match event {
        Event::ThingsNamed { things } => {
            Arc::make_mut(&mut state.configured).extend(things.iter().cloned());
        }
        Event::ThingPutAway { thing } => put_away(state, thing),
    }
}

fn put_away(state: &mut VillageState, thing: &Thing) {
    Arc::make_mut(&mut state.configured).remove(thing);
    match thing {
        Thing::Place(id) => remove(&mut state.places, id),
        Thing::Account(id) => {
            remove(&mut state.accounts, id);
            update_entry(&mut state.devices, id, |d| {
                d.availability = Availability::Unknown;
            });
        }
        Thing::Group(id) => {
            remove(&mut state.groups, id);
            let lights: Vec<EntityId> = state
                .lights
                .values()
                .filter(|l| l.group.as_ref() == Some(id))
                .map(|l| l.id.clone())
                .collect();
            for light in &lights {
                update_entry(&mut state.lights, light, |l| l.group = None);
            }
        }
        Thing::Speaker(id) => remove(&mut state.speakers, id),
        Thing::Sensor(id) => match state.entities.get(id).cloned() {
            Some(entity) => update_entry(&mut state.sensors, id, |s| {
                *s = Sensor {
                    alarm: s.alarm,
                    ..Sensor::of(&entity)
                }
            }),
            None => remove(&mut state.sensors, id),
        },
        Thing::Device(id) => {
            let entities: Vec<EntityId> = state
                .entities
                .values()
                .filter(|e| e.device == *id)
                .map(|e| e.id.clone())
                .collect();
            withdraw(state, &entities);
            remove(&mut state.devices, id);
            remove(&mut state.accounts, id);
            Arc::make_mut(&mut state.configured).remove(&Thing::Account(id.clone()));
            if state.revoked.contains(id) {
                Arc::make_mut(&mut state.revoked).remove(id);
            }
        }
    }
}
