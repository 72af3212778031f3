//! Users: the people who may sign in, and their roles; who signed in and out, and wrong PINs.
//!
//! Deliberately absent: names. A person's name is stored in a blob; history holds the id. Also
//! absent are the sign-ins themselves (`src/http/session.rs`) and the addresses of phones.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;
use super::id::UserId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::check_blob;

pub mod rules;

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

/// A request about users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Adds a user or changes their PIN or role (`decide` sets the generation).
    #[serde(rename = "PutUser")]
    Put { user: User },
    /// Renames a user: the new record holds the new name and the same PIN.
    #[serde(rename = "RenameUser")]
    Rename {
        /// The user.
        user: UserId,
        /// The record with the new name.
        record: BlobRef,
        /// The generation of the record that the new one was made from. When the PIN was changed
        /// meanwhile the generation differs, and the command is rejected so that it does not undo
        /// the new PIN.
        generation: u64,
    },
    /// Removes a user: they may not sign in any more.
    #[serde(rename = "RemoveUser")]
    Remove { user: UserId },
    /// The actor signed in on a phone.
    NoteSignIn { user: UserId, is_known_phone: bool },
    /// The actor signed out on a phone.
    NoteSignOut { user: UserId },
    /// The actor signed out all other phones.
    NotePhonesOut { user: UserId, phones: u64 },
    /// Wrong PINs for a user since the last such command; `is_locked`: an address must wait.
    NoteWrongPins {
        user: UserId,
        count: u64,
        is_locked: bool,
    },
}

/// Something that happened to a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A user was added, or their PIN or role changed.
    Put { user: User },
    /// A user was renamed; the PIN and the sign-ins stay.
    Renamed { user: UserId, record: BlobRef },
    /// A user was removed.
    Removed { user: UserId },
    /// A user signed in; the phone had signed in as this user before, or never.
    SignedIn { user: UserId, is_known_phone: bool },
    /// A user signed out on one phone.
    SignedOut { user: UserId },
    /// A user signed out all their other phones, so many.
    PhonesSignedOut { user: UserId, phones: u64 },
    /// So many wrong PINs were tried for a user; `is_locked`: an address had to wait for it.
    WrongPinsTried {
        user: UserId,
        count: u64,
        is_locked: bool,
    },
}

impl Command {
    /// The blob that this command names, if any.
    #[must_use]
    pub const fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::Put { user } => Some(&user.record),
            Self::Rename { record, .. } => Some(record),
            Self::Remove { .. }
            | Self::NoteSignIn { .. }
            | Self::NoteSignOut { .. }
            | Self::NotePhonesOut { .. }
            | Self::NoteWrongPins { .. } => None,
        }
    }
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        let filed = EventProperties::in_lane(Lane::Local);
        match self {
            Self::Put { user } => filed.about(user.id.as_str()).with_blob(&user.record),
            Self::Renamed { user, record } => filed.about(user.as_str()).with_blob(record),
            Self::Removed { user }
            | Self::SignedIn { user, .. }
            | Self::SignedOut { user }
            | Self::PhonesSignedOut { user, .. }
            | Self::WrongPinsTried { user, .. } => filed.about(user.as_str()),
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    command.blob().map_or(Ok(()), check_blob)
}
