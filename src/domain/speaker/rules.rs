//! Decisions about speakers and announcements, and what their events change: an announcement waits
//! for its clusters, begins on each and ends on each.

use std::sync::Arc;

use super::{Announcement, AnnouncementClass, Command, Event, PlaybackOutcome, PlaybackState};
use crate::domain::actor::Actor;
use crate::domain::device::Availability;
use crate::domain::event::Entry;
use crate::domain::id::{AnnouncementId, DeviceId};
use crate::domain::permissions::{Principal, is_device, is_one_of};
use crate::domain::rejection::{Now, Rejection, check_capacity, emit_if, unknown};
use crate::domain::state::{ENDED_ANNOUNCEMENTS_KEPT, VillageState};
use crate::domain::text;
use crate::domain::things::{put, update_entry};
use crate::domain::token::Scope;
use crate::time::WallMs;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    use Principal::{Chief, Commune, LocalAdmin, Program, Technician};
    match command {
        Command::Declare { .. } => false,
        Command::QueueAnnouncement { .. } => is_one_of(
            state,
            actor,
            &[Chief, LocalAdmin, Program(Scope::Speak), Commune],
        ),
        Command::BeginPlayback { speaker, .. } | Command::FinishPlayback { speaker, .. } => {
            is_device(actor, speaker)
        }
        // Users, and programs that may switch lamps or make announcements, may stop everything; the
        // commune may not.
        Command::StopEverything {} => is_one_of(
            state,
            actor,
            &[
                Chief,
                Technician,
                LocalAdmin,
                Program(Scope::Switch),
                Program(Scope::Speak),
            ],
        ),
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command, now: Now) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Declare { speaker } => {
            check_capacity(&state.speakers, &speaker.id)?;
            let known = state.speakers.get(&speaker.id);
            Ok(emit_if(known.is_none_or(|s| **s != *speaker), || {
                Event::Declared {
                    speaker: speaker.clone(),
                }
            }))
        }
        Command::QueueAnnouncement {
            id,
            text,
            class,
            zone,
            expires_in_ms,
            unreachable,
        } => {
            let zone = check_zone(state, zone)?;
            if state.announcements.contains_key(id) {
                return Err(Rejection::Exists { id: id.to_string() });
            }
            let unreachable = unreachable.as_ref().map_or_else(
                || unanswering(state, &zone),
                |shown| left_out(state, &zone, |id| shown.contains(id)),
            );
            Ok(vec![Event::AnnouncementQueued {
                id: id.clone(),
                text: text.clone(),
                class: *class,
                zone,
                expires_at: expiry(*class, *expires_in_ms, now),
                unreachable: Some(unreachable),
            }])
        }
        Command::BeginPlayback {
            announcement,
            speaker,
        } => {
            let play = play_of(state, announcement, speaker)?;
            Ok(emit_if(*play == PlaybackState::Waiting, || {
                Event::PlaybackBegan {
                    announcement: announcement.clone(),
                    speaker: speaker.clone(),
                }
            }))
        }
        Command::FinishPlayback {
            announcement,
            speaker,
            how,
        } => {
            let play = play_of(state, announcement, speaker)?;
            let is_over = matches!(play, PlaybackState::Ended { .. });
            Ok(emit_if(!is_over, || Event::PlaybackFinished {
                announcement: announcement.clone(),
                speaker: speaker.clone(),
                how: bounded(how),
            }))
        }
        // Stopping is always recorded, also when nothing is known to play: somebody pressed the
        // button.
        Command::StopEverything {} => Ok(vec![Event::EverythingStopped {}]),
    }
}

/// The clusters of a zone, each once.
fn check_zone(state: &VillageState, zone: &[DeviceId]) -> Result<Vec<DeviceId>, Rejection> {
    if zone.is_empty() {
        return Err(Rejection::EmptyZone);
    }
    if let Some(missing) = zone.iter().find(|s| !state.speakers.contains_key(*s)) {
        return Err(unknown("speaker", missing));
    }
    let mut zone = zone.to_vec();
    zone.sort();
    zone.dedup();
    Ok(zone)
}

/// The last moment at which playback may begin.
fn expiry(class: AnnouncementClass, expires_in_ms: i64, now: Now) -> WallMs {
    let bound = if class == AnnouncementClass::Emergency {
        3_600_000
    } else {
        600_000
    };
    now.wall_ms + expires_in_ms.clamp(1_000, bound)
}

