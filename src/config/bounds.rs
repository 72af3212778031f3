//! The bounds of the configuration: names, numbers, and the settings of the broker.

use std::collections::BTreeMap;

use super::Config;
use crate::domain::account;
use crate::domain::light::rules::MAX_LIGHTS_PER_GROUP;
use crate::domain::text::{self, MAX_NAME_CHARS, MAX_UNIT_CHARS};
use crate::domain::validation::{self, MAX_DECIMALS, MAX_HORNS, MAX_THRESHOLDS};
use crate::protocol::broker::Limits;
use crate::protocol::mqtt::topic::is_topic_filter;

/// Reports every mistake in the broker's settings, in the accounts and in the light groups: key and
/// sentence.
pub fn check_broker(config: &Config, wrong: &mut dyn FnMut(&str, String)) {
    let b = &config.broker;
    for rule in b.rules.iter().filter(|r| !is_topic_filter(&r.filter)) {
        wrong(
            "broker.rules",
            format!("“{}” is not an MQTT filter", rule.filter),
        );
    }
    check_limits(&b.limits, wrong);
    for a in config
        .declared
        .accounts
        .iter()
        .flat_map(|a| a.publish.iter().chain(&a.subscribe))
        .filter(|f| !is_topic_filter(f))
    {
        wrong("program", format!("“{a}” is not an MQTT filter"));
    }
    for a in config.declared.accounts.iter().filter(|a| {
        account::validate(&account::Command::Grant {
            account: (*a).clone(),
        })
        .is_err()
    }) {
        wrong(
            "program",
            format!("“{}” has too many filters, or too long ones", a.name),
        );
    }
    for g in config
        .declared
        .groups
        .iter()
        .filter(|g| g.lights.len() > MAX_LIGHTS_PER_GROUP)
    {
        wrong(
            "group",
            format!(
                "“{}” has {} lamps, at most {MAX_LIGHTS_PER_GROUP} are wanted",
                g.id,
                g.lights.len()
            ),
        );
    }
    if b.tls.is_none() && (b.websocket_tls.is_some() || b.client_certificates) {
        wrong(
            "broker.tls",
            "WebSocket over TLS and client certificates need the TLS listener".to_owned(),
        );
    }
}

/// Reports every limit that is not between its least and its most.
fn check_limits(limits: &Limits, wrong: &mut dyn FnMut(&str, String)) {
    // A new limit does not compile until it has its row below.
    let Limits {
        connections,
        half_open,
        half_open_per_address,
        per_address,
        handshake_s,
        packet,
        messages_per_second,
        bytes_per_second,
        filters,
        topic_bytes,
        topic_levels,
        client_id_bytes,
        per_account,
        inflight,
        receive_maximum,
        aliases,
        keep_alive_s,
        session_s,
        queued,
        queued_bytes,
        queued_all,
        quarantined,
        sessions,
        retained,
        retained_bytes,
        retained_per_device,
        retained_bytes_per_device,
    } = *limits;
    let bounds: [(&str, u64, u64, u64); 27] = [
        ("connections", connections as u64, 1, 100_000),
        ("half_open", half_open as u64, 1, 100_000),
        (
            "half_open_per_address",
            half_open_per_address as u64,
            1,
            100_000,
        ),
        ("per_address", per_address as u64, 1, 100_000),
        ("handshake_s", handshake_s, 1, 300),
        ("packet", packet as u64, 1_024, 16 << 20),
        (
            "messages_per_second",
            messages_per_second.into(),
            10,
            u64::MAX,
        ),
        ("bytes_per_second", bytes_per_second.into(), 1_024, u64::MAX),
        ("filters", filters as u64, 1, 10_000),
        ("topic_bytes", topic_bytes as u64, 64, 65_535),
        ("topic_levels", topic_levels as u64, 4, 128),
        ("client_id_bytes", client_id_bytes as u64, 23, 1_024),
        ("per_account", per_account as u64, 1, 100_000),
        ("inflight", inflight as u64, 1, 1_000),
        ("receive_maximum", receive_maximum.into(), 1, 1_000),
        ("aliases", aliases.into(), 0, 1_000),
        ("keep_alive_s", keep_alive_s.into(), 0, 65_535),
        ("session_s", session_s.into(), 60, u64::from(u32::MAX)),
        ("queued", queued as u64, 1, 3_750),
        ("queued_bytes", queued_bytes as u64, 64 << 10, 64 << 20),
        ("queued_all", queued_all as u64, 1 << 20, 96 << 20),
        ("quarantined", quarantined as u64, 0, 1_000),
        ("sessions", sessions as u64, 1, 100_000),
        ("retained", retained as u64, 0, 100_000),
        ("retained_bytes", retained_bytes as u64, 0, 96 << 20),
        (
            "retained_per_device",
            retained_per_device as u64,
            0,
            100_000,
        ),
        (
            "retained_bytes_per_device",
            retained_bytes_per_device as u64,
            0,
            96 << 20,
        ),
    ];
    for (key, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            wrong(
                &format!("broker.limits.{key}"),
                format!("{value} is not between {least} and {most}"),
            );
        }
    }
}

