//! Decisions about the village itself, and what its events change.

use std::sync::Arc;

use super::{Command, Event};
use crate::domain::rejection::emit_if;
use crate::domain::state::VillageState;

/// Whether an actor other than the gateway may give this command: the configuration names the
/// village.
#[must_use]
pub const fn allowed(command: &Command) -> bool {
    let Command::Declare { .. } = command;
    false
}

/// Turns a command into events.
#[must_use]
pub fn decide(state: &VillageState, command: &Command) -> Vec<Event> {
    let Command::Declare { village } = command;
    emit_if(state.village.as_deref() != Some(village), || {
        Event::Declared {
            village: village.clone(),
        }
    })
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    let Event::Declared { village } = event;
    state.village = Some(Arc::new(village.clone()));
}
