//! Devices: one box on the network with its entities and its availability.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::entity::Entity;
use super::id::{DeviceId, EntityId, PlaceId};
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::text::{MAX_NAME_CHARS, MAX_UNIT_CHARS};
use super::validation::{
    MAX_FIELD_BYTES, MAX_MACHINE_TEXT_BYTES, check_line, check_machine_text, check_name,
    check_topic,
};
use crate::time::WallMs;

pub mod rules;

/// One box on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its id; also its MQTT user name.
    pub id: DeviceId,
    /// Its name, as people call it: “Đèn Cổng làng”.
    pub name: String,
    /// The place where it hangs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceId>,
    /// Maker and model as the device announced them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Whether it answers, as far as is known.
    #[serde(default)]
    #[serde(rename = "presence")]
    pub availability: Availability,
}

/// Whether a device answers. `since` is wall time in milliseconds since 1970 UTC, as far as the
/// gateway knew it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Availability {
    /// Nothing was received from it since it was declared.
    #[default]
    Unknown,
    /// It answers.
    #[serde(rename = "here")]
    Online {
        /// Since when, ms.
        since: WallMs,
    },
    /// It does not answer.
    #[serde(rename = "gone")]
    Offline {
        /// Since when, ms.
        since: WallMs,
    },
}

impl Availability {
    /// It answers or it does not, since this moment.
    #[must_use]
    pub const fn since(here: bool, since: WallMs) -> Self {
        if here {
            Self::Online { since }
        } else {
            Self::Offline { since }
        }
    }

    /// True when it is known already that the device answers (`here`) or does not.
    #[must_use]
    pub const fn is(self, here: bool) -> bool {
        matches!(
            (self, here),
            (Self::Online { .. }, true) | (Self::Offline { .. }, false)
        )
    }

    /// True when the device is known not to answer.
    #[must_use]
    pub const fn is_offline(self) -> bool {
        self.offline_since().is_some()
    }

    /// Since when the device is offline; `None` = it is online, or nothing is known of it.
    #[must_use]
    pub const fn offline_since(self) -> Option<WallMs> {
        if let Self::Offline { since } = self {
            Some(since)
        } else {
            None
        }
    }
}

/// A request about devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Declares a device.
    #[serde(rename = "DeclareDevice")]
    Declare { device: Device },
    /// A device announced itself and its entities in discovery messages.
    AdoptEntities {
        device: DeviceId,
        model: String,
        entities: Vec<Entity>,
    },
    /// A device withdrew entities that it had announced.
    WithdrawEntities {
        device: DeviceId,
        entities: Vec<EntityId>,
    },
    /// The availability of a device changed, for longer than a moment.
    ReportPresence { device: DeviceId, here: bool },
}

/// Something that happened to a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A device was declared.
    Declared { device: Device },
    /// A device announced new or changed entities.
    EntitiesAdopted {
        device: DeviceId,
        model: String,
        entities: Vec<Entity>,
    },
    /// A device withdrew entities.
    EntitiesWithdrawn {
        device: DeviceId,
        entities: Vec<EntityId>,
    },
    /// A device went online or offline.
    PresenceChanged { device: DeviceId, here: bool },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        let filed = EventProperties::in_lane(Lane::State);
        match self {
            Self::Declared { device } => filed.naming(device.id.as_str(), &device.name),
            Self::EntitiesAdopted {
                device, entities, ..
            } => EventProperties {
                names: entities
                    .iter()
                    .map(|e| (e.id.as_str(), e.name.as_str()))
                    .collect(),
                ..filed.about(device.as_str())
            },
            Self::EntitiesWithdrawn { device, .. } | Self::PresenceChanged { device, .. } => {
                filed.about(device.as_str())
            }
        }
    }
}

fn check_entity(entity: &Entity) -> Result<(), Rejection> {
    check_name("name", &entity.name)?;
    check_line("unit", &entity.unit, MAX_UNIT_CHARS)?;
    check_line("class", &entity.class, MAX_FIELD_BYTES)?;
    check_topic(&entity.state.topic)?;
    check_machine_text("payload", &entity.state.on, MAX_MACHINE_TEXT_BYTES)?;
    check_machine_text("payload", &entity.state.off, MAX_MACHINE_TEXT_BYTES)?;
    entity
        .state
        .field
        .iter()
        .try_for_each(|f| check_line("field", f, MAX_FIELD_BYTES))?;
    if let Some(order) = &entity.order {
        check_topic(&order.topic)?;
        check_machine_text("payload", &order.on, MAX_MACHINE_TEXT_BYTES)?;
        check_machine_text("payload", &order.off, MAX_MACHINE_TEXT_BYTES)?;
    }
    if let Some(availability) = &entity.availability {
        check_topic(&availability.topic)?;
        check_machine_text("payload", &availability.here, MAX_MACHINE_TEXT_BYTES)?;
        check_machine_text("payload", &availability.gone, MAX_MACHINE_TEXT_BYTES)?;
    }
    Ok(())
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Declare { device } => {
            check_name("name", &device.name)?;
            check_line("model", &device.model, MAX_NAME_CHARS)
        }
        Command::AdoptEntities {
            model, entities, ..
        } => {
            check_line("model", model, MAX_NAME_CHARS)?;
            entities.iter().try_for_each(check_entity)
        }
        // These carry ids only.
        Command::WithdrawEntities { .. } | Command::ReportPresence { .. } => Ok(()),
    }
}
