//! Decisions about cameras, and what their events change.

use std::sync::Arc;

use super::{Camera, CameraView, Command, Event, MAX_VIEWS};
use crate::domain::actor::Actor;
use crate::domain::device::Availability;
use crate::domain::event::Entry;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Now, Rejection, check_capacity, emit_if, unknown};
use crate::domain::state::VillageState;
use crate::domain::things::{put, update_entry};

/// An actor that views a camera again within this time, ms, continues the same view.
const VIEW_CONTINUES_MS: i64 = 600_000;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        Command::Declare { .. } | Command::Remove { .. } | Command::Report { .. } => false,
        // Only a person whom the pages show a camera can have viewed it.
        Command::View { .. } => is_one_of(state, actor, &[Principal::Chief, Principal::Technician]),
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
    Ok(match command {
        Command::Declare { camera } => {
            check_capacity(&state.cameras, &camera.id)?;
            let known = state.cameras.get(&camera.id);
            emit_if(known.is_none_or(|c| c.name != camera.name), || {
                Event::Declared {
                    camera: Camera {
                        signal: Availability::Unknown,
                        looks: Vec::new(),
                        ..camera.clone()
                    },
                }
            })
        }
        Command::Remove { camera } => {
            emit_if(state.cameras.contains_key(camera), || Event::Removed {
                camera: camera.clone(),
            })
        }
        Command::Report { camera, here } => {
            let known = state
                .cameras
                .get(camera)
                .ok_or_else(|| unknown("camera", camera))?;
            emit_if(!known.signal.is(*here), || Event::SignalChanged {
                camera: camera.clone(),
                here: *here,
            })
        }
        Command::View { cameras } => {
            let mut fresh = Vec::new();
            for id in cameras {
                let known = state.cameras.get(id).ok_or_else(|| unknown("camera", id))?;
                // An actor that keeps viewing a camera is recorded once, not with every request.
                let again = known.looks.iter().any(|l| {
                    l.who == *actor && (0..VIEW_CONTINUES_MS).contains(&now.wall_ms.since(l.at))
                });
                if !again && !fresh.contains(id) {
                    fresh.push(id.clone());
                }
            }
            emit_if(!fresh.is_empty(), || Event::Viewed { cameras: fresh })
        }
    })
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    let at = entry.wall_ms;
    match event {
        Event::Declared { camera } => {
            let known = state.cameras.get(&camera.id);
            let (signal, looks) =
                known.map_or((camera.signal, Vec::new()), |c| (c.signal, c.looks.clone()));
            let camera = Camera {
                signal,
                looks,
                ..camera.clone()
            };
            put(&mut state.cameras, camera.id.clone(), camera);
        }
        Event::Removed { camera } => drop(Arc::make_mut(&mut state.cameras).remove(camera)),
        Event::SignalChanged { camera, here } => {
            update_entry(&mut state.cameras, camera, |c| {
                c.signal = Availability::since(*here, at);
            });
        }
        Event::Viewed { cameras } => {
            for camera in cameras {
                update_entry(&mut state.cameras, camera, |c| {
                    c.looks.push(CameraView {
                        who: entry.actor.clone(),
                        at,
                    });
                    let over = c.looks.len().saturating_sub(MAX_VIEWS);
                    c.looks.drain(..over);
                });
            }
        }
    }
}
