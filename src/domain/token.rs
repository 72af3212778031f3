//! Tokens of programs, and the scopes of each.
//!
//! Invariants: only the hash of a token is stored; a token may do what its scopes permit and
//! nothing else. The token in the file `keys/api.token` ([`FILE_TOKEN`]) is not recorded here: it
//! has every scope until it is revoked.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::TokenId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::{check_hash, ensure};

pub mod rules;

/// Name of the token in the folder of keys.
pub const FILE_TOKEN: &str = "api";

/// Most tokens at once.
pub const MAX_TOKENS: usize = 64;

/// A scope permits a token a set of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read the village: state, history, figures.
    Read,
    /// Switch lamps, and stop everything.
    Switch,
    /// Queue announcements, publish notices, and stop everything.
    Speak,
    /// Set up places, devices with their accounts, groups, sensors.
    Manage,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Read, Self::Switch, Self::Speak, Self::Manage];

    /// The scope as it is typed and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Switch => "switch",
            Self::Speak => "speak",
            Self::Manage => "manage",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or_else(|| format!("“{text}”: read, switch, speak, manage"))
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its name, by which history names the program.
    pub id: TokenId,
    /// SHA-256 of the secret, lower-case hexadecimal; empty = the token is revoked and stays so.
    pub sha256: String,
    /// The scopes that it has.
    pub scopes: BTreeSet<Scope>,
}

impl Token {
    /// The token of the file, revoked.
    #[must_use]
    pub const fn revoked(id: TokenId) -> Self {
        Self {
            id,
            sha256: String::new(),
            scopes: BTreeSet::new(),
        }
    }
}

/// A request about tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Gives a program a token.
    #[serde(rename = "PutToken")]
    Put { token: Token },
    /// Revokes a program's token.
    #[serde(rename = "RemoveToken")]
    Remove { token: TokenId },
}

/// Something that happened to a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A program was given a token.
    Put { token: Token },
    /// A program's token was revoked.
    Removed { token: TokenId },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        EventProperties::in_lane(Lane::Local).about(match self {
            Self::Put { token } => token.id.as_str(),
            Self::Removed { token } => token.as_str(),
        })
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Put { token } => {
            check_hash("secret", &token.sha256)?;
            ensure(!token.scopes.is_empty(), "scopes", 0)
        }
        // An id only.
        Command::Remove { .. } => Ok(()),
    }
}
