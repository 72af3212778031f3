//! `$SYS`: the broker's counters as topics, under the names of Mosquitto (mosquitto(8), “Broker
//! status”), for tools that know them.
//!
//! Changed values are published every ten seconds to permitted subscribers; a new subscriber gets
//! all of them at once. They are not retained messages and are never on disk.

use std::sync::Arc;

use tokio::time::Instant;

use super::core::message::Message;
use super::core::state::BrokerState;
use crate::domain::topics;
use crate::protocol::broker::Counters;
use crate::protocol::mqtt::QoS;

/// Seconds between two publications.
pub const PUBLISH_INTERVAL_S: u32 = 10;

fn statistics(c: &Counters) -> Vec<(&'static str, String)> {
    let n = |value: u64| value.to_string();
    vec![
        ("version", format!("conglang {}", env!("CARGO_PKG_VERSION"))),
        ("uptime", format!("{} seconds", c.uptime_s)),
        ("clients/connected", n(c.connected)),
        ("clients/disconnected", n(c.disconnected)),
        ("clients/total", n(c.connected + c.disconnected)),
        ("clients/maximum", n(c.connected_max)),
        ("clients/expired", n(c.expired_sessions)),
        ("messages/received", n(c.traffic.packets_in)),
        ("messages/sent", n(c.traffic.packets_out)),
        ("messages/stored", n(c.retained + c.queued)),
        ("store/messages/count", n(c.retained + c.queued)),
        ("store/messages/bytes", n(c.retained_bytes + c.queued_bytes)),
        ("bytes/received", n(c.traffic.bytes_in)),
        ("bytes/sent", n(c.traffic.bytes_out)),
        ("publish/messages/received", n(c.received)),
        ("publish/messages/sent", n(c.delivered)),
        ("publish/messages/dropped", n(c.dropped)),
        ("publish/bytes/received", n(c.received_bytes)),
        ("publish/bytes/sent", n(c.delivered_bytes)),
        ("retained messages/count", n(c.retained)),
        ("subscriptions/count", n(c.subscriptions)),
        ("shared_subscriptions/count", n(c.shared)),
    ]
}

impl BrokerState {
    /// Publishes the counters that changed.
    pub fn publish_sys_topics(&mut self, counters: &Counters, now: Instant) {
        for (name, value) in statistics(counters) {
            let topic = topics::counter(name);
            if self
                .sys_topics
                .get(topic.as_str())
                .is_some_and(|m| *m.payload == *value.as_bytes())
            {
                continue;
            }
            let message = Arc::new(Message {
                topic: topic.as_str().into(),
                payload: value.into_bytes().into(),
                qos: QoS::AtMostOnce,
                retain: true,
                forwarded_properties: bytes::Bytes::new(),
                expires_at: None,
            });
            self.sys_topics.insert(topic.into(), message.clone());
            self.publish_internal(&message, now);
        }
    }
}
