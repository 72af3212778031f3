//! Decisions about notices, and what their events change.
//!
//! Invariants: the words of the commune are the commune's, and nobody else puts up again what it
//! took down. A notice that would be over already is not published. An id that was published once
//! is no draft's any more. Deliberately absent: noticing that a moment has come, which
//! `app::services::notices` does.

use std::sync::Arc;

use super::{Command, EndedNotice, Event, Notice, NoticeDetails, NoticeDraft, NoticeVersion};
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::event::Entry;
use crate::domain::id::NoticeId;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Now, Rejection, unknown};
use crate::domain::state::{ENDED_NOTICES_KEPT, NOTICES_KEPT, VillageState};
use crate::domain::things::{put, remove, update_entry};
use crate::domain::token::Scope;
use crate::time::WallMs;

/// Most notices that are published and not expired.
pub const MAX_NOTICES: usize = 5_000;

/// Most of those notices that may be the commune's.
pub const MAX_COMMUNE_NOTICES: usize = 100;

/// Most drafts, scheduled ones too.
pub const MAX_DRAFTS: usize = 200;

/// Versions of a notice that stay readable, the newest ones (history still has the others).
pub const VERSIONS_KEPT: usize = 20;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    let publishers = [
        Principal::Chief,
        Principal::LocalAdmin,
        Principal::Program(Scope::Speak),
        Principal::Commune,
    ];
    let is_commune = *actor == Actor::Commune;
    is_one_of(state, actor, &publishers)
        && match command {
            Command::Publish { .. } => true,
            // The commune takes down the notices that it sent, not those of the village.
            Command::TakeDown { id } => {
                !is_commune || readable(state, id).is_none_or(|n| n.from_commune)
            }
            // Nobody else puts up again what the commune took down.
            Command::Restore { id } => {
                !is_commune && state.ended.get(id).is_none_or(|t| t.by != Actor::Commune)
            }
            Command::SaveDraft { .. } | Command::Schedule { .. } | Command::RemoveDraft { .. } => {
                !is_commune
            }
            // Nobody here corrects what the commune wrote.
            Command::Correct { id, .. } => {
                !is_commune && state.notices.get(id).is_none_or(|n| !n.from_commune)
            }
            Command::PublishDue { .. } | Command::Expire { .. } => false,
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
    let event = match command {
        Command::Publish { id, text, details } => publish(state, actor, id, text, details, now)?,
        // Also one whose time is over: everybody may still read it.
        Command::TakeDown { id } => {
            readable(state, id).ok_or_else(|| unknown("notice", id))?;
            Event::TakenDown { id: id.clone() }
        }
        Command::Restore { id } => restore(state, actor, id, now)?,
        Command::SaveDraft { id, text, details } => {
            check_draft(state, id)?;
            Event::DraftSaved {
                id: id.clone(),
                text: text.clone(),
                details: details.clone(),
            }
        }
        Command::Schedule {
            id,
            text,
            details,
            publish_at,
        } => {
            check_draft(state, id)?;
            check_time(details, *publish_at)?;
            Event::Scheduled {
                id: id.clone(),
                text: text.clone(),
                details: details.clone(),
                publish_at: *publish_at,
            }
        }
        Command::RemoveDraft { id } => {
            if !state.drafts.contains_key(id) {
                return Err(unknown("notice", id));
            }
            Event::DraftRemoved { id: id.clone() }
        }
        Command::Correct { id, text, details } => {
            let notice = known(state, id)?;
            check_time(details, now.trusted_ms)?;
            if notice.text == *text && notice.details == *details {
                return Ok(Vec::new());
            }
            Event::Corrected {
                id: id.clone(),
                text: text.clone(),
                details: details.clone(),
            }
        }
        Command::PublishDue { id } => publish_due(state, actor, id, now)?,
        Command::Expire { id } => {
            if !known(state, id)?.details.is_over(now.trusted_ms) {
                return Ok(Vec::new());
            }
            Event::Expired { id: id.clone() }
        }
    };
    Ok(vec![event])
}

/// A notice that everybody may read: one that is up, or one whose time is over.
fn readable<'a>(state: &'a VillageState, id: &NoticeId) -> Option<&'a Notice> {
    let over = || state.ended.get(id).filter(|ended| ended.is_expired);
    let up = state.notices.get(id).map(|notice| &**notice);
    up.or_else(|| over().map(|ended| &ended.notice))
}

fn known<'a>(state: &'a VillageState, id: &NoticeId) -> Result<&'a Arc<Notice>, Rejection> {
    state.notices.get(id).ok_or_else(|| unknown("notice", id))
}

/// A notice that would be expired already is rejected.
fn check_time(details: &NoticeDetails, now: WallMs) -> Result<(), Rejection> {
    if details.is_over(now) {
        Err(Rejection::Expired)
    } else {
        Ok(())
    }
}

fn publish(
    state: &VillageState,
    actor: &Actor,
    id: &NoticeId,
    text: &BlobRef,
    details: &NoticeDetails,
    now: Now,
) -> Result<Event, Rejection> {
    if state.notices.contains_key(id) {
        return Err(Rejection::Exists { id: id.to_string() });
    }
    check_time(details, now.trusted_ms)?;
    check_room(state, actor, now)?;
    Ok(Event::Published {
        id: id.clone(),
        text: text.clone(),
        details: details.clone(),
    })
}

fn restore(
    state: &VillageState,
    actor: &Actor,
    id: &NoticeId,
    now: Now,
) -> Result<Event, Rejection> {
    if state.notices.contains_key(id) {
        return Err(Rejection::Exists { id: id.to_string() });
    }
    let ended = state.ended.get(id).ok_or_else(|| unknown("notice", id))?;
    if ended.is_expired {
        return Err(Rejection::Expired);
    }
    check_time(&ended.notice.details, now.trusted_ms)?;
    check_room(state, actor, now)?;
    Ok(Event::Restored { id: id.clone() })
}

