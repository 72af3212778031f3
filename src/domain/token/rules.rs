//! Decisions about the tokens of programs, and what their events change.

use std::sync::Arc;

use super::{Command, Event, FILE_TOKEN, MAX_TOKENS, Token};
use crate::domain::actor::Actor;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, emit_if, unknown};
use crate::domain::state::VillageState;
use crate::domain::things::put;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        Command::Put { .. } | Command::Remove { .. } => {
            is_one_of(state, actor, &[Principal::LocalAdmin])
        }
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Put { token } => {
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
            Ok(vec![Event::Put {
                token: token.clone(),
            }])
        }
        Command::Remove { token } => match state.tokens.get(token) {
            None if token.as_str() != FILE_TOKEN => Err(unknown("token", token)),
            known => Ok(emit_if(known.is_none_or(|t| !t.scopes.is_empty()), || {
                Event::Removed {
                    token: token.clone(),
                }
            })),
        },
    }
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    match event {
        Event::Put { token } => put(&mut state.tokens, token.id.clone(), token.clone()),
        // The file of this token still exists, so the state records that the token is revoked.
        Event::Removed { token } if token.as_str() == FILE_TOKEN => put(
            &mut state.tokens,
            token.clone(),
            Token::revoked(token.clone()),
        ),
        Event::Removed { token } => drop(Arc::make_mut(&mut state.tokens).remove(token)),
    }
}
