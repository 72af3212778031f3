//! Horn clusters and what is said on them.
//!
//! Invariant: an announcement ends once for each cluster it was sent to, with what that cluster
//! proved. A normal or priority announcement that could not begin before `expires_at` is never
//! played later. Classes follow Thông tư 39/2020/TT-BTTTT (normal, priority, emergency).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
use super::id::{AnnouncementId, DeviceId};

/// A cluster of horns on one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// Its device.
    pub id: DeviceId,
    /// “Cầu Tre – Trạm Bơm”.
    pub name: String,
    /// How many horns hang on it.
    pub horns: u8,
}

/// Class of a bulletin, rising.
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

/// Something said on the horns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its id.
    pub id: AnnouncementId,
    /// What is said: people's words, kept as a file.
    pub text: BlobRef,
    /// Class.
    pub class: AnnouncementClass,
    /// When it was ordered, wall ms.
    pub at: i64,
    /// The entry that ordered it.
    pub order: u64,
    /// It must have begun by then, wall ms.
    pub expires_at: i64,
    /// Each cluster and how far it is.
    pub plays: BTreeMap<DeviceId, PlaybackState>,
}

/// How far one cluster is with one announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum PlaybackState {
    /// Ordered, no answer yet.
    Waiting,
    /// The receiver says that it plays.
    Playing,
    /// Told to be silent, no proof yet.
    Stopping,
    /// It ended.
    Ended {
        /// What the receiver proved.
        how: PlaybackOutcome,
    },
}

/// How a play ended.
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
    /// The receiver never answered in time.
    Unanswered,
    /// It was too late to begin.
    Missed,
    /// The receiver could not, in its own words (at most 200 characters).
    Failed {
        /// Why.
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
    /// Clusters that played all of it, and clusters in all.
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
        (played, self.plays.len())
    }
}
