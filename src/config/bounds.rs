//! Whether what the broker is told makes sense.

use super::Config;
use crate::protocol::mqtt::topic::is_filter;

/// Says what is wrong, key and sentence.
pub fn broker(config: &Config, wrong: &mut dyn FnMut(&str, String)) {
    let (b, l) = (&config.broker, &config.broker.limits);
    for rule in b.rules.iter().filter(|r| !is_filter(&r.filter)) {
        wrong("broker.rules", format!("“{}” is not an MQTT filter", rule.filter));
    }
    let bounds = [
        ("connections", l.connections, 1, 100_000),
        ("packet", l.packet, 1_024, 16 << 20),
        ("topic_bytes", l.topic_bytes, 64, 65_535),
        ("topic_levels", l.topic_levels, 4, 128),
        ("client_id_bytes", l.client_id_bytes, 23, 1_024),
        ("inflight", l.inflight, 1, 1_000),
        ("receive_maximum", usize::from(l.receive_maximum), 1, 1_000),
        ("aliases", usize::from(l.aliases), 0, 1_000),
        ("queued", l.queued, 1, 60_000),
        ("messages_per_second", l.messages_per_second as usize, 1, usize::MAX),
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
