//! The village itself: its name and where it is.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::id::VillageId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::{check_name, check_number, is_degrees};

pub mod rules;

/// A village as people name it. Coordinates are WGS 84 degrees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Village {
    /// Its id at the commune.
    pub id: VillageId,
    /// “Thôn Bến Thóc”.
    pub name: String,
    /// “xã Đồng Nếp”.
    pub commune: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// A request about the village itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Sets the name and the position of the village.
    #[serde(rename = "DeclareVillage")]
    Declare { village: Village },
}

/// Something that happened to the village itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// The name and the position of the village were declared.
    Declared { village: Village },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub const fn properties(&self) -> EventProperties<'_> {
        let Self::Declared { .. } = self;
        EventProperties::in_lane(Lane::State)
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    let Command::Declare { village } = command;
    check_name("name", &village.name)?;
    check_name("commune", &village.commune)?;
    check_number(
        "place",
        is_degrees(village.latitude, 90.0) && is_degrees(village.longitude, 180.0),
    )
}
