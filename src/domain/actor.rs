//! Who does things.
//!
//! Deliberately absent: names. A person's name is people's data (a file); history holds the id.

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
use super::id::{DeviceId, TokenId, UserId};

/// Who caused an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Actor {
    /// The house itself: reconcilers, clocks, recovery.
    #[serde(rename = "house")]
    System,
    /// A signed-in person.
    User {
        /// Who.
        id: UserId,
    },
    /// The commune, over its signed and authenticated link.
    Commune,
    /// A device, by its own report.
    Device {
        /// Which.
        id: DeviceId,
    },
    /// The technician on the control socket.
    #[serde(rename = "console")]
    LocalAdmin,
    /// A program, by its token.
    Program {
        /// Which token.
        id: TokenId,
    },
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Trưởng thôn, bí thư: everything that the village says and sees.
    Chief,
    /// Kỹ thuật viên: devices and the machine, not the village's voice.
    Technician,
}

/// A person who may sign in. The file holds the name and the PIN's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// What they may do.
    pub role: Role,
    /// Name and PIN hash (argon2id PHC string), as `store/files` people's data.
    pub record: BlobRef,
    /// Rises with each change of PIN or role; a session of an older generation is over.
    pub generation: u64,
}
