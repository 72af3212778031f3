//! The decisions about users and the tokens of programs: who has access, with which role or scopes.
//!
//! Invariant: the last chief can neither be removed nor get another role.

use super::actor::{Role, User};
use super::blob::BlobRef;
use super::event::Event;
use super::id::{TokenId, UserId};
use super::rejection::{Rejection, check_capacity, emit_if, unknown};
use super::state::VillageState;
use super::token::{FILE_TOKEN, MAX_TOKENS, Token};

/// Adds a user, or changes their PIN or role.
pub(super) fn put(state: &VillageState, user: &User) -> Result<Vec<Event>, Rejection> {
    check_capacity(&state.users, &user.id)?;
    let mut user = user.clone();
    let known = state.users.get(&user.id);
    if known.is_some_and(|k| k.role == Role::Chief && user.role != Role::Chief)
        && chiefs(state) == 1
    {
        return Err(Rejection::LastChief);
    }
    // `seq + 1` was never a generation before, not even when the user was removed and is added
    // again. So a sign-in of an older generation stays over.
    user.generation = state.seq + 1;
    Ok(vec![Event::UserPut { user }])
}

/// Renames a user.
pub(super) fn rename(
    state: &VillageState,
    user: &UserId,
    record: &BlobRef,
    generation: u64,
) -> Result<Vec<Event>, Rejection> {
    let known = state.users.get(user).ok_or_else(|| unknown("user", user))?;
    if known.generation != generation {
        return Err(Rejection::Expired);
    }
    Ok(emit_if(known.record != *record, || Event::UserRenamed {
        user: user.clone(),
        record: record.clone(),
    }))
}

/// Removes a user.
pub(super) fn remove(state: &VillageState, user: &UserId) -> Result<Vec<Event>, Rejection> {
    let known = state.users.get(user).ok_or_else(|| unknown("user", user))?;
    if known.role == Role::Chief && chiefs(state) == 1 {
        return Err(Rejection::LastChief);
    }
    Ok(vec![Event::UserRemoved { user: user.clone() }])
}

/// Gives a program a token.
pub(super) fn put_token(state: &VillageState, token: &Token) -> Result<Vec<Event>, Rejection> {
    if token.id.as_str() == FILE_TOKEN || state.tokens.contains_key(&token.id) {
        return Err(Rejection::Exists {
            id: token.id.to_string(),
        });
    }
    if state.tokens.len() >= MAX_TOKENS {
        return Err(Rejection::TooMany {
            most: MAX_TOKENS as u64,
        });
    }
    Ok(vec![Event::TokenPut {
        token: token.clone(),
    }])
}

/// Revokes a program's token.
pub(super) fn remove_token(state: &VillageState, token: &TokenId) -> Result<Vec<Event>, Rejection> {
    Ok(match state.tokens.get(token) {
        None if token.as_str() != FILE_TOKEN => return Err(unknown("token", token)),
        known => emit_if(known.is_none_or(|t| !t.scopes.is_empty()), || {
            Event::TokenRemoved {
                token: token.clone(),
            }
        }),
    })
}

fn chiefs(state: &VillageState) -> usize {
    state
        .users
        .values()
        .filter(|u| u.role == Role::Chief)
        .count()
}
