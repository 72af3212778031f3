//! Decisions about procedures, and what their events change.

use std::sync::Arc;

use super::{Command, Event, ProcedureCatalogue};
use crate::domain::actor::Actor;
use crate::domain::event::Entry;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::emit_if;
use crate::domain::state::VillageState;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    let Command::Replace { .. } = command;
    let givers = [
        Principal::Chief,
        Principal::Technician,
        Principal::LocalAdmin,
    ];
    is_one_of(state, actor, &givers)
}

/// Turns a command into events. The same list given again changes nothing.
#[must_use]
pub fn decide(state: &VillageState, command: &Command) -> Vec<Event> {
    let Command::Replace { file, count } = command;
    let is_same =
        |known: &ProcedureCatalogue| known.file.has_content_of(file) && known.count == *count;
    let is_known = state.procedures.as_deref().is_some_and(is_same);
    emit_if(!is_known, || Event::Replaced {
        file: file.clone(),
        count: *count,
    })
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    let Event::Replaced { file, count } = event;
    let next = Arc::new(ProcedureCatalogue {
        file: file.clone(),
        count: *count,
        at: entry.wall_ms,
        order: entry.seq,
    });
    state.procedures_before = state.procedures.replace(next);
}
