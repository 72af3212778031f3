//! Speaker clusters, the announcements on them, and the playback of each announcement.
//!
//! Invariant: an announcement ends exactly once on each cluster that it was sent to, with the
//! outcome that the receiver of that cluster proved. A normal or priority announcement that could
//! not begin before `expires_at` is never played later. The classes follow Thông tư
//! 39/2020/TT-BTTTT (normal, priority, emergency).

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
use super::id::{AnnouncementId, DeviceId};
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::{MAX_HORNS, check_blob, check_name, check_number};
use crate::time::WallMs;

pub mod rules;

/// A speaker cluster: one receiver with its horns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// The device that is the receiver.
    pub id: DeviceId,
    /// “Cầu Tre – Trạm Bơm”.
    pub name: String,
    /// Number of horns.
    pub horns: u8,
}

/// Class of an announcement, least urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnouncementClass {
    /// Bản tin thông thường.
    Normal,
    /// Bản tin ưu tiên.
    Priority,
    /// Bản tin khẩn cấp.
    Emergency,
}

/// An announcement: a sentence that is to be heard in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its id.
    pub id: AnnouncementId,
    /// The sentence, stored as a blob.
    pub text: BlobRef,
    /// Class.
    pub class: AnnouncementClass,
    /// When it was queued.
    pub at: WallMs,
    /// The seq of the entry that queued it.
    pub order: u64,
    /// The last moment at which playback may begin.
    pub expires_at: WallMs,
    /// The playback of each cluster in the zone.
    pub plays: BTreeMap<DeviceId, PlaybackState>,
    /// Clusters outside the zone that would not have been heard when it was queued, as the page
    /// showed them: nobody near them heard it, whether they were left out for that or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<DeviceId>,
}

/// How far one cluster is with one announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum PlaybackState {
    /// The order was sent or waits to be sent; the receiver has not answered.
    Waiting,
    /// The receiver reported that it plays.
    Playing,
    /// Everything was stopped; the receiver has not proved yet that it ended.
    Stopping,
    /// Playback ended.
    Ended {
        /// The outcome that the receiver proved.
        how: PlaybackOutcome,
    },
}

/// How playback ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum PlaybackOutcome {
    /// All of it was played.
    Played {
        /// Milliseconds of sound that left the amplifier.
        ms: u64,
    },
    /// Stopped by “Dừng tất cả”.
    Stopped,
    /// The receiver did not answer in time.
    Unanswered,
    /// Playback could not begin before the announcement expired.
    Missed,
    /// The receiver failed.
    Failed {
        /// The reason as the receiver reported it, at most 200 characters.
        why: String,
    },
}

impl Announcement {
    /// True when every cluster has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.plays
            .values()
            .all(|p| matches!(p, PlaybackState::Ended { .. }))
    }
    /// Clusters that played all of it, and all clusters that were to be heard, also those that did
    /// not answer when it was queued.
    #[must_use]
    pub fn played_count(&self) -> (usize, usize) {
        let played = self
            .plays
            .values()
            .filter(|p| {
                matches!(
                    p,
                    PlaybackState::Ended {
                        how: PlaybackOutcome::Played { .. }
                    }
                )
            })
            .count();
        (played, self.plays.len() + self.unreachable.len())
    }
}

/// A request about speakers and announcements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Declares a speaker cluster.
    #[serde(rename = "DeclareSpeaker")]
    Declare { speaker: Speaker },
    /// Queues an announcement.
    QueueAnnouncement {
        id: AnnouncementId,
        text: BlobRef,
        class: AnnouncementClass,
        zone: Vec<DeviceId>,
        expires_in_ms: i64,
        /// The clusters that will not be heard, as the page showed them; none = as far as the
        /// state knows. No program gives them: the gateway adds them.
        #[serde(skip)]
        unreachable: Option<Vec<DeviceId>>,
    },
    /// A cluster reported that it plays.
    BeginPlayback {
        announcement: AnnouncementId,
        speaker: DeviceId,
    },
    /// A cluster's playback ended.
    FinishPlayback {
        announcement: AnnouncementId,
        speaker: DeviceId,
        how: PlaybackOutcome,
    },
    /// “Dừng tất cả”: stops everything that plays.
    StopEverything {},
}

/// Something that happened to a speaker cluster or an announcement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A speaker cluster was declared.
    Declared { speaker: Speaker },
    /// An announcement was queued.
    AnnouncementQueued {
        id: AnnouncementId,
        text: BlobRef,
        class: AnnouncementClass,
        zone: Vec<DeviceId>,
        expires_at: WallMs,
        /// The clusters outside the zone that would not have been heard; none = the entry does not
        /// say so, and the state knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unreachable: Option<Vec<DeviceId>>,
    },
    /// A cluster began to play.
    PlaybackBegan {
        announcement: AnnouncementId,
        speaker: DeviceId,
    },
    /// A cluster's playback ended.
    PlaybackFinished {
        announcement: AnnouncementId,
        speaker: DeviceId,
        how: PlaybackOutcome,
    },
    /// “Dừng tất cả” was pressed.
    EverythingStopped {},
}

impl Command {
    /// The blob that this command names, if any.
    #[must_use]
    pub const fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::QueueAnnouncement { text, .. } => Some(text),
            Self::Declare { .. }
            | Self::BeginPlayback { .. }
            | Self::FinishPlayback { .. }
            | Self::StopEverything {} => None,
        }
    }
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        match self {
            Self::Declared { speaker } => {
                EventProperties::in_lane(Lane::State).naming(speaker.id.as_str(), &speaker.name)
            }
            Self::AnnouncementQueued { id, text, zone, .. } => EventProperties::in_lane(Lane::Log)
                .about(id.as_str())
                .and_about(zone.iter().map(DeviceId::as_str))
                .with_blob(text),
            Self::PlaybackBegan {
                announcement,
                speaker,
            }
            | Self::PlaybackFinished {
                announcement,
                speaker,
                ..
            } => EventProperties::in_lane(Lane::Log)
                .about(announcement.as_str())
                .and_about([speaker.as_str()]),
            Self::EverythingStopped {} => EventProperties::in_lane(Lane::Log),
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Declare { speaker } => {
            check_name("name", &speaker.name)?;
            check_number("horns", speaker.horns <= MAX_HORNS)
        }
        Command::QueueAnnouncement { text, .. } => check_blob(text),
        // Ids, and (`FinishPlayback`) the reason of a receiver, which `decide` truncates: the end
        // of a playback is never rejected.
        Command::BeginPlayback { .. }
        | Command::FinishPlayback { .. }
        | Command::StopEverything {} => Ok(()),
    }
}
