//! Decisions about users, and what their events change.
//!
//! Invariant: the last chief can neither be removed nor get another role.

use std::sync::Arc;

use super::{Command, Event, Role};
use crate::domain::actor::Actor;
use crate::domain::id::UserId;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, check_capacity, emit_if, unknown};
use crate::domain::state::VillageState;
use crate::domain::things::{put, update_entry};

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        Command::Put { .. } | Command::Rename { .. } | Command::Remove { .. } => {
            is_one_of(state, actor, &[Principal::Chief, Principal::LocalAdmin])
        }
        // Nobody but the person signs in or out as that person.
        Command::NoteSignIn { user, .. }
        | Command::NoteSignOut { user }
        | Command::NotePhonesOut { user, .. } => {
            matches!(actor, Actor::User { id } if id == user)
        }
        Command::NoteWrongPins { .. } => false,
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Put { user } => {
            check_capacity(&state.users, &user.id)?;
            let mut user = user.clone();
            let known = state.users.get(&user.id);
            if known.is_some_and(|k| k.role == Role::Chief && user.role != Role::Chief)
                && chiefs(state) == 1
            {
                return Err(Rejection::LastChief);
            }
            // `seq + 1` was never a generation before, not even when the user was removed and is
            // added again. So a sign-in of an older generation stays over.
            user.generation = state.seq + 1;
            Ok(vec![Event::Put { user }])
        }
        Command::Rename {
            user,
            record,
            generation,
        } => {
            let known = state.users.get(user).ok_or_else(|| unknown("user", user))?;
            if known.generation != *generation {
                return Err(Rejection::Expired);
            }
            Ok(emit_if(known.record != *record, || Event::Renamed {
                user: user.clone(),
                record: record.clone(),
            }))
        }
        Command::Remove { user } => {
            let known = state.users.get(user).ok_or_else(|| unknown("user", user))?;
            if known.role == Role::Chief && chiefs(state) == 1 {
                return Err(Rejection::LastChief);
            }
            Ok(vec![Event::Removed { user: user.clone() }])
        }
        Command::NoteSignIn {
            user,
            is_known_phone,
        } => {
            check_known(state, user)?;
            Ok(vec![Event::SignedIn {
                user: user.clone(),
                is_known_phone: *is_known_phone,
            }])
        }
        Command::NoteSignOut { user } => {
            check_known(state, user)?;
            Ok(vec![Event::SignedOut { user: user.clone() }])
        }
        Command::NotePhonesOut { user, phones } => {
            check_known(state, user)?;
            Ok(vec![Event::PhonesSignedOut {
                user: user.clone(),
                phones: *phones,
            }])
        }
        Command::NoteWrongPins {
            user,
            count,
            is_locked,
        } => {
            check_known(state, user)?;
            Ok(emit_if(*count > 0, || Event::WrongPinsTried {
                user: user.clone(),
                count: *count,
                is_locked: *is_locked,
            }))
        }
    }
}

fn check_known(state: &VillageState, user: &UserId) -> Result<(), Rejection> {
    if state.users.contains_key(user) {
        Ok(())
    } else {
        Err(unknown("user", user))
    }
}

fn chiefs(state: &VillageState) -> usize {
    state
        .users
        .values()
        .filter(|u| u.role == Role::Chief)
        .count()
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    match event {
        Event::Put { user } => put(&mut state.users, user.id.clone(), user.clone()),
        Event::Renamed { user, record } => {
            update_entry(&mut state.users, user, |u| u.record = record.clone());
        }
        Event::Removed { user } => drop(Arc::make_mut(&mut state.users).remove(user)),
        // Sign-ins are no part of the village: the web has them.
        Event::SignedIn { .. }
        | Event::SignedOut { .. }
        | Event::PhonesSignedOut { .. }
        | Event::WrongPinsTried { .. } => {}
    }
}
