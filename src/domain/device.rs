//! A device: one box on the network, with its MQTT account and its availability.

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, PlaceId, VillageId};

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
        since: i64,
    },
    /// It does not answer.
    #[serde(rename = "gone")]
    Offline {
        /// Since when, ms.
        since: i64,
    },
}

impl Availability {
    /// True when the device is known not to answer.
    #[must_use]
    pub const fn is_offline(self) -> bool {
        self.offline_since().is_some()
    }

    /// Since when the device is offline, wall ms; `None` = it is online, or nothing is known of it.
    #[must_use]
    pub const fn offline_since(self) -> Option<i64> {
        if let Self::Offline { since } = self {
            Some(since)
        } else {
            None
        }
    }
}

/// The MQTT account of a device, a program or (at the commune) a village.
///
/// `secret_sha256` is the SHA-256 of 128 random bits, so a fast hash is enough. `publish` and
/// `subscribe` are MQTT topic filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// MQTT user name; also the device's id.
    pub name: DeviceId,
    /// SHA-256 of the secret, lower-case hexadecimal.
    pub secret_sha256: String,
    /// Filters it may publish under.
    pub publish: Vec<String>,
    /// Filters it may subscribe within.
    pub subscribe: Vec<String>,
}

impl Account {
    /// The account of an ordinary device: it publishes under `d/<id>/`, subscribes under `c/<id>/`,
    /// and announces itself by Home Assistant discovery.
    #[must_use]
    pub fn of_device(name: DeviceId, secret_sha256: String) -> Self {
        Self {
            publish: vec![
                format!("d/{name}/#"),
                format!("homeassistant/+/{name}/+/config"),
                format!("homeassistant/+/{name}/config"),
            ],
            subscribe: vec![format!("c/{name}/#"), "homeassistant/status".to_owned()],
            name,
            secret_sha256,
        }
    }

    /// The account of a program (Home Assistant, Node-RED): it may subscribe to what devices
    /// publish and announce and to the broker's figures, and publish under `p/<id>/` only;
    /// `publish` and `subscribe` add to that.
    #[must_use]
    pub fn of_program(
        name: DeviceId,
        secret_sha256: String,
        publish: Vec<String>,
        subscribe: Vec<String>,
    ) -> Self {
        let own = format!("p/{name}/#");
        let hears = ["d/#", "homeassistant/#", "$SYS/#"].map(str::to_owned);
        Self {
            publish: std::iter::once(own.clone()).chain(publish).collect(),
            subscribe: hears.into_iter().chain([own]).chain(subscribe).collect(),
            name,
            secret_sha256,
        }
    }

    /// The account of a village at its commune: it publishes and subscribes under its own branches
    /// only.
    #[must_use]
    pub fn of_village(name: DeviceId, village: &VillageId, secret_sha256: String) -> Self {
        Self {
            name,
            secret_sha256,
            publish: vec![format!("up/{village}/#")],
            subscribe: vec![format!("down/{village}/#")],
        }
    }
}
