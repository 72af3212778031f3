//! Decisions about history, and what its events change.

use std::sync::Arc;

use super::{Command, Event};
use crate::domain::actor::Actor;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, emit_if};
use crate::domain::state::{DAMAGE_KEPT, ERASED_KEPT, VillageState};

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        // The gateway itself finds these out.
        Command::NoteClock { .. } | Command::NoteDamage { .. } | Command::NoteTrim { .. } => false,
        Command::EraseBlob { .. } => is_one_of(state, actor, &[Principal::LocalAdmin]),
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    Ok(match command {
        Command::NoteClock { offset_ms } => vec![Event::ClockKnown {
            offset_ms: *offset_ms,
        }],
        Command::NoteTrim { from, to } => {
            emit_if(from <= to && *to < state.seq, || Event::Trimmed {
                from: *from,
                to: *to,
            })
        }
        Command::NoteDamage {
            epoch,
            from,
            to,
            lost,
        } => vec![Event::Damaged {
            epoch: epoch.clone(),
            from: *from,
            to: *to,
            lost: *lost,
        }],
        Command::EraseBlob { .. } if state.erased.len() >= ERASED_KEPT => {
            return Err(Rejection::TooMany {
                most: ERASED_KEPT as u64,
            });
        }
        Command::EraseBlob { blob } => emit_if(!state.erased.contains(blob), || Event::Erased {
            blob: blob.clone(),
        }),
    })
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    match event {
        Event::Booted { boot, .. } => state.boot = *boot,
        Event::Damaged { from, to, .. } => {
            let damage = Arc::make_mut(&mut state.damage);
            damage.push((*from, *to));
            if damage.len() > DAMAGE_KEPT {
                damage.remove(0);
            }
        }
        Event::Erased { blob } => drop(Arc::make_mut(&mut state.erased).insert(blob.clone())),
        Event::ClockKnown { .. } | Event::Trimmed { .. } | Event::CommandRefused { .. } => {}
    }
}
