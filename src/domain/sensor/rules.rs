//! Decisions about sensors, and what their events change.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Alarm, Command, Event, Sensor};
use crate::domain::actor::Actor;
use crate::domain::event::Entry;
use crate::domain::id::DeviceId;
use crate::domain::permissions::{Principal, is_device_of, is_one_of};
use crate::domain::rejection::{Rejection, check_capacity, emit_if, unknown};
use crate::domain::state::VillageState;
use crate::domain::things::{put, update_entry};
use crate::domain::token::Scope;

/// Whether an actor other than the gateway may give this command.
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
        Command::ReportLevel { sensor, .. } => is_device_of(state, actor, sensor),
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Declare { sensor } => {
            check_capacity(&state.sensors, &sensor.id)?;
            let same = state.sensors.get(&sensor.id).is_some_and(|s| {
                Sensor {
                    alarm: s.alarm,
                    ..sensor.clone()
                } == **s
            });
            Ok(emit_if(!same, || Event::Declared {
                sensor: Sensor {
                    alarm: None,
                    ..sensor.clone()
                },
            }))
        }
        Command::ReportLevel {
            sensor,
            level,
            value,
        } => {
            let known = state
                .sensors
                .get(sensor)
                .ok_or_else(|| unknown("sensor", sensor))?;
            let was = known.alarm.map_or(0, |a| a.level);
            Ok(match level.cmp(&was) {
                // A device without an account cannot report. Its retained readings are still in the
                // broker; they must not raise a new alarm, because nobody could end it.
                Ordering::Greater if !state.has_account(sensor) => Vec::new(),
                Ordering::Greater => vec![Event::AlarmRaised {
                    sensor: sensor.clone(),
                    level: *level,
                    value: *value,
                }],
                Ordering::Less => vec![Event::AlarmLowered {
                    sensor: sensor.clone(),
                    level: *level,
                    value: *value,
                }],
                Ordering::Equal => Vec::new(),
            })
        }
    }
}

/// The events that end the alarms of `sensors`, which nobody watches any more.
pub(in crate::domain) fn lower_alarms<'a>(
    sensors: impl Iterator<Item = &'a Arc<Sensor>>,
) -> impl Iterator<Item = Event> {
    sensors.filter_map(|s| {
        s.alarm.map(|a| Event::AlarmLowered {
            sensor: s.id.clone(),
            level: 0,
            value: a.value,
        })
    })
}

/// The sensors of a device.
pub(in crate::domain) fn sensors_of<'a>(
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

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    match event {
        Event::Declared { sensor } => {
            let alarm = state.sensors.get(&sensor.id).and_then(|s| s.alarm);
            let sensor = Sensor {
                alarm,
                ..sensor.clone()
            };
            put(&mut state.sensors, sensor.id.clone(), sensor);
        }
        Event::AlarmRaised {
            sensor,
            level,
            value,
        }
        | Event::AlarmLowered {
            sensor,
            level,
            value,
        } => update_entry(&mut state.sensors, sensor, |s| {
            s.alarm = (*level > 0).then_some(Alarm {
                level: *level,
                value: *value,
                at: entry.wall_ms,
            });
        }),
    }
}
