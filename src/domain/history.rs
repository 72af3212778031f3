//! History itself: boots, the clock, lost entries, erased texts, rejected commands.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::id::BlobId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::ensure;

pub mod rules;

/// A request about history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// The wall clock became trustworthy: `offset_ms` is to be added to earlier wall times of this
    /// boot.
    NoteClock { offset_ms: i64 },
    /// Entries behind `from` up to `to` could not be read. Where the lost entries of an epoch
    /// cannot be named by seq, `lost` counts those behind `from`.
    NoteDamage {
        epoch: String,
        from: u64,
        to: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<u64>,
    },
    /// Entries `from` to `to` are about to be removed.
    NoteTrim { from: u64, to: u64 },
    /// A blob is to be erased, on request.
    EraseBlob { blob: BlobId },
}

/// Something that happened to history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// The gateway's machine booted: `boot` counts its boots, `previous` is the epoch before
    /// (hexadecimal).
    Booted { boot: u64, previous: String },
    /// The wall clock became trustworthy; add `offset_ms` to earlier wall times of this boot.
    ClockKnown { offset_ms: i64 },
    /// Entries `from` to `to` were removed: they were too old, or there was no space for them.
    Trimmed { from: u64, to: u64 },
    /// History behind `from` up to `to` (the last number known to have existed) could not be read.
    /// `lost` counts the entries that were behind `from` in that epoch. It is set where their
    /// numbers cannot name them, because other entries have those numbers now.
    Damaged {
        epoch: String,
        from: u64,
        to: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<u64>,
    },
    /// A blob was erased for ever: every part of the gateway that has a copy deletes it
    /// (`store::erase`).
    Erased { blob: BlobId },
    /// A command of the commune or of a program was rejected, with the reason.
    CommandRefused { reason: String },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        EventProperties::in_lane(match self {
            Self::Damaged { .. } => Lane::Alarm,
            Self::Booted { .. }
            | Self::ClockKnown { .. }
            | Self::Trimmed { .. }
            | Self::Erased { .. }
            | Self::CommandRefused { .. } => Lane::Log,
        })
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::NoteDamage { epoch, .. } => ensure(
            epoch.len() <= 64 && epoch.bytes().all(|b| b.is_ascii_hexdigit()),
            "epoch",
            64,
        ),
        // Numbers of which every value is allowed, and an id.
        Command::NoteClock { .. } | Command::NoteTrim { .. } | Command::EraseBlob { .. } => Ok(()),
    }
}
