//! A message, and its copy for one recipient.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::protocol::mqtt::QoS;

/// A published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: Box<str>,
    pub payload: Box<[u8]>,
    pub qos: QoS,
    pub retain: bool,
    /// MQTT 5 properties that are forwarded unchanged.
    pub forwarded_properties: Bytes,
    /// When the message expires.
    pub expires_at: Option<Instant>,
}

impl Message {
    /// True when a recipient could not tell the two apart. Messages that expire are never the same.
    pub fn has_same_content(&self, other: &Self) -> bool {
        self.payload == other.payload
            && self.qos == other.qos
            && self.forwarded_properties == other.forwarded_properties
            && self.expires_at.is_none()
            && other.expires_at.is_none()
    }

    /// Bytes that the publisher decides about.
    pub fn size(&self) -> usize {
        self.payload.len() + self.topic.len() + self.forwarded_properties.len()
    }

    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    pub message: Arc<Message>,
    /// The lower one of the message's QoS and the subscription's.
    pub qos: QoS,
    /// The RETAIN flag in this recipient's PUBLISH.
    pub retain: bool,
    /// Identifiers of all of the recipient's subscriptions that matched.
    pub subscription_ids: Box<[u32]>,
    /// The shared subscription that it was delivered by: `$share/<name>/<filter>`.
    pub shared_name: Option<Arc<str>>,
}

impl QueuedMessage {
    /// Bytes that the message counts for in a queue.
    pub fn size(&self) -> usize {
        self.message.size() + 64
    }
}
