//! Administrative procedures: which papers people bring for what, where to, for how long and for
//! how much.
//!
//! Invariants: the village has one list of procedures, given as a whole; the entry names the file
//! with it, as the gateway wrote it anew, and how many there are. So nothing of the list is in
//! history, and a list that is replaced leaves nothing of the old one on a page. A procedure has
//! one row, with the days from and until which it is in effect. Deliberately absent: applying for
//! one. The village hall prepares and points; it never takes what people type for an office.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
use super::calendar;
use super::id::ProcedureId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::{check_file, check_number};
use crate::time::WallMs;

pub mod rules;

/// Most procedures of a list.
pub const MAX_PROCEDURES: usize = 2_000;
/// Largest file with a list, bytes, as it is given and as it is kept.
pub const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// One procedure, as its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procedure {
    /// Its code at the national portal: “1.001193”.
    pub code: ProcedureId,
    /// “Đăng ký khai sinh”.
    pub name: String,
    /// The names that people use for it: “hộ khẩu, sổ hộ khẩu”; empty = nobody said.
    pub also_called: String,
    /// The papers to bring.
    pub papers: Vec<String>,
    /// Where they are handed in; empty = not said, as the texts below.
    pub place: String,
    /// When somebody is there.
    pub hours: String,
    /// How long it takes.
    pub time: String,
    /// The fee.
    pub fee: String,
    /// Its official page.
    pub link: Option<String>,
    /// The first day on which it is in effect, as a day number; none = it always was.
    pub from: Option<i64>,
    /// The last day on which it is in effect; none = no end is known.
    pub until: Option<i64>,
}

/// Whether a procedure is in effect on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is.
    InEffect,
    /// It will be from this day on.
    NotYet(i64),
    /// It was until this day.
    NoLonger(i64),
}

impl Procedure {
    /// Whether it is in effect at a moment, by the village's days.
    #[must_use]
    pub fn effect_at(&self, now: WallMs) -> Effect {
        let today = calendar::day_number(now);
        match (self.from, self.until) {
            (Some(from), _) if today < from => Effect::NotYet(from),
            (_, Some(until)) if today > until => Effect::NoLonger(until),
            _ => Effect::InEffect,
        }
    }
}

/// The list of procedures that the village has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureCatalogue {
    /// The file with the list.
    pub file: BlobRef,
    /// How many procedures there are.
    pub count: u32,
    /// When it was given.
    pub at: WallMs,
    /// The seq of the entry that gave it.
    pub order: u64,
}

/// A request about procedures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Gives the village another list of procedures instead of the one that it has.
    #[serde(rename = "ReplaceProcedures")]
    Replace { file: BlobRef, count: u32 },
}

/// Something that happened to the procedures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// Another list is in force.
    Replaced { file: BlobRef, count: u32 },
}

impl Command {
    /// The blob that this command names.
    #[must_use]
    pub const fn blob(&self) -> &BlobRef {
        let Self::Replace { file, .. } = self;
        file
    }
}

impl Event {
    /// How this event is filed. The list stays here: a packet to the commune holds no such file.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        let Self::Replaced { file, .. } = self;
        EventProperties::in_lane(Lane::Local).with_blob(file)
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    let Command::Replace { file, count } = command;
    check_file(file, MAX_LIST_BYTES)?;
    let most = u32::try_from(MAX_PROCEDURES).unwrap_or(u32::MAX);
    check_number("procedures", (1..=most).contains(count))
}
