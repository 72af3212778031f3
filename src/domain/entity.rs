//! An entity: one thing that a device does, with the topics by which it is read and switched.
//!
//! The fields are those of Home Assistant's MQTT discovery, reduced to the ones that this gateway
//! uses. Source: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>. Deliberately
//! absent: templates as programs. A value is the whole payload or one field of a JSON object.

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, EntityId};

/// One thing that a device does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// `device.object`.
    pub id: EntityId,
    /// The device it belongs to.
    pub device: DeviceId,
    /// Its name, as people call it.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// The topic on which its state is published.
    pub state: StateTopic,
    /// The topic for orders; `None` when it cannot be switched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<CommandTopic>,
    /// The topic on which the device publishes its availability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<AvailabilityTopic>,
    /// Unit of a sensor's values, as printed: `cm`, `°C`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Device class of a binary sensor, as in Home Assistant (`device_class`): `door`, `smoke`;
    /// empty = the device does not give one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// Seconds for which its last value is valid; the device promises to publish within this time.
    /// 0 = without end.
    #[serde(default)]
    pub expire_after_s: u32,
    /// Seconds after which “on” ends by itself because the device never publishes “off”; 0 = the
    /// device publishes “off” itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub off_delay_s: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Kind of an entity.
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
    /// True for kinds that can be switched.
    #[must_use]
    pub const fn is_switchable(self) -> bool {
        matches!(self, Self::Light | Self::Switch)
    }
}

/// A topic on which a state is published, and how to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateTopic {
    /// MQTT topic.
    pub topic: String,
    /// Field of the JSON payload; none = the payload itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The value that means “on”.
    pub on: String,
    /// The value that means “off”.
    pub off: String,
}

/// A topic for orders, and their payloads.
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
    /// Payload for “online”.
    pub here: String,
    /// Payload for “offline”.
    pub gone: String,
}

impl AvailabilityTopic {
    /// Whether a payload on this topic says that the device is there; `None` = neither.
    #[must_use]
    pub fn read(&self, payload: &[u8]) -> Option<bool> {
        if payload == self.here.as_bytes() {
            Some(true)
        } else if payload == self.gone.as_bytes() {
            Some(false)
        } else {
            None
        }
    }
}
