//! Whether what the broker is told makes sense.

use std::collections::BTreeMap;

use super::Config;
use crate::protocol::broker::Limits;
use crate::protocol::mqtt::topic::is_filter;

/// Says what is wrong, key and sentence.
pub fn broker(config: &Config, wrong: &mut dyn FnMut(&str, String)) {
    let (b, l) = (&config.broker, &config.broker.limits);
    for rule in b.rules.iter().filter(|r| !is_filter(&r.filter)) {
        wrong("broker.rules", format!("“{}” is not an MQTT filter", rule.filter));
    }
    let bounds = [
        ("connections", l.connections, 1, 100_000),
        ("half_open", l.half_open, 1, 100_000),
        ("half_open_per_address", l.half_open_per_address, 1, 100_000),
        ("per_address", l.per_address, 1, 100_000),
        ("per_account", l.per_account, 1, 100_000),
        ("queued_all", l.queued_all, 1 << 20, 96 << 20),
        ("retained_bytes", l.retained_bytes, 0, 96 << 20),
        ("packet", l.packet, 1_024, 16 << 20),
        ("topic_bytes", l.topic_bytes, 64, 65_535),
        ("topic_levels", l.topic_levels, 4, 128),
        ("client_id_bytes", l.client_id_bytes, 23, 1_024),
        ("inflight", l.inflight, 1, 1_000),
        ("receive_maximum", usize::from(l.receive_maximum), 1, 1_000),
        ("aliases", usize::from(l.aliases), 0, 1_000),
        ("queued", l.queued, 1, 3_750),
        ("messages_per_second", l.messages_per_second as usize, 10, usize::MAX),
        ("bytes_per_second", l.bytes_per_second as usize, 1_024, usize::MAX),
    ];
    for (key, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            wrong(&format!("broker.limits.{key}"), format!("{value} is not between {least} and {most}"));
        }
    }
    for a in config.accounts.iter().flat_map(|a| a.publish.iter().chain(&a.subscribe)).filter(|f| !is_filter(f)) {
        wrong("program", format!("“{a}” is not an MQTT filter"));
    }
    if b.tls.is_none() && (b.websocket_tls.is_some() || b.client_certificates) {
        wrong("broker.tls", "WebSocket over TLS and client certificates need the TLS door".to_owned());
    }
}

/// Some of the limits: a later file changes what it names and leaves the rest.
#[derive(serde::Deserialize)]
#[serde(try_from = "BTreeMap<String, u64>")]
pub struct Overlay(BTreeMap<String, u64>);

impl Overlay {
    /// The limits with these in place of their own.
    ///
    /// # Errors
    /// The key that is none, or the value that does not fit.
    pub fn over(&self, limits: &Limits) -> Result<Limits, serde_json::Error> {
        let mut whole = serde_json::to_value(limits)?;
        for (key, value) in &self.0 {
            whole[key] = (*value).into();
        }
        serde_json::from_value(whole)
    }
}

impl TryFrom<BTreeMap<String, u64>> for Overlay {
    type Error = String;
    fn try_from(keys: BTreeMap<String, u64>) -> Result<Self, String> {
        let overlay = Self(keys);
        overlay.over(&Limits::default()).map_err(|e| e.to_string())?;
        Ok(overlay)
    }
}
