//! Actors, roles and users.
//!
//! Deliberately absent: names. A person's name is stored in a blob; history holds the id.

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
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

/// A role says what a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Trưởng thôn, bí thư: everything that the village publishes and sees.
    Chief,
    /// Kỹ thuật viên: devices and the machine, but neither announcements nor notices.
    Technician,
}

/// A person who may sign in. The blob holds the name and the PIN's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The user's role.
    pub role: Role,
    /// The blob with the name and the PIN's hash (argon2id PHC string).
    pub record: BlobRef,
    /// Rises with each change of PIN or role; a sign-in of an older generation is over.
    pub generation: u64,
}
