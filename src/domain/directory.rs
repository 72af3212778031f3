//! The directory: roads, alleys, houses and how to get there.
//!
//! Invariants: the village has one map, given as a whole; the entry names the file with it, as the
//! gateway wrote it anew, and how much is in it. A house is a number and a direction. Anything more
//! about it is a label, which exists only with the recorded consent of the householder, is a text
//! of people, and is erased when the consent is withdrawn. Deliberately absent: who lives in a
//! house, how many, and how they are off.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
use super::id::HouseId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::{check_blob, check_file, check_number};
use crate::time::WallMs;

pub mod data;
pub mod find;
pub mod geometry;
mod keys;
pub mod labels;
pub mod map;
pub mod route;
pub mod rules;
mod streets;
#[cfg(test)]
pub(crate) use self::streets::searches;

#[cfg(test)]
mod map_tests;

/// Most roads and alleys of a map.
pub const MAX_ROADS: usize = 200;
/// Most houses: four doors for each of 500 households.
pub const MAX_HOUSES: usize = 2_000;
/// Most places, and most codes.
pub const MAX_SITES: usize = 300;
/// Most points of all roads together.
pub const MAX_POINTS: usize = 20_000;
/// Largest file with a map, bytes.
pub const MAX_MAP_BYTES: usize = 8 * 1024 * 1024;
/// Days are counted from 1970; a consent is of this century or the next.
const DAYS: std::ops::Range<i64> = 10_957..84_006;

/// The map that the village has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryMap {
    /// The file with it.
    pub file: BlobRef,
    /// How many roads and alleys there are.
    pub roads: u32,
    /// How many houses there are.
    pub houses: u32,
    /// When it was given.
    pub at: WallMs,
    /// The seq of the entry that gave it.
    pub order: u64,
}

/// How a householder gave consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentForm {
    /// On paper, with a signature.
    Signed,
    /// By word of mouth, before the chief.
    Spoken,
    /// In a message.
    Written,
}

impl ConsentForm {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Signed, Self::Spoken, Self::Written];

    /// Its name in forms of pages and in keys of words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Spoken => "spoken",
            Self::Written => "written",
        }
    }
}

/// A text about a house that everybody may read, with the householder's consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseLabel {
    /// The house.
    pub house: HouseId,
    /// The text.
    pub text: BlobRef,
    /// How the consent was given.
    pub form: ConsentForm,
    /// The day on which it was given, as a day number.
    pub given: i64,
}

/// The directory in the village's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// The map; none = the village has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<DirectoryMap>,
    /// The map that was in force before: it may be put in force again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<DirectoryMap>,
    /// Labels of houses.
    #[serde(default)]
    pub labels: std::collections::BTreeMap<HouseId, HouseLabel>,
}

impl Directory {
    /// Whether a file has the map that is in force.
    #[must_use]
    pub fn is_in_force(&self, file: &BlobRef) -> bool {
        let map = self.map.as_ref();
        map.is_some_and(|map| map.file.has_content_of(file))
    }
}

/// A request about the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Gives the village another map instead of the one that it has. `following` are the labels
    /// that were held against it and follow to their house; `withdraw_others` takes all others
    /// away, and without it a village with others keeps its map.
    #[serde(rename = "ReplaceDirectory")]
    Replace {
        file: BlobRef,
        roads: u32,
        houses: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        following: Vec<HouseId>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        withdraw_others: bool,
    },
    /// Tells something of a house in public, because the householder agreed.
    #[serde(rename = "LabelHouse")]
    Label { label: HouseLabel },
    /// Tells it no more, because the householder does not agree any longer.
    #[serde(rename = "WithdrawHouseLabel")]
    Withdraw { house: HouseId },
}

/// Something that happened to the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// Another map is in force.
    Replaced {
        file: BlobRef,
        roads: u32,
        houses: u32,
    },
    /// A house has a label.
    Labelled { label: HouseLabel },
    /// A house has none any more.
    LabelWithdrawn { house: HouseId },
}

impl Command {
    /// The blob that this command names, if any.
    #[must_use]
    pub const fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::Replace { file, .. } => Some(file),
            Self::Label { label } => Some(&label.text),
            Self::Withdraw { .. } => None,
        }
    }
}

impl Event {
    /// How this event is filed. Nothing of it leaves the village: the map is a file of its own, and
    /// a consent is given to the village.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        let filed = EventProperties::in_lane(Lane::Local);
        match self {
            Self::Replaced { file, .. } => filed.with_blob(file),
            Self::Labelled { label } => filed.about(label.house.as_str()).with_blob(&label.text),
            Self::LabelWithdrawn { house } => filed.about(house.as_str()),
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Replace {
            file,
            roads,
            houses,
            following,
            ..
        } => {
            let within = |n: u32, most: usize| usize::try_from(n).is_ok_and(|n| n <= most);
            check_file(file, MAX_MAP_BYTES)?;
            check_number("roads", within(*roads, MAX_ROADS))?;
            check_number("houses", within(*houses, MAX_HOUSES))?;
            check_number("houses", following.len() <= MAX_HOUSES)
        }
        Command::Label { label } => {
            check_blob(&label.text)?;
            check_number("consent", DAYS.contains(&label.given))
        }
        // An id only.
        Command::Withdraw { .. } => Ok(()),
    }
}
