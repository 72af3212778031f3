//! People and programs, decided: who comes in with which role or token, and who does not any more.
//!
//! Invariant: there is always a chief.

use super::actor::{Role, User};
use super::blob::BlobRef;
use super::event::Event;
use super::id::{TokenId, UserId};
use super::rejection::{Rejection, check_capacity, emit_if, unknown};
use super::state::VillageState;
use super::token::{FILE_TOKEN, MAX_TOKENS, Token};

/// A person is added, or given another PIN or role.
pub(super) fn put(state: &VillageState, user: &User) -> Result<Vec<Event>, Rejection> {
    check_capacity(&state.users, &user.id)?;
    let mut user = user.clone();
    let known = state.users.get(&user.id);
    if known.is_some_and(|k| k.role == Role::Chief && user.role != Role::Chief)
        && chiefs(state) == 1
    {
        return Err(Rejection::LastChief);
    }
    // Never used before, also after removal and return: a session of an older one stays over.
    user.generation = state.seq + 1;
    Ok(vec![Event::UserPut { user }])
}

/// A person is called otherwise.
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

/// A person's access is taken away.
pub(super) fn remove(state: &VillageState, user: &UserId) -> Result<Vec<Event>, Rejection> {
    let known = state.users.get(user).ok_or_else(|| unknown("user", user))?;
    if known.role == Role::Chief && chiefs(state) == 1 {
        return Err(Rejection::LastChief);
    }
    Ok(vec![Event::UserRemoved { user: user.clone() }])
}

/// A program is given a token.
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

/// A program's token is taken away.
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