/// A draft may not take the id of a notice that is or was published, and there is room for it.
fn check_draft(state: &VillageState, id: &NoticeId) -> Result<(), Rejection> {
    if state.notices.contains_key(id) || state.ended.contains_key(id) {
        return Err(Rejection::Exists { id: id.to_string() });
    }
    if state.drafts.len() >= MAX_DRAFTS && !state.drafts.contains_key(id) {
        return Err(Rejection::TooMany {
            most: MAX_DRAFTS as u64,
        });
    }
    Ok(())
}

/// A scheduled notice whose own time passed while the power was cut is a plain draft again: a
/// person decides what becomes of it.
fn publish_due(
    state: &VillageState,
    actor: &Actor,
    id: &NoticeId,
    now: Now,
) -> Result<Event, Rejection> {
    let draft = state.drafts.get(id).ok_or_else(|| unknown("notice", id))?;
    // It was saved anew meanwhile, without a moment or with a later one.
    if draft.publish_at.is_none_or(|at| at > now.trusted_ms) {
        return Err(unknown("notice", id));
    }
    match publish(state, actor, id, &draft.text, &draft.details, now) {
        Err(Rejection::Expired) => Ok(Event::DraftSaved {
            id: id.clone(),
            text: draft.text.clone(),
            details: draft.details.clone(),
        }),
        decided => decided,
    }
}

/// Expired notices do not count against the limits.
fn check_room(state: &VillageState, actor: &Actor, now: Now) -> Result<(), Rejection> {
    let up = state
        .notices
        .values()
        .filter(|n| !n.details.is_over(now.trusted_ms));
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
        Event::Published { id, text, details } => {
            let notice = Notice {
                id: id.clone(),
                text: text.clone(),
                details: details.clone(),
                at,
                order: entry.seq,
                first_order: forget_ended(state, id).map(|ended| first_order(&ended.notice)),
                from_commune: entry.actor == Actor::Commune,
                versions: Vec::new(),
            };
            remove(&mut state.drafts, id);
            put(&mut state.notices, id.clone(), notice);
            if state.notices.len() > NOTICES_KEPT {
                Arc::make_mut(&mut state.notices).retain(|_, n| !n.details.is_over(at));
            }
        }
        Event::TakenDown { id } => {
            update_entry(&mut state.ended, id, |ended| {
                (ended.at, ended.order) = (at, entry.seq);
                ended.by = entry.actor.clone();
                ended.is_expired = false;
            });
            end(state, id, entry, false);
        }
        Event::Expired { id } => end(state, id, entry, true),
        // The notice is what it was before it was taken down: its date and its place in the list.
        Event::Restored { id } => {
            if let Some(ended) = forget_ended(state, id) {
                put(&mut state.notices, id.clone(), ended.notice.clone());
            }
        }
        Event::DraftSaved { id, text, details } => {
            save_draft(state, id, text, details, None, entry);
        }
        Event::Scheduled {
            id,
            text,
            details,
            publish_at,
        } => save_draft(state, id, text, details, Some(*publish_at), entry),
        Event::DraftRemoved { id } => remove(&mut state.drafts, id),
        Event::Corrected { id, text, details } => {
            update_entry(&mut state.notices, id, |notice| {
                notice.versions.push(NoticeVersion {
                    text: std::mem::replace(&mut notice.text, text.clone()),
                    details: std::mem::replace(&mut notice.details, details.clone()),
                    replaced_at: at,
                    by: entry.actor.clone(),
                });
                let over = notice.versions.len().saturating_sub(VERSIONS_KEPT);
                notice.versions.drain(..over);
            });
        }
    }
}

/// The seq of the entry that published a notice first.
fn first_order(notice: &Notice) -> u64 {
    notice.first_order.unwrap_or(notice.order)
}

fn save_draft(
    state: &mut VillageState,
    id: &NoticeId,
    text: &BlobRef,
    details: &NoticeDetails,
    publish_at: Option<WallMs>,
    entry: &Entry,
) {
    let draft = NoticeDraft {
        id: id.clone(),
        text: text.clone(),
        details: details.clone(),
        at: entry.wall_ms,
        order: entry.seq,
        by: entry.actor.clone(),
        publish_at,
    };
    put(&mut state.drafts, id.clone(), draft);
}

/// Moves a notice to the archive.
fn end(state: &mut VillageState, id: &NoticeId, entry: &Entry, is_expired: bool) {
    if !state.notices.contains_key(id) {
        return;
    }
    if let Some(notice) = Arc::make_mut(&mut state.notices).remove(id) {
        let ended = EndedNotice {
            notice: Arc::unwrap_or_clone(notice),
            at: entry.wall_ms,
            order: entry.seq,
            by: entry.actor.clone(),
            is_expired,
        };
        put(&mut state.ended, id.clone(), ended);
        drop_oldest_ended(state);
    }
}

fn forget_ended(state: &mut VillageState, id: &NoticeId) -> Option<Arc<EndedNotice>> {
    if !state.ended.contains_key(id) {
        return None;
    }
    Arc::make_mut(&mut state.ended).remove(id)
}

fn drop_oldest_ended(state: &mut VillageState) {
    if state.ended.len() <= ENDED_NOTICES_KEPT {
        return;
    }
    let oldest = state.ended.values().min_by_key(|t| t.order);
    if let Some(id) = oldest.map(|t| t.notice.id.clone()) {
        forget_ended(state, &id);
    }
}
