//! What the configuration names, one thing by one.

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, EntityId, GroupId, PlaceId};

/// One thing that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "noun", content = "id", rename_all = "snake_case")]
pub enum Thing {
    /// A road or alley.
    Place(PlaceId),
    /// A device.
    Device(DeviceId),
    /// Who may speak MQTT.
    Account(DeviceId),
    /// Lamps that go together.
    Group(GroupId),
    /// A sensor's name and marks.
    Sensor(EntityId),
    /// A horn cluster.
    Speaker(DeviceId),
}

impl Thing {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Place(id) => id.as_str(),
            Self::Device(id) | Self::Account(id) | Self::Speaker(id) => id.as_str(),
            Self::Group(id) => id.as_str(),
            Self::Sensor(id) => id.as_str(),
        }
    }
}
