//! Decisions about notices, and what their events change.

use std::sync::Arc;

use super::{Command, Event, Notice, TakenDownNotice};
use crate::domain::actor::Actor;
use crate::domain::event::Entry;
use crate::domain::id::NoticeId;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Now, Rejection, unknown};
use crate::domain::state::{NOTICES_KEPT, TAKEN_DOWN_KEPT, VillageState};
use crate::domain::things::put;
use crate::domain::token::Scope;

/// Most notices that are published and not expired.
pub const MAX_NOTICES: usize = 500;

/// Most of those notices that may be the commune's.
pub const MAX_COMMUNE_NOTICES: usize = 100;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    let publishers = [
        Principal::Chief,
        Principal::LocalAdmin,
        Principal::Program(Scope::Speak),
        Principal::Commune,
    ];
    is_one_of(state, actor, &publishers)
        && match command {
            Command::Publish { .. } => true,
            // The commune takes down the notices that it sent, not those of the village.
            Command::TakeDown { id } => {
                *actor != Actor::Commune || state.notices.get(id).is_none_or(|n| n.from_commune)
            }
            // Nobody else puts up again what the commune took down.
            Command::Restore { id } => {
                *actor != Actor::Commune
                    && state
                        .taken_down
                        .get(id)
                        .is_none_or(|t| t.by != Actor::Commune)
            }
        }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(
    state: &VillageState,
    actor: &Actor,
    command: &Command,
    now: Now,
) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Publish {
            id,
            text,
            kind,
            until,
        } => {
            if state.notices.contains_key(id) {
                return Err(Rejection::Exists { id: id.to_string() });
            }
            // A notice that would be expired already is rejected, and expired notices do not count
            // against the limits.
            if until.is_some_and(|u| u < now.wall_ms) {
                return Err(Rejection::Expired);
            }
            check_room(state, actor, now)?;
            Ok(vec![Event::Published {
                id: id.clone(),
                text: text.clone(),
                kind: *kind,
                until: *until,
            }])
        }
        Command::TakeDown { id } => {
            if !state.notices.contains_key(id) {
                return Err(unknown("notice", id));
            }
            Ok(vec![Event::TakenDown { id: id.clone() }])
        }
        Command::Restore { id } => {
            if state.notices.contains_key(id) {
                return Err(Rejection::Exists { id: id.to_string() });
            }
            let taken = state
                .taken_down
                .get(id)
                .ok_or_else(|| unknown("notice", id))?;
            if taken.notice.until.is_some_and(|u| u < now.wall_ms) {
                return Err(Rejection::Expired);
            }
            check_room(state, actor, now)?;
            Ok(vec![Event::Restored { id: id.clone() }])
        }
    }
}

fn check_room(state: &VillageState, actor: &Actor, now: Now) -> Result<(), Rejection> {
    let up = state
        .notices
        .values()
        .filter(|n| n.until.is_none_or(|u| u >= now.wall_ms));
    if *actor == Actor::Commune
        && up.clone().filter(|n| n.from_commune).count() >= MAX_COMMUNE_NOTICES
    {
        return Err(Rejection::TooMany {
            most: MAX_COMMUNE_NOTICES as u64,
        });
    }
    if up.count() >= MAX_NOTICES {
        return Err(Rejection::TooMany {
            most: MAX_NOTICES as u64,
        });
    }
    Ok(())
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    let at = entry.wall_ms;
    match event {
        Event::Published {
            id,
            text,
            kind,
            until,
        } => {
            let notice = Notice {
                id: id.clone(),
                text: text.clone(),
                kind: *kind,
                at,
                order: entry.seq,
                until: *until,
                from_commune: entry.actor == Actor::Commune,
            };
            forget_taken_down(state, id);
            put(&mut state.notices, id.clone(), notice);
            if state.notices.len() > NOTICES_KEPT {
                Arc::make_mut(&mut state.notices).retain(|_, n| n.until.is_none_or(|u| u >= at));
            }
        }
        Event::TakenDown { id } => {
            if let Some(notice) = Arc::make_mut(&mut state.notices).remove(id) {
                let taken = TakenDownNotice {
                    notice: Arc::unwrap_or_clone(notice),
                    at,
                    order: entry.seq,
                    by: entry.actor.clone(),
                };
                put(&mut state.taken_down, id.clone(), taken);
                drop_oldest_taken_down(state);
            }
        }
        // The notice is what it was before it was taken down: its date and its place in the list.
        Event::Restored { id } => {
            if let Some(taken) = forget_taken_down(state, id) {
                put(&mut state.notices, id.clone(), taken.notice.clone());
            }
        }
    }
}

fn forget_taken_down(state: &mut VillageState, id: &NoticeId) -> Option<Arc<TakenDownNotice>> {
    if !state.taken_down.contains_key(id) {
        return None;
    }
    Arc::make_mut(&mut state.taken_down).remove(id)
}

fn drop_oldest_taken_down(state: &mut VillageState) {
    if state.taken_down.len() <= TAKEN_DOWN_KEPT {
        return;
    }
    let oldest = state.taken_down.values().min_by_key(|t| t.order);
    if let Some(id) = oldest.map(|t| t.notice.id.clone()) {
        forget_taken_down(state, &id);
    }
}
