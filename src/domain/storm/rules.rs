//! Decisions about the storm plan, and what its events change.

use std::sync::Arc;

use super::{Command, Event, StormPlan};
use crate::domain::actor::Actor;
use crate::domain::event::Entry;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::emit_if;
use crate::domain::state::VillageState;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    let Command::SetPlan { .. } = command;
    is_one_of(state, actor, &[Principal::Chief, Principal::LocalAdmin])
}

/// Turns a command into events. The same plan written again changes nothing.
#[must_use]
pub fn decide(state: &VillageState, command: &Command) -> Vec<Event> {
    let Command::SetPlan { text } = command;
    let is_same = |known: &StormPlan| (&known.text.mac, known.text.len) == (&text.mac, text.len);
    let is_known = state.storm_plan.as_deref().is_some_and(is_same);
    emit_if(!is_known, || Event::PlanSet { text: text.clone() })
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    let Event::PlanSet { text } = event;
    state.storm_plan = Some(Arc::new(StormPlan {
        text: text.clone(),
        at: entry.wall_ms,
    }));
}
