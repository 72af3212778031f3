//! What programs show to be let in, and what each may.
//!
//! Invariants: only the hash of a token is kept; a token may what its scopes say and nothing else.
//! The token in the file `keys/api.token` ([`FILE`]) is not written down here: it may everything
//! that programs may, until it is taken away.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::TokenId;

/// Name of the token that lies in the folder of keys.
pub const FILE_TOKEN: &str = "api";

/// Tokens at once.
pub const MAX_TOKENS: usize = 64;

/// What a token may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Hear how the village is: state, history, figures.
    Read,
    /// Switch lamps, and stop everything.
    Switch,
    /// Speak on the horns and on the board, and stop everything.
    Speak,
    /// Set up places, devices with their accounts, groups, sensors.
    Manage,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Read, Self::Switch, Self::Speak, Self::Manage];

    /// As it is typed.
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
    /// Its name; programs stand in the history by it.
    pub id: TokenId,
    /// SHA-256 of it, lower-case hexadecimal; empty = it was taken away and does not come back by
    /// itself.
    pub sha256: String,
    /// What it may.
    pub scopes: BTreeSet<Scope>,
}

impl Token {
    /// The token of the file, taken away.
    #[must_use]
    pub const fn revoked(id: TokenId) -> Self {
        Self {
            id,
            sha256: String::new(),
            scopes: BTreeSet::new(),
        }
    }
}
