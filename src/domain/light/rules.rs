//! Decisions about lamps, and what their events change.

use std::ops::RangeInclusive;

use super::{Command, Desired, Event, Light, LightGroup, Reported};
use crate::domain::actor::Actor;
use crate::domain::event::Entry;
use crate::domain::id::{EntityId, GroupId};
use crate::domain::permissions::{Principal, is_device_of, is_one_of};
use crate::domain::rejection::{Rejection, check_capacity, emit_if, unknown};
use crate::domain::state::VillageState;
use crate::domain::things::{put, update_entry};
use crate::domain::token::Scope;

/// Most lamps of one group.
pub const MAX_LIGHTS_PER_GROUP: usize = 500;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    use Principal::{Chief, LocalAdmin, Program, Technician};
    match command {
        Command::DeclareGroup { .. } => is_one_of(
            state,
            actor,
            &[Technician, LocalAdmin, Program(Scope::Manage)],
        ),
        Command::Switch { .. } | Command::SwitchGroup { .. } | Command::UndoSwitchGroup { .. } => {
            is_one_of(
                state,
                actor,
                &[Chief, Technician, LocalAdmin, Program(Scope::Switch)],
            )
        }
        // Only the device itself knows its state.
        Command::Report { light, .. } => is_device_of(state, actor, light),
        Command::GiveUp { .. } => false,
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    Ok(match command {
        Command::DeclareGroup { group } => {
            check_capacity(&state.groups, &group.id)?;
            if group.lights.len() > MAX_LIGHTS_PER_GROUP {
                return Err(Rejection::TooMany {
                    most: MAX_LIGHTS_PER_GROUP as u64,
                });
            }
            emit_if(
                state.groups.get(&group.id).is_none_or(|g| **g != *group),
                || Event::GroupDeclared {
                    group: group.clone(),
                },
            )
        }
        Command::Switch { light, on } => {
            check_switchable(state, light)?;
            vec![Event::Desired {
                light: light.clone(),
                on: *on,
                group: None,
            }]
        }
        Command::SwitchGroup { group, on } => {
            let found = state
                .groups
                .get(group)
                .ok_or_else(|| unknown("group", group))?;
            let lights = found
                .lights
                .iter()
                .filter(|l| check_switchable(state, l).is_ok());
            lights
                .map(|l| Event::Desired {
                    light: l.clone(),
                    on: *on,
                    group: Some(group.clone()),
                })
                .collect()
        }
        Command::UndoSwitchGroup { group, first, last } => {
            undo_group(state, group, &(*first..=*last))?
        }
        Command::Report { light, on } => {
            let known = state
                .lights
                .get(light)
                .ok_or_else(|| unknown("light", light))?;
            let answers =
                known.desired.is_some_and(|d| d.given_up && d.on == *on) && known.is_unanswered();
            emit_if(
                known.reported.is_none_or(|r| r.on != *on) || answers,
                || Event::Reported {
                    light: light.clone(),
                    on: *on,
                },
            )
        }
        Command::GiveUp { light, order } => {
            let waits = state
                .lights
                .get(light)
                .is_some_and(|l| l.is_pending() && l.desired.is_some_and(|d| d.order == *order));
            emit_if(waits, || Event::GivenUp {
                light: light.clone(),
                order: *order,
            })
        }
    })
}

/// The orders that take back those with these numbers. A lamp that got a newer order keeps it; when
/// nothing else is left to take back, it is too late.
fn undo_group(
    state: &VillageState,
    group: &GroupId,
    orders: &RangeInclusive<u64>,
) -> Result<Vec<Event>, Rejection> {
    let found = state
        .groups
        .get(group)
        .ok_or_else(|| unknown("group", group))?;
    let ordered: Vec<(&Light, Desired)> = found
        .lights
        .iter()
        .filter(|l| check_switchable(state, l).is_ok())
        .filter_map(|l| state.lights.get(l))
        .filter_map(|l| Some((&**l, l.desired?)))
        .collect();
    let is_newer = ordered.iter().any(|(_, d)| d.order > *orders.end());
    let back: Vec<Event> = ordered
        .into_iter()
        .filter(|(_, desired)| orders.contains(&desired.order))
        .filter_map(|(l, desired)| Some((l, l.previous.filter(|on| *on != desired.on)?)))
        .map(|(l, on)| Event::Desired {
            light: l.id.clone(),
            on,
            group: Some(group.clone()),
        })
        .collect();
    if back.is_empty() && is_newer {
        return Err(Rejection::Expired);
    }
    Ok(back)
}

fn check_switchable(state: &VillageState, light: &EntityId) -> Result<(), Rejection> {
    if !state.lights.contains_key(light) {
        return Err(unknown("light", light));
    }
    match state.entities.get(light) {
        Some(e) if e.order.is_some() => Ok(()),
        _ => Err(Rejection::NotSwitchable {
            id: light.to_string(),
        }),
    }
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    let at = entry.wall_ms;
    match event {
        Event::GroupDeclared { group } => put_group(state, group),
        Event::Desired { light, on, .. } => update_entry(&mut state.lights, light, |l| {
            l.previous = l.desired.map(|d| d.on).or_else(|| l.reported.map(|r| r.on));
            l.desired = Some(Desired {
                on: *on,
                order: entry.seq,
                at,
                given_up: false,
            });
        }),
        Event::Reported { light, on } => update_entry(&mut state.lights, light, |l| {
            l.reported = Some(Reported { on: *on, at });
        }),
        Event::GivenUp { light, order } => update_entry(&mut state.lights, light, |l| {
            if let Some(d) = l.desired.as_mut().filter(|d| d.order == *order) {
                d.given_up = true;
            }
        }),
    }
}

fn put_group(state: &mut VillageState, group: &LightGroup) {
    let left: Vec<EntityId> = state
        .lights
        .values()
        .filter(|l| l.group.as_ref() == Some(&group.id) && !group.lights.contains(&l.id))
        .map(|l| l.id.clone())
        .collect();
    for light in &left {
        update_entry(&mut state.lights, light, |l| l.group = None);
    }
    for light in &group.lights {
        update_entry(&mut state.lights, light, |l| {
            l.group = Some(group.id.clone());
        });
    }
    put(&mut state.groups, group.id.clone(), group.clone());
}
