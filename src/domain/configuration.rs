//! The things that the configuration declares, and what becomes of them when it does not name them
//! any more.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, EntityId, GroupId, PlaceId};
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;

pub mod rules;

/// One thing that the configuration declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "noun", content = "id", rename_all = "snake_case")]
pub enum Thing {
    /// A road or alley.
    Place(PlaceId),
    /// A device.
    Device(DeviceId),
    /// An MQTT account.
    Account(DeviceId),
    /// A light group.
    Group(GroupId),
    /// A sensor's name and thresholds.
    Sensor(EntityId),
    /// A speaker cluster.
    Speaker(DeviceId),
}

impl Thing {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Place(id) => id.as_str(),
            Self::Device(id) | Self::Account(id) | Self::Speaker(id) => id.as_str(),
            Self::Group(id) => id.as_str(),
            Self::Sensor(id) => id.as_str(),
        }
    }
}

/// A request of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// The configuration names these things.
    #[serde(rename = "NoteConfigured")]
    NoteThings { things: Vec<Thing> },
    /// The configuration does not name this thing any more.
    PutAway { thing: Thing },
}

/// Something that the configuration changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// The configuration names these things, and did not before.
    ThingsNamed { things: Vec<Thing> },
    /// The configuration does not name this thing any more; it was removed with everything that
    /// depended on it.
    ThingPutAway { thing: Thing },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        match self {
            Self::ThingsNamed { .. } => EventProperties::in_lane(Lane::Local),
            Self::ThingPutAway { thing } => EventProperties::in_lane(Lane::State).about(thing.id()),
        }
    }
}

/// Checks that everything in a command is within its bounds: these carry ids only.
///
/// # Errors
/// None.
pub const fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::NoteThings { .. } | Command::PutAway { .. } => Ok(()),
    }
}