/// Some of the limits: a later file changes the limits that it names and leaves the rest.
#[derive(serde::Deserialize)]
#[serde(try_from = "BTreeMap<String, u64>")]
pub struct LimitOverrides(BTreeMap<String, u64>);

impl LimitOverrides {
    /// `limits`, with these values in place of its own.
    ///
    /// # Errors
    /// The key is not a limit, or the value does not fit its type.
    pub fn apply_to(&self, limits: &Limits) -> Result<Limits, serde_json::Error> {
        let mut whole = serde_json::to_value(limits)?;
        for (key, value) in &self.0 {
            whole[key] = (*value).into();
        }
        serde_json::from_value(whole)
    }
}

impl TryFrom<BTreeMap<String, u64>> for LimitOverrides {
    type Error = String;
    fn try_from(keys: BTreeMap<String, u64>) -> Result<Self, String> {
        let overlay = Self(keys);
        overlay
            .apply_to(&Limits::default())
            .map_err(|e| e.to_string())?;
        Ok(overlay)
    }
}

/// A name that people read, cleaned: on one line, without hidden characters.
pub fn name(text: &str) -> Result<String, String> {
    validation::name(text).map_err(|_| {
        let n = text::line(text, usize::MAX).chars().count();
        if n == 0 {
            "is empty: a name that people can read is wanted".to_owned()
        } else {
            format!("has {n} characters, at most {MAX_NAME_CHARS} are wanted")
        }
    })
}

/// A unit as it is printed behind a number; it may be empty.
pub fn unit(text: &str) -> Result<String, String> {
    let clean = text::line(text, usize::MAX);
    if clean.chars().count() <= MAX_UNIT_CHARS {
        Ok(clean)
    } else {
        Err(format!(
            "has {} characters, at most {MAX_UNIT_CHARS} are wanted",
            clean.chars().count()
        ))
    }
}

macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident($of:ty), $test:expr, $wanted:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name(pub $of);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let value = <$of>::deserialize(from)?;
                let is_good: fn(&$of) -> bool = $test;
                if is_good(&value) { Ok(Self(value)) } else { Err(serde::de::Error::custom($wanted)) }
            }
        }
    )*};
}

bounded! {
    /// Days for which recordings stay.
    Days(u32), |d| (1..=90).contains(d), "1 to 90 days are wanted";
    /// Decimals of a sensor.
    Decimals(u8), |d| *d <= MAX_DECIMALS, format!("0 to {MAX_DECIMALS} decimals are wanted");
    /// Horns of a speaker cluster.
    Horns(u8), |h| *h <= MAX_HORNS, format!("0 to {MAX_HORNS} horns are wanted");
    /// Thresholds of a sensor.
    Marks(Vec<f64>), |m| validation::are_thresholds(m), format!("at most {MAX_THRESHOLDS} numbers are wanted, each below 10¹²");
    /// Degrees north.
    Latitude(f64), |d| validation::is_degrees(*d, 90.0), "-90 to 90 degrees are wanted";
    /// Degrees east.
    Longitude(f64), |d| validation::is_degrees(*d, 180.0), "-180 to 180 degrees are wanted";
}
