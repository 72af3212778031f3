//! Actors: who caused an entry.

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, TokenId, UserId};

/// The cause of an entry: a person, a device, a program, the commune or the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Actor {
    /// The gateway itself: reconcilers, clocks, recovery.
    #[serde(rename = "house")]
    System,
    /// A signed-in user.
    User {
        /// The user's id.
        id: UserId,
    },
    /// The commune, over its signed and authenticated link.
    Commune,
    /// A device, by what it published of itself.
    Device {
        /// The device's id.
        id: DeviceId,
    },
    /// The technician on the control socket.
    #[serde(rename = "console")]
    LocalAdmin,
    /// A program, by its token.
    Program {
        /// The token's id.
        id: TokenId,
    },
}

impl Actor {
    /// The actor as one text, by which history is searched; none = the gateway or a device, whose
    /// entries are found by what they are about.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match self {
            Self::System | Self::Device { .. } => None,
            Self::User { id } => Some(id.to_string()),
            Self::Commune => Some("@commune".to_owned()),
            Self::LocalAdmin => Some("@console".to_owned()),
            Self::Program { id } => Some(format!("@program-{id}")),
        }
    }
}
