//! Accounts: what lets a device, a program or (at the commune) a village use MQTT.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::id::{DeviceId, VillageId};
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::topics;
use super::validation::{check_hash, check_topic, ensure};

pub mod rules;

/// Most filters of an account, each way.
const MAX_FILTERS: usize = 64;

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
            publish: std::iter::once(topics::device_filter(&name))
                .chain(topics::discovery_filters(&name))
                .collect(),
            subscribe: vec![
                topics::orders_filter(&name),
                topics::DISCOVERY_STATUS.to_owned(),
            ],
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
        let own = topics::program_filter(&name);
        let hears = [
            topics::DEVICES_FILTER,
            topics::DISCOVERY_FILTER,
            topics::COUNTERS_FILTER,
        ]
        .map(str::to_owned);
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
            publish: vec![topics::uplink_filter(village)],
            subscribe: vec![topics::downlink_filter(village)],
        }
    }
}

/// A request about accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Grants a device or a program an account, or changes the account.
    #[serde(rename = "GrantAccess")]
    Grant { account: Account },
    /// Revokes an account.
    #[serde(rename = "RevokeAccess")]
    Revoke { account: DeviceId },
}

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// An account was granted.
    Granted { account: Account },
    /// An account was revoked.
    Revoked { account: DeviceId },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        EventProperties::in_lane(Lane::Local).about(match self {
            Self::Granted { account } => account.name.as_str(),
            Self::Revoked { account } => account.as_str(),
        })
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Grant { account } => {
            check_hash("secret", &account.secret_sha256)?;
            for filters in [&account.publish, &account.subscribe] {
                ensure(filters.len() <= MAX_FILTERS, "topic", MAX_FILTERS)?;
                filters.iter().try_for_each(|f| check_topic(f))?;
            }
            Ok(())
        }
        // An id only.
        Command::Revoke { .. } => Ok(()),
    }
}
