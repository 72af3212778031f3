//! Decisions about the free wifi, and what its events change.

use std::sync::Arc;

use super::{Command, Event, MAX_DECIDED};
use crate::domain::actor::Actor;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, emit_if, unknown};
use crate::domain::state::VillageState;
use crate::domain::things::{put, remove};

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        Command::SetRules { .. }
        | Command::Decide { .. }
        | Command::Forget { .. }
        | Command::Cut { .. } => {
            is_one_of(state, actor, &[Principal::Chief, Principal::LocalAdmin])
        }
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::SetRules { rules } => {
            Ok(emit_if(state.wifi.rules != *rules, || Event::RulesSet {
                rules: rules.clone(),
            }))
        }
        Command::Decide { device } => {
            let before = state.wifi.decided.get(&device.id);
            if before.is_none() && state.wifi.decided.len() >= MAX_DECIDED {
                return Err(Rejection::TooMany {
                    most: MAX_DECIDED as u64,
                });
            }
            Ok(emit_if(before.map(|b| &**b) != Some(device), || {
                Event::Decided {
                    device: device.clone(),
                }
            }))
        }
        Command::Forget { device } => match state.wifi.decided.get(device) {
            Some(known) => Ok(vec![Event::Forgotten {
                device: device.clone(),
                name: known.name.clone(),
            }]),
            None => Err(unknown("guest", device)),
        },
        // Whether the device is in is known where sessions are.
        Command::Cut { device } => Ok(vec![Event::Cut {
            device: device.clone(),
        }]),
    }
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    let wifi = Arc::make_mut(&mut state.wifi);
    match event {
        Event::RulesSet { rules } => wifi.rules = rules.clone(),
        Event::Decided { device } => put(&mut wifi.decided, device.id.clone(), device.clone()),
        Event::Forgotten { device, .. } => remove(&mut wifi.decided, device),
        Event::Cut { .. } => {}
    }
}
