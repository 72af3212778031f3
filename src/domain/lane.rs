//! The lanes of history, and the properties by which an event is filed.

use serde::{Deserialize, Serialize};

use super::blob::BlobRef;

/// The lane of an entry. The commune is sent the lanes in this order; `Local` never leaves the
/// gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Stays here: accounts, users, tokens.
    Local,
    /// Alarms and failures.
    Alarm,
    /// The actions of people and their results.
    Log,
    /// The state of things.
    State,
}

impl Lane {
    /// All lanes in order of their number.
    pub const ALL: [Self; 4] = [Self::Local, Self::Alarm, Self::Log, Self::State];

    /// The number of the lane, 0–3.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Local => 0,
            Self::Alarm => 1,
            Self::Log => 2,
            Self::State => 3,
        }
    }
}

/// The properties by which an event is filed. Each noun lists them once for each of its events, so
/// that no event is without a lane, and no text without somebody who can erase it.
#[derive(Debug, Clone, PartialEq)]
pub struct EventProperties<'a> {
    /// The lane of the entry.
    pub lane: Lane,
    /// The thing that the event is about, as one id; used by the index “by entity”.
    pub subject: Option<&'a str>,
    /// Further things that it is about: who asks for one of them is shown the entry, too.
    pub also: Vec<&'a str>,
    /// The blob that the event names.
    pub blob: Option<&'a BlobRef>,
    /// The ids and names of the things that the event names.
    pub names: Vec<(&'a str, &'a str)>,
}

impl<'a> EventProperties<'a> {
    /// An event of this lane, about nothing in particular.
    #[must_use]
    pub const fn in_lane(lane: Lane) -> Self {
        Self {
            lane,
            subject: None,
            also: Vec::new(),
            blob: None,
            names: Vec::new(),
        }
    }

    /// It is about this thing.
    #[must_use]
    pub fn about(self, id: &'a str) -> Self {
        Self {
            subject: Some(id),
            ..self
        }
    }

    /// It is about these things, too.
    #[must_use]
    pub fn and_about(self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            also: ids.into_iter().collect(),
            ..self
        }
    }

    /// It names this text.
    #[must_use]
    pub fn with_blob(self, blob: &'a BlobRef) -> Self {
        Self {
            blob: Some(blob),
            ..self
        }
    }

    /// It is about this thing and tells its name.
    #[must_use]
    pub fn naming(self, id: &'a str, name: &'a str) -> Self {
        Self {
            names: vec![(id, name)],
            ..self.about(id)
        }
    }
}
