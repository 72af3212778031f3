//! The bounds of the configuration: names, numbers, and the settings of the broker.

use std::collections::BTreeMap;

use super::{Config, ConfigMistake};
use crate::domain::account;
use crate::domain::light::rules::MAX_LIGHTS_PER_GROUP;
use crate::domain::text::{self, MAX_NAME_CHARS, MAX_UNIT_CHARS};
use crate::domain::validation::{self, MAX_DECIMALS, MAX_HORNS, MAX_THRESHOLDS};
use crate::protocol::broker::Limits;
use crate::protocol::mqtt::topic::is_topic_filter;

/// Longest part of a wrong value that a mistake repeats, characters.
const MAX_SHOWN_CHARS: usize = 200;

/// Reports every mistake in the broker's settings, in the accounts and in the light groups, by its
/// key.
pub fn check_broker(config: &Config, wrong: &mut dyn FnMut(&str, ConfigMistake)) {
    let b = &config.broker;
    for rule in b.rules.iter().filter(|r| !is_topic_filter(&r.filter)) {
        wrong("broker.rules", not_filter(&rule.filter));
    }
    check_limits(&b.limits, wrong);
    for a in config
        .declared
        .accounts
        .iter()
        .flat_map(|a| a.publish.iter().chain(&a.subscribe))
        .filter(|f| !is_topic_filter(f))
    {
        wrong("program", not_filter(a));
    }
    for a in config.declared.accounts.iter().filter(|a| {
        account::validate(&account::Command::Grant {
            account: (*a).clone(),
        })
        .is_err()
    }) {
        wrong(
            "program",
            ConfigMistake::FiltersOutOfBounds {
                name: a.name.to_string(),
            },
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
            ConfigMistake::TooManyLights {
                group: g.id.to_string(),
                n: g.lights.len() as u64,
                most: MAX_LIGHTS_PER_GROUP as u64,
            },
        );
    }
    if b.tls.is_none() && (b.websocket_tls.is_some() || b.client_certificates) {
        wrong("broker.tls", ConfigMistake::TlsMissing);
    }
}

fn not_filter(filter: &str) -> ConfigMistake {
    ConfigMistake::NotFilter {
        filter: text::line(filter, MAX_SHOWN_CHARS),
    }
}

/// Reports every limit that is not between its least and its most.
fn check_limits(limits: &Limits, wrong: &mut dyn FnMut(&str, ConfigMistake)) {
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
                ConfigMistake::OutOfBounds { value, least, most },
            );
        }
    }
}

/// Some of the limits: a later file changes the limits that it names and leaves the rest.
pub struct LimitOverrides(BTreeMap<String, u64>);

impl LimitOverrides {
    /// The limits of these keys.
    ///
    /// # Errors
    /// When a key is no limit, or a value does not fit.
    pub fn new(values: BTreeMap<String, u64>) -> Result<Self, ConfigMistake> {
        let usual = Limits::default();
        let known = serde_json::to_value(&usual).unwrap_or_default();
        for (key, value) in &values {
            if known.get(key).is_none() {
                return Err(ConfigMistake::LimitUnknown { key: key.clone() });
            }
            let one = Self(BTreeMap::from([(key.clone(), *value)]));
            if one.apply_to(&usual).is_err() {
                return Err(ConfigMistake::LimitTooLarge { key: key.clone() });
            }
        }
        Ok(Self(values))
    }

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

/// A name that people read, cleaned: on one line, without hidden characters.
pub fn name(text: &str) -> Result<String, ConfigMistake> {
    validation::name(text).map_err(|_| {
        let n = text::line(text, usize::MAX).chars().count();
        if n == 0 {
            ConfigMistake::NameEmpty
        } else {
            too_long(n, MAX_NAME_CHARS)
        }
    })
}

/// A unit as it is printed behind a number; it may be empty.
pub fn unit(text: &str) -> Result<String, ConfigMistake> {
    let clean = text::line(text, usize::MAX);
    let n = clean.chars().count();
    if n <= MAX_UNIT_CHARS {
        Ok(clean)
    } else {
        Err(too_long(n, MAX_UNIT_CHARS))
    }
}

const fn too_long(n: usize, most: usize) -> ConfigMistake {
    ConfigMistake::TooLong {
        n: n as u64,
        most: most as u64,
    }
}

/// A number of days for which recordings stay.
pub fn days(days: u32) -> Result<u32, ConfigMistake> {
    within(days, 1, 90)
}

/// A number of decimals of a sensor.
pub fn decimals(decimals: u8) -> Result<u8, ConfigMistake> {
    within(decimals, 0, MAX_DECIMALS)
}

/// A number of horns of a speaker cluster.
pub fn horns(horns: u8) -> Result<u8, ConfigMistake> {
    within(horns, 0, MAX_HORNS)
}

fn within<N: Copy + PartialOrd + Into<u64>>(
    number: N,
    least: N,
    most: N,
) -> Result<N, ConfigMistake> {
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(ConfigMistake::OutOfBounds {
            value: number.into(),
            least: least.into(),
            most: most.into(),
        })
    }
}

/// Thresholds of a sensor.
pub fn thresholds(values: Vec<f64>) -> Result<Vec<f64>, ConfigMistake> {
    if validation::are_thresholds(&values) {
        Ok(values)
    } else {
        Err(ConfigMistake::BadThresholds {
            most: MAX_THRESHOLDS as u64,
        })
    }
}

/// Degrees north.
pub fn latitude(degrees: f64) -> Result<f64, ConfigMistake> {
    angle(degrees, 90)
}

/// Degrees east.
pub fn longitude(degrees: f64) -> Result<f64, ConfigMistake> {
    angle(degrees, 180)
}

fn angle(degrees: f64, most: u8) -> Result<f64, ConfigMistake> {
    if validation::is_degrees(degrees, f64::from(most)) {
        Ok(degrees)
    } else {
        Err(ConfigMistake::NotDegrees { most: most.into() })
    }
}

/// A telephone number: digits; spaces, dots, hyphens or a plus sign make it easier to read.
pub(super) fn telephone(text: &str) -> Result<String, ConfigMistake> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let sound = (3..=15).contains(&digits)
        && text.len() <= 24
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b" .+-".contains(&b));
    if sound {
        Ok(text.trim().to_owned())
    } else {
        Err(ConfigMistake::NotTelephone)
    }
}
