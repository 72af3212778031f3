//! Lamps: what was ordered of them, and what they reported.
//!
//! Invariant: `reported` changes only by what the device published; a page never shows `desired` as
//! if it were true. An order that got no answer ends as `given_up`; it is not repeated for ever.

use serde::{Deserialize, Serialize};

use super::id::{EntityId, GroupId};

/// A lamp (or a switch shown among the lamps).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Light {
    /// Its entity.
    pub id: EntityId,
    /// “Cổng làng”.
    pub name: String,
    /// The group it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The last order, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Desired>,
    /// The state that it last reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Reported>,
}

/// An order to a lamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// On or off.
    pub on: bool,
    /// The seq of the entry that ordered it.
    pub order: u64,
    /// When, wall ms.
    pub at: i64,
    /// True once the gateway stopped repeating the order.
    #[serde(default)]
    pub given_up: bool,
}

/// The state that a lamp reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// On or off.
    pub on: bool,
    /// When it first reported this state, wall ms.
    pub at: i64,
}

impl Light {
    /// True while an order waits for its answer.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.desired
            .is_some_and(|d| !d.given_up && self.reported.is_none_or(|r| r.on != d.on))
    }
    /// True when an order was never answered.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.desired
            .is_some_and(|d| d.given_up && self.reported.is_none_or(|r| r.on != d.on))
    }
    /// True when the lamp reported that it is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.reported.is_some_and(|r| r.on)
    }
}

/// A light group: lamps that are switched together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LightGroup {
    /// Its id.
    pub id: GroupId,
    /// “Đường trục”.
    pub name: String,
    /// Its lamps.
    pub lights: Vec<EntityId>,
}
