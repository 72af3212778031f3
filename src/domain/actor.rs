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
