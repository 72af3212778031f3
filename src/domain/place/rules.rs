//! Decisions about places, and what their events change.

use super::{Command, Event};
use crate::domain::actor::Actor;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, check_capacity, emit_if};
use crate::domain::state::VillageState;
use crate::domain::things::put;
use crate::domain::token::Scope;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    let Command::Declare { .. } = command;
    is_one_of(
        state,
        actor,
        &[Principal::LocalAdmin, Principal::Program(Scope::Manage)],
    )
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    let Command::Declare { place } = command;
    check_capacity(&state.places, &place.id)?;
    Ok(emit_if(
        state.places.get(&place.id).is_none_or(|p| **p != *place),
        || Event::Declared {
            place: place.clone(),
        },
    ))
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    let Event::Declared { place } = event;
    put(&mut state.places, place.id.clone(), place.clone());
}
