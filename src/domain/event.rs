//! All events, by noun; and entries.
//!
//! Invariants: events are stored for ever (`journal/codec`). A change of shape in a noun is a new
//! version with an upcaster there. `apply` must be total: any event on any state is defined.

use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::blob::BlobRef;
pub use super::lane::{EventProperties, Lane};
use super::{
    account, camera, configuration, device, directory, guest, history, light, network, notice,
    place, procedure, sensor, speaker, storm, token, user, village,
};
use crate::time::{MonoMs, WallMs};

/// Something that happened to the village.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// History itself.
    History(history::Event),
    /// The village itself.
    Village(village::Event),
    /// Places.
    Place(place::Event),
    /// Devices.
    Device(device::Event),
    /// Accounts.
    Account(account::Event),
    /// The things of the configuration.
    Configuration(configuration::Event),
    /// Lamps.
    Light(light::Event),
    /// Sensors.
    Sensor(sensor::Event),
    /// Speakers and announcements.
    Speaker(speaker::Event),
    /// Cameras.
    Camera(camera::Event),
    /// Notices.
    Notice(notice::Event),
    /// Users.
    User(user::Event),
    /// Tokens of programs.
    Token(token::Event),
    /// The free wifi.
    Guest(guest::Event),
    /// The networks that the box serves.
    Network(network::Event),
    /// The directory of roads and houses.
    Directory(directory::Event),
    /// Administrative procedures.
    Procedure(procedure::Event),
    /// The storm plan.
    Storm(storm::Event),
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        match self {
            Self::History(e) => e.properties(),
            Self::Village(e) => e.properties(),
            Self::Place(e) => e.properties(),
            Self::Device(e) => e.properties(),
            Self::Account(e) => e.properties(),
            Self::Configuration(e) => e.properties(),
            Self::Light(e) => e.properties(),
            Self::Sensor(e) => e.properties(),
            Self::Speaker(e) => e.properties(),
            Self::Camera(e) => e.properties(),
            Self::Notice(e) => e.properties(),
            Self::User(e) => e.properties(),
            Self::Token(e) => e.properties(),
            Self::Guest(e) => e.properties(),
            Self::Network(e) => e.properties(),
            Self::Directory(e) => e.properties(),
            Self::Procedure(e) => e.properties(),
            Self::Storm(e) => e.properties(),
        }
    }

    /// The lane of this event.
    #[must_use]
    pub fn lane(&self) -> Lane {
        self.properties().lane
    }

    /// The blob that this event names, if any.
    #[must_use]
    pub fn blob(&self) -> Option<&BlobRef> {
        self.properties().blob
    }

    /// The ids and names of the things that this event names.
    #[must_use]
    pub fn names(&self) -> Vec<(&str, &str)> {
        self.properties().names
    }

    /// The thing that this event is about, as one id; used by the index “by entity”.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.properties().subject
    }

    /// All things that this event is about: its subject, and further ones.
    #[must_use]
    pub fn things(&self) -> Vec<&str> {
        let filed = self.properties();
        filed.subject.into_iter().chain(filed.also).collect()
    }

    /// Whether this event is about a thing.
    #[must_use]
    pub fn is_about(&self, id: &str) -> bool {
        let filed = self.properties();
        filed.subject == Some(id) || filed.also.contains(&id)
    }
}

impl From<history::Event> for Event {
    fn from(event: history::Event) -> Self {
        Self::History(event)
    }
}

impl From<village::Event> for Event {
    fn from(event: village::Event) -> Self {
        Self::Village(event)
    }
}

impl From<place::Event> for Event {
    fn from(event: place::Event) -> Self {
        Self::Place(event)
    }
}

impl From<device::Event> for Event {
    fn from(event: device::Event) -> Self {
        Self::Device(event)
    }
}

impl From<account::Event> for Event {
    fn from(event: account::Event) -> Self {
        Self::Account(event)
    }
}

impl From<configuration::Event> for Event {
    fn from(event: configuration::Event) -> Self {
        Self::Configuration(event)
    }
}

impl From<light::Event> for Event {
    fn from(event: light::Event) -> Self {
        Self::Light(event)
    }
}

impl From<sensor::Event> for Event {
    fn from(event: sensor::Event) -> Self {
        Self::Sensor(event)
    }
}

impl From<speaker::Event> for Event {
    fn from(event: speaker::Event) -> Self {
        Self::Speaker(event)
    }
}

impl From<camera::Event> for Event {
    fn from(event: camera::Event) -> Self {
        Self::Camera(event)
    }
}

impl From<notice::Event> for Event {
    fn from(event: notice::Event) -> Self {
        Self::Notice(event)
    }
}

impl From<user::Event> for Event {
    fn from(event: user::Event) -> Self {
        Self::User(event)
    }
}

impl From<token::Event> for Event {
    fn from(event: token::Event) -> Self {
        Self::Token(event)
    }
}

impl From<guest::Event> for Event {
    fn from(event: guest::Event) -> Self {
        Self::Guest(event)
    }
}

impl From<network::Event> for Event {
    fn from(event: network::Event) -> Self {
        Self::Network(event)
    }
}

impl From<directory::Event> for Event {
    fn from(event: directory::Event) -> Self {
        Self::Directory(event)
    }
}

impl From<procedure::Event> for Event {
    fn from(event: procedure::Event) -> Self {
        Self::Procedure(event)
    }
}

impl From<storm::Event> for Event {
    fn from(event: storm::Event) -> Self {
        Self::Storm(event)
    }
}

/// How far a wall time can be trusted: the machine has no battery-backed clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockQuality {
    /// No time source has set the clock.
    #[default]
    None,
    /// Carried over from before the power cut.
    Restored,
    /// Agrees with a time source.
    Synced,
}

/// One numbered event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number: one order for the whole village, counted across boots from 1.
    pub seq: u64,
    /// Since this boot.
    pub mono_ms: MonoMs,
    /// Wall time, ms since 1970 UTC, as the gateway's clock showed it.
    pub wall_ms: WallMs,
    /// How far `wall_ms` can be trusted.
    pub clock: ClockQuality,
    /// The actor.
    pub actor: Actor,
    /// The seq of the entry that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The lane in which it is sent to the commune.
    pub lane: Lane,
    /// Dense number per epoch and lane, from 1.
    pub lane_seq: u64,
    /// The event.
    pub event: Event,
}

#[cfg(test)]
impl Entry {
    /// An entry of a test: by the gateway itself, at 1970 by a clock that is right, and with the
    /// same number in its lane as in the village. A test that needs another field names it.
    pub(crate) fn sample(seq: u64, event: Event) -> Self {
        Self {
            seq,
            mono_ms: MonoMs::START,
            wall_ms: WallMs::default(),
            clock: ClockQuality::Synced,
            actor: Actor::System,
            cause: None,
            lane: event.lane(),
            lane_seq: seq,
            event,
        }
    }
}
