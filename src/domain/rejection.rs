//! The time of a decision, and its outcome: events, or a rejection.
//!
//! Everything that decides imports this module: permissions, validation, the decisions of each
//! noun.

use serde::{Deserialize, Serialize};

use super::things::Things;
use crate::time::WallMs;

/// Most things of one noun in a village.
pub const MAX_THINGS_PER_KIND: usize = 20_000;

/// The time at which a decision is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall time, ms since 1970 UTC, as the gateway's clock shows it.
    pub wall_ms: WallMs,
    /// The same where it can be believed, else the latest time that is known to be past. Forms
    /// reckon with it, so what they reckoned is judged by it.
    pub trusted_ms: WallMs,
}

impl Now {
    /// This moment, by a clock that is believed.
    #[must_use]
    pub const fn at(wall_ms: WallMs) -> Self {
        Self {
            wall_ms,
            trusted_ms: wall_ms,
        }
    }
}

/// The reason why a command was not carried out. It is a value for people: `key()` names the
/// sentence in the locale files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Rejection {
    /// The actor may not do this.
    #[error("not permitted")]
    NotPermitted,
    /// There is no such thing.
    #[error("there is no {what} “{id}”")]
    Unknown {
        /// Noun.
        what: String,
        /// Id asked for.
        id: String,
    },
    /// The thing cannot be switched.
    #[error("“{id}” cannot be switched")]
    NotSwitchable {
        /// Id asked for.
        id: String,
    },
    /// An announcement without any speaker cluster.
    #[error("no horn cluster was chosen")]
    EmptyZone,
    /// A bound of the gateway is reached.
    #[error("too many: at most {most}")]
    TooMany {
        /// The bound.
        most: u64,
    },
    /// The id is in use.
    #[error("“{id}” exists already")]
    Exists {
        /// Id asked for.
        id: String,
    },
    /// The time of the command is over.
    #[error("it came too late: its time is over")]
    Expired,
    /// The last chief cannot be removed.
    #[error("the last chief cannot be removed")]
    LastChief,
    /// A part of the command is beyond its bounds: a number that is not finite or not in its range,
    /// or a text that is empty, too long or hides something.
    #[error("not a sound value: {what} {}", format_limit(*most))]
    #[serde(rename = "unsound")]
    Invalid {
        /// The part, one of [`super::validation::FIELD_NAMES`]; empty = the whole.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        what: String,
        /// Most characters of the text; 0 = the part is a number.
        #[serde(default)]
        most: u64,
    },
}

impl Rejection {
    /// The whole command is beyond its bounds.
    pub const INVALID: Self = Self::Invalid {
        what: String::new(),
        most: 0,
    };

    /// Key of the sentence in `locales/*.ftl`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NotPermitted => "refused-not-permitted",
            Self::Unknown { .. } => "refused-unknown",
            Self::NotSwitchable { .. } => "refused-not-switchable",
            Self::EmptyZone => "refused-empty-zone",
            Self::TooMany { .. } => "refused-too-many",
            Self::Exists { .. } => "refused-exists",
            Self::Expired => "refused-expired",
            Self::LastChief => "refused-last-chief",
            Self::Invalid { .. } => "refused-unsound",
        }
    }
}

fn format_limit(most: u64) -> String {
    if most == 0 {
        String::new()
    } else {
        format!("(at most {most} characters, on one line, without hidden ones)")
    }
}

pub(super) fn unknown(what: &str, id: impl std::fmt::Display) -> Rejection {
    Rejection::Unknown {
        what: what.to_owned(),
        id: id.to_string(),
    }
}

pub(super) fn emit_if<E>(yes: bool, event: impl FnOnce() -> E) -> Vec<E> {
    if yes { vec![event()] } else { Vec::new() }
}

pub(super) fn check_capacity<K: Ord, V>(things: &Things<K, V>, id: &K) -> Result<(), Rejection> {
    if things.len() < MAX_THINGS_PER_KIND || things.contains_key(id) {
        Ok(())
    } else {
        Err(Rejection::TooMany {
            most: MAX_THINGS_PER_KIND as u64,
        })
    }
}
