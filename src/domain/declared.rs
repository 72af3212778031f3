//! The names of the things that the configuration declares.

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, EntityId, GroupId, PlaceId};

/// One thing that the configuration declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "noun", content = "id", rename_all = "snake_case")]
pub enum Thing {
    /// A road or alley.
    Place(PlaceId),
    /// A device.
    Device(DeviceId),
    /// An MQTT account.
    Account(DeviceId),
    /// A light group.
    Group(GroupId),
    /// A sensor's name and thresholds.
    Sensor(EntityId),
    /// A speaker cluster.
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
