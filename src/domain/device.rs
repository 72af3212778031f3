//! A device: one box on the wire, with an account and a presence.

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, PlaceId, VillageId};

/// One box on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its id; also its MQTT user name.
    pub id: DeviceId,
    /// What people call it: “Đèn Cổng làng”.
    pub name: String,
    /// Where it hangs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceId>,
    /// Maker and model as the device says them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Whether it answers, as far as is known.
    #[serde(default)]
    #[serde(rename = "presence")]
    pub availability: Availability,
}

/// Whether a device answers. `since` is wall time in milliseconds since 1970 UTC as far as the box
/// knew it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Availability {
    /// Never heard since it was declared.
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
    /// True when the device is known to be silent.
    #[must_use]
    pub const fn is_offline(self) -> bool {
        self.offline_since().is_some()
    }

    /// When the device fell silent, wall ms; none = it is heard, or never was.
    #[must_use]
    pub const fn offline_since(self) -> Option<i64> {
        if let Self::Offline { since } = self {
            Some(since)
        } else {
            None
        }
    }
}

/// What lets a device, an integrator or a village (at its commune) speak MQTT.
///
/// `secret_sha256` is the SHA-256 of 128 random bits, so a fast hash is enough.
/// Patterns are MQTT filters.
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
    /// The account of an ordinary device: speaks under `d/<id>/`, listens under `c/<id>/`,
    /// announces itself by Home Assistant discovery.
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

    /// The account of a program (Home Assistant, Node-RED): hears what devices say and announce and
    /// the broker's figures, speaks under `p/<id>/` only; `publish` and `subscribe` add to
    /// that.
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

    /// The account of a village at its commune: only its own branch, both ways.
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