/// An outcome as it may be stored.
fn bounded(how: &PlaybackOutcome) -> PlaybackOutcome {
    match how {
        PlaybackOutcome::Failed { why } => PlaybackOutcome::Failed {
            why: text::line(why, 200),
        },
        PlaybackOutcome::Played { ms } => PlaybackOutcome::Played {
            ms: (*ms).min(86_400_000),
        },
        other => other.clone(),
    }
}

fn play_of<'a>(
    state: &'a VillageState,
    announcement: &AnnouncementId,
    speaker: &DeviceId,
) -> Result<&'a PlaybackState, Rejection> {
    let known = state
        .announcements
        .get(announcement)
        .ok_or_else(|| unknown("announcement", announcement))?;
    known
        .plays
        .get(speaker)
        .ok_or_else(|| unknown("speaker", speaker))
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    match event {
        Event::Declared { speaker } => {
            put(&mut state.speakers, speaker.id.clone(), speaker.clone());
        }
        Event::AnnouncementQueued {
            id,
            text,
            class,
            zone,
            expires_at,
            unreachable,
        } => {
            let plays = zone
                .iter()
                .map(|s| (s.clone(), PlaybackState::Waiting))
                .collect();
            let queued = Announcement {
                id: id.clone(),
                text: text.clone(),
                class: *class,
                at: entry.wall_ms,
                order: entry.seq,
                expires_at: *expires_at,
                plays,
                unreachable: unreachable
                    .clone()
                    .unwrap_or_else(|| unanswering(state, zone)),
            };
            put(&mut state.announcements, id.clone(), queued);
            forget_old_announcements(state);
        }
        Event::PlaybackBegan {
            announcement,
            speaker,
        } => set_playback(state, announcement, speaker, &PlaybackState::Playing),
        Event::PlaybackFinished {
            announcement,
            speaker,
            how,
        } => set_playback(
            state,
            announcement,
            speaker,
            &PlaybackState::Ended { how: how.clone() },
        ),
        Event::EverythingStopped {} => {
            state.silenced = Some((entry.seq, entry.wall_ms));
            stop_everything(state);
        }
    }
}

/// The clusters outside a zone that do not answer, as far as the state knows: it does not know a
/// cluster that publishes and never says that it is there.
fn unanswering(state: &VillageState, zone: &[DeviceId]) -> Vec<DeviceId> {
    left_out(state, zone, |id| {
        !state
            .devices
            .get(id)
            .is_some_and(|d| matches!(d.availability, Availability::Online { .. }))
    })
}

/// The clusters outside a zone of which `is_unreachable` is true.
fn left_out(
    state: &VillageState,
    zone: &[DeviceId],
    is_unreachable: impl Fn(&DeviceId) -> bool,
) -> Vec<DeviceId> {
    state
        .speakers
        .keys()
        .filter(|id| !zone.contains(id) && !state.is_revoked(id) && is_unreachable(id))
        .cloned()
        .collect()
}

fn set_playback(
    state: &mut VillageState,
    announcement: &AnnouncementId,
    speaker: &DeviceId,
    play: &PlaybackState,
) {
    update_entry(&mut state.announcements, announcement, |a| {
        // An end is final and a stop is not undone: a late report of the receiver cannot start the
        // playback again.
        if let Some(p) = a.plays.get_mut(speaker)
            && (matches!(play, PlaybackState::Ended { .. })
                && !matches!(p, PlaybackState::Ended { .. })
                || *p == PlaybackState::Waiting)
        {
            *p = play.clone();
        }
    });
}

fn stop_everything(state: &mut VillageState) {
    let playing: Vec<AnnouncementId> = state
        .announcements
        .values()
        .filter(|a| !a.is_over())
        .map(|a| a.id.clone())
        .collect();
    for id in playing {
        update_entry(&mut state.announcements, &id, |a| {
            for play in a
                .plays
                .values_mut()
                .filter(|p| !matches!(p, PlaybackState::Ended { .. }))
            {
                *play = PlaybackState::Stopping;
            }
        });
    }
}

fn forget_old_announcements(state: &mut VillageState) {
    let mut ended: Vec<(u64, AnnouncementId)> = state
        .announcements
        .values()
        .filter(|a| a.is_over())
        .map(|a| (a.order, a.id.clone()))
        .collect();
    if ended.len() > ENDED_ANNOUNCEMENTS_KEPT {
        ended.sort_unstable();
        for (_, id) in &ended[..ended.len() - ENDED_ANNOUNCEMENTS_KEPT] {
            Arc::make_mut(&mut state.announcements).remove(id);
        }
    }
}
