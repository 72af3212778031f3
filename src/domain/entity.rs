//! One thing that a device does, and how it is spoken to.
//!
//! The wiring is what Home Assistant's MQTT discovery can say, reduced to what this house uses.
//! Source: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>.
//! Deliberately absent: templates as programs. A value is the whole payload or one field of a JSON
//! object.

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, EntityId};

/// One thing that a device does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// `device.object`.
    pub id: EntityId,
    /// The device it belongs to.
    pub device: DeviceId,
    /// What people call it.
    pub name: String,
    /// What sort of thing it is.
    pub kind: Kind,
    /// Where its state is published.
    pub state: StateTopic,
    /// Where orders go, for what can be ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<CommandTopic>,
    /// Where the device says that it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<AvailabilityTopic>,
    /// Unit of a sensor's values, as printed: `cm`, `°C`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// What a yes or no is about, in Home Assistant's words (`device_class`): `door`, `smoke`;
    /// empty = it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// Seconds after which its last value is not known to hold any more, and in which its device
    /// promises to be heard; 0 = never.
    #[serde(default)]
    pub expire_after_s: u32,
    /// Seconds after which a “yes” is over because the device never says “no”; 0 = it says so
    /// itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub off_delay_s: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What sort of thing an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A lamp.
    Light,
    /// Anything else that is on or off.
    Switch,
    /// A number that is measured.
    Sensor,
    /// A yes or no that is measured.
    BinarySensor,
}

impl Kind {
    /// True for what can be switched.
    #[must_use]
    pub const fn is_switchable(self) -> bool {
        matches!(self, Self::Light | Self::Switch)
    }
}

/// Where a value is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateTopic {
    /// MQTT topic.
    pub topic: String,
    /// Field of the JSON payload; none = the payload itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What means “on”.
    pub on: String,
    /// What means “off”.
    pub off: String,
}

/// Where an order is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandTopic {
    /// MQTT topic.
    pub topic: String,
    /// Payload for “on”.
    pub on: String,
    /// Payload for “off”.
    pub off: String,
}

/// Where a device says that it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvailabilityTopic {
    /// MQTT topic.
    pub topic: String,
    /// Payload for “here”.
    pub here: String,
    /// Payload for “gone”.
    pub gone: String,
}
