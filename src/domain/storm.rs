//! The storm plan: where people find shelter, where boats lie, whom to call.
//!
//! Invariants: there is one plan, written by the chief before the storm; the entry names the text,
//! which holds names and telephones of people and can be erased. Deliberately absent: warnings
//! (only authorities issue those, as notices with their source), and who lives alone.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::text;
use super::validation::check_blob;
use crate::time::WallMs;

pub mod rules;

/// Most rows of one part of a plan.
pub const MAX_PLAN_ROWS: usize = 20;
/// Most characters of a row.
pub const MAX_PLAN_ROW_CHARS: usize = 160;

/// The plan that is in force: where its text is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormPlan {
    /// The rows, as JSON.
    pub text: BlobRef,
    /// When it was written.
    pub at: WallMs,
}

/// The rows of a plan, as the chief typed them: one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StormPlanRows {
    /// Where people find shelter.
    pub shelters: Vec<String>,
    /// Where boats lie, and whose they are.
    pub boats: Vec<String>,
    /// Telephones of those on duty.
    pub phones: Vec<String>,
}

impl StormPlanRows {
    /// The rows of three typed texts; the error is the number of a part (0 shelters, 1 boats, 2
    /// phones) that has too many rows or a row that is too long.
    ///
    /// # Errors
    /// The part that is beyond its bounds.
    pub fn typed(parts: [&str; 3]) -> Result<Self, usize> {
        let [shelters, boats, phones] = parts.map(|part| part.lines().map(str::to_owned).collect());
        let typed = Self {
            shelters,
            boats,
            phones,
        };
        typed.tidied()
    }

    /// The rows as they are kept: each of them one line, none of them empty; the error is the
    /// number of a part as of [`Self::typed`].
    ///
    /// # Errors
    /// The part that is beyond its bounds.
    pub fn tidied(self) -> Result<Self, usize> {
        let mut parts = [self.shelters, self.boats, self.phones];
        for (n, rows) in parts.iter_mut().enumerate() {
            let lines = rows.iter().map(|row| text::line(row, usize::MAX));
            *rows = lines.filter(|row| !row.is_empty()).collect();
            let is_long = |row: &String| row.chars().count() > MAX_PLAN_ROW_CHARS;
            if rows.len() > MAX_PLAN_ROWS || rows.iter().any(is_long) {
                return Err(n);
            }
        }
        let [shelters, boats, phones] = parts;
        Ok(Self {
            shelters,
            boats,
            phones,
        })
    }
}

/// A request about the storm plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Writes another plan instead of the one that there is.
    #[serde(rename = "SetStormPlan")]
    SetPlan { text: BlobRef },
}

/// Something that happened to the storm plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// Another plan is in force.
    PlanSet { text: BlobRef },
}

impl Command {
    /// The blob that this command names.
    #[must_use]
    pub const fn blob(&self) -> &BlobRef {
        let Self::SetPlan { text } = self;
        text
    }
}

impl Event {
    /// How this event is filed. Telephones of people stay in the village.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        let Self::PlanSet { text } = self;
        EventProperties::in_lane(Lane::Local).with_blob(text)
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    check_blob(command.blob())
}
