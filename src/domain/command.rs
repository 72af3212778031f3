//! All commands, by noun, and their form on the wire.
//!
//! A command is a request: `decide` turns it into events or rejects it. A `Declare…` command states
//! how a thing should be and changes nothing when it is so already. Commands are never stored;
//! events are. On the wire a command is one flat object, `{"do": "SwitchLight", …}`, whose name
//! belongs to one noun ([`wire`]).

use super::blob::BlobRef;
use super::{
    account, camera, configuration, device, directory, guest, history, light, network, notice,
    place, procedure, sensor, speaker, storm, token, user, village,
};

pub mod wire;

/// A request to change the village.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// History itself.
    History(history::Command),
    /// The village itself.
    Village(village::Command),
    /// Places.
    Place(place::Command),
    /// Devices.
    Device(device::Command),
    /// Accounts.
    Account(account::Command),
    /// The things of the configuration.
    Configuration(configuration::Command),
    /// Lamps.
    Light(light::Command),
    /// Sensors.
    Sensor(sensor::Command),
    /// Speakers and announcements.
    Speaker(speaker::Command),
    /// Cameras.
    Camera(camera::Command),
    /// Notices.
    Notice(notice::Command),
    /// Users.
    User(user::Command),
    /// Tokens of programs.
    Token(token::Command),
    /// The free wifi.
    Guest(guest::Command),
    /// The networks that the box serves.
    Network(network::Command),
    /// The directory of roads and houses.
    Directory(directory::Command),
    /// Administrative procedures.
    Procedure(procedure::Command),
    /// The storm plan.
    Storm(storm::Command),
}

impl Command {
    /// The blob that this command names, if any.
    #[must_use]
    pub const fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::Speaker(c) => c.blob(),
            Self::Notice(c) => c.blob(),
            Self::User(c) => c.blob(),
            Self::Directory(c) => c.blob(),
            Self::Procedure(c) => Some(c.blob()),
            Self::Storm(c) => Some(c.blob()),
            Self::History(_)
            | Self::Village(_)
            | Self::Place(_)
            | Self::Device(_)
            | Self::Account(_)
            | Self::Configuration(_)
            | Self::Light(_)
            | Self::Sensor(_)
            | Self::Camera(_)
            | Self::Token(_)
            | Self::Guest(_)
            | Self::Network(_) => None,
        }
    }
}

impl From<history::Command> for Command {
    fn from(command: history::Command) -> Self {
        Self::History(command)
    }
}

impl From<village::Command> for Command {
    fn from(command: village::Command) -> Self {
        Self::Village(command)
    }
}

impl From<place::Command> for Command {
    fn from(command: place::Command) -> Self {
        Self::Place(command)
    }
}

impl From<device::Command> for Command {
    fn from(command: device::Command) -> Self {
        Self::Device(command)
    }
}

impl From<account::Command> for Command {
    fn from(command: account::Command) -> Self {
        Self::Account(command)
    }
}

impl From<configuration::Command> for Command {
    fn from(command: configuration::Command) -> Self {
        Self::Configuration(command)
    }
}

impl From<light::Command> for Command {
    fn from(command: light::Command) -> Self {
        Self::Light(command)
    }
}

impl From<sensor::Command> for Command {
    fn from(command: sensor::Command) -> Self {
        Self::Sensor(command)
    }
}

impl From<speaker::Command> for Command {
    fn from(command: speaker::Command) -> Self {
        Self::Speaker(command)
    }
}

impl From<camera::Command> for Command {
    fn from(command: camera::Command) -> Self {
        Self::Camera(command)
    }
}

impl From<notice::Command> for Command {
    fn from(command: notice::Command) -> Self {
        Self::Notice(command)
    }
}

impl From<user::Command> for Command {
    fn from(command: user::Command) -> Self {
        Self::User(command)
    }
}

impl From<token::Command> for Command {
    fn from(command: token::Command) -> Self {
        Self::Token(command)
    }
}

impl From<guest::Command> for Command {
    fn from(command: guest::Command) -> Self {
        Self::Guest(command)
    }
}

impl From<network::Command> for Command {
    fn from(command: network::Command) -> Self {
        Self::Network(command)
    }
}

impl From<directory::Command> for Command {
    fn from(command: directory::Command) -> Self {
        Self::Directory(command)
    }
}

impl From<procedure::Command> for Command {
    fn from(command: procedure::Command) -> Self {
        Self::Procedure(command)
    }
}

impl From<storm::Command> for Command {
    fn from(command: storm::Command) -> Self {
        Self::Storm(command)
    }
}
