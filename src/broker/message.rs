//! A message, and a message on its way to one client.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

/// What somebody published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: Box<str>,
    pub payload: Box<[u8]>,
    pub qos: u8,
    pub retain: bool,
    /// MQTT 5 properties that go on unchanged.
    pub forwarded_properties: Bytes,
    /// When it is worth nothing any more.
    pub expires_at: Option<Instant>,
}

impl Message {
    /// True when a reader would see no difference.
    pub fn has_same_content(&self, other: &Self) -> bool {
        self.payload == other.payload
            && self.qos == other.qos
            && self.forwarded_properties == other.forwarded_properties
            && self.expires_at.is_none()
            && other.expires_at.is_none()
    }

    /// Bytes that a client decides about.
    pub fn size(&self) -> usize {
        self.payload.len() + self.topic.len() + self.forwarded_properties.len()
    }

    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A message for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    pub message: Arc<Message>,
    /// The lower of the message's and the subscription's.
    pub qos: u8,
    /// The flag as this client is to see it.
    pub retain: bool,
    /// Identifiers of all of the client's subscriptions that matched.
    pub subscription_ids: Box<[u32]>,
    /// The shared subscription it came by: `$share/<group>/<filter>`.
    pub shared_name: Option<Arc<str>>,
}

impl QueuedMessage {
    /// What it counts for in a queue, bytes.
    pub fn size(&self) -> usize {
        self.message.size() + 64
    }
}
