//! Lamps: what was ordered of them, and what they reported.
//!
//! Invariant: `reported` changes only by what the device published; a page never shows `desired` as
//! if it were true. An order that got no answer ends as `given_up`; it is not repeated for ever.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::id::{EntityId, GroupId};
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::{check_name, check_number};
use crate::time::WallMs;

pub mod rules;

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
    /// The state that was wanted of it before the last order: by the order before, or else the one
    /// that it had reported; `None` = neither is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<bool>,
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
    /// When.
    pub at: WallMs,
    /// True once the gateway stopped repeating the order.
    #[serde(default)]
    pub given_up: bool,
}

/// The state that a lamp reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// On or off.
    pub on: bool,
    /// When it first reported this state.
    pub at: WallMs,
}

/// How a lamp stands: its last order, and the state that it reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LightStatus {
    /// The order waits for its answer.
    Pending(Desired),
    /// The order was never answered.
    Unanswered(Desired),
    /// The lamp reported, and no order contradicts it.
    Reported(Reported),
    /// The lamp never reported, and nothing was ordered of it.
    Unknown,
}

impl Light {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> LightStatus {
        match (self.desired, self.reported) {
            (Some(desired), reported) if reported.is_none_or(|r| r.on != desired.on) => {
                if desired.given_up {
                    LightStatus::Unanswered(desired)
                } else {
                    LightStatus::Pending(desired)
                }
            }
            (_, Some(reported)) => LightStatus::Reported(reported),
            (_, None) => LightStatus::Unknown,
        }
    }
    /// True while an order waits for its answer.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self.status(), LightStatus::Pending(_))
    }
    /// True when an order was never answered.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(self.status(), LightStatus::Unanswered(_))
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

/// A request about lamps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Declares a light group.
    DeclareGroup { group: LightGroup },
    /// Switches one lamp.
    #[serde(rename = "SwitchLight")]
    Switch { light: EntityId, on: bool },
    /// Switches all lamps of a group.
    SwitchGroup { group: GroupId, on: bool },
    /// Takes back the orders to a group with these numbers, as far as no newer order came: each
    /// lamp gets the order again that it had before.
    UndoSwitchGroup {
        group: GroupId,
        first: u64,
        last: u64,
    },
    /// A lamp reported whether it is on.
    #[serde(rename = "ReportLight")]
    Report { light: EntityId, on: bool },
    /// Stops repeating an order that the lamp does not answer.
    #[serde(rename = "GiveUpLight")]
    GiveUp { light: EntityId, order: u64 },
}

/// Something that happened to a lamp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A light group was declared.
    GroupDeclared { group: LightGroup },
    /// A lamp was ordered on or off.
    Desired {
        light: EntityId,
        on: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
    },
    /// A lamp reported that it is on or off.
    Reported { light: EntityId, on: bool },
    /// The gateway stopped repeating an order that the lamp did not answer.
    GivenUp { light: EntityId, order: u64 },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        match self {
            Self::GroupDeclared { group } => {
                EventProperties::in_lane(Lane::State).about(group.id.as_str())
            }
            Self::Desired { light, group, .. } => EventProperties::in_lane(Lane::Log)
                .about(light.as_str())
                .and_about(group.iter().map(GroupId::as_str)),
            Self::Reported { light, .. } => {
                EventProperties::in_lane(Lane::State).about(light.as_str())
            }
            Self::GivenUp { light, .. } => {
                EventProperties::in_lane(Lane::Alarm).about(light.as_str())
            }
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::DeclareGroup { group } => check_name("name", &group.name),
        Command::UndoSwitchGroup { first, last, .. } => check_number("value", first <= last),
        // Ids, and numbers of which every value is allowed.
        Command::Switch { .. }
        | Command::SwitchGroup { .. }
        | Command::Report { .. }
        | Command::GiveUp { .. } => Ok(()),
    }
}
