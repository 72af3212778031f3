//! The decisions about announcements: an announcement waits for its clusters, begins on each and
//! ends on each.

use super::blob::BlobRef;
use super::device::Availability;
use super::event::Event;
use super::id::{AnnouncementId, DeviceId};
use super::rejection::{Now, Rejection, emit_if, unknown};
use super::speaker::{AnnouncementClass, PlaybackOutcome, PlaybackState};
use super::state::VillageState;
use super::text;

/// Queues an announcement for the clusters of a zone.
pub(super) fn queue(
    state: &VillageState,
    id: &AnnouncementId,
    text: &BlobRef,
    class: AnnouncementClass,
    zone: &[DeviceId],
    expires_in_ms: i64,
    now: Now,
) -> Result<Vec<Event>, Rejection> {
    if zone.is_empty() {
        return Err(Rejection::EmptyZone);
    }
    if let Some(missing) = zone.iter().find(|s| !state.speakers.contains_key(*s)) {
        return Err(unknown("speaker", missing));
    }
    if state.announcements.contains_key(id) {
        return Err(Rejection::Exists { id: id.to_string() });
    }
    let mut zone = zone.to_vec();
    zone.sort();
    zone.dedup();
    let bound = if class == AnnouncementClass::Emergency {
        3_600_000
    } else {
        600_000
    };
    let expires_at = now
        .wall_ms
        .saturating_add(expires_in_ms.clamp(1_000, bound));
    Ok(vec![Event::AnnouncementQueued {
        id: id.clone(),
        text: text.clone(),
        class,
        zone,
        expires_at,
    }])
}

/// A cluster reported that it plays.
pub(super) fn begin(
    state: &VillageState,
    announcement: &AnnouncementId,
    speaker: &DeviceId,
) -> Result<Vec<Event>, Rejection> {
    let play = play_of(state, announcement, speaker)?;
    Ok(emit_if(*play == PlaybackState::Waiting, || {
        Event::PlaybackBegan {
            announcement: announcement.clone(),
            speaker: speaker.clone(),
        }
    }))
}

/// A cluster's playback ended.
pub(super) fn finish(
    state: &VillageState,
    announcement: &AnnouncementId,
    speaker: &DeviceId,
    how: &PlaybackOutcome,
) -> Result<Vec<Event>, Rejection> {
    let play = play_of(state, announcement, speaker)?;
    let how = match how {
        PlaybackOutcome::Failed { why } => PlaybackOutcome::Failed {
            why: text::line(why, 200),
        },
        PlaybackOutcome::Played { ms } => PlaybackOutcome::Played {
            ms: (*ms).min(86_400_000),
        },
        other => other.clone(),
    };
    Ok(emit_if(
        !matches!(play, PlaybackState::Ended { .. }),
        || Event::PlaybackFinished {
            announcement: announcement.clone(),
            speaker: speaker.clone(),
            how,
        },
    ))
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

/// The clusters outside a zone that do not answer.
pub(super) fn unreachable(state: &VillageState, zone: &[DeviceId]) -> Vec<DeviceId> {
    let answers = |id: &DeviceId| {
        state
            .devices
            .get(id)
            .is_some_and(|d| matches!(d.availability, Availability::Online { .. }))
    };
    state
        .speakers
        .keys()
        .filter(|id| !zone.contains(id) && !state.is_revoked(id) && !answers(id))
        .cloned()
        .collect()
}
