//! Places: the roads and alleys where devices hang.
//!
//! Deliberately absent: households, and names of people. Where a place lies, its houses and how to
//! get there are in the directory (`domain::directory`), whose roads have the ids of places.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::id::PlaceId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::check_name;

pub mod rules;

/// A named place in the village.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its id.
    pub id: PlaceId,
    /// “Ngõ Cầu Tre”.
    pub name: String,
}

/// A request about places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Declares a place.
    #[serde(rename = "DeclarePlace")]
    Declare { place: Place },
}

/// Something that happened to a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A place was declared.
    Declared { place: Place },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        let Self::Declared { place } = self;
        EventProperties::in_lane(Lane::State).about(place.id.as_str())
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    let Command::Declare { place } = command;
    check_name("name", &place.name)
}
