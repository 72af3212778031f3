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
    pub forward: Bytes,
    /// When it is worth nothing any more.
    pub expires: Option<Instant>,
}

impl Message {
    /// True when a reader would see no difference.
    pub fn is_same(&self, other: &Self) -> bool {
        self.payload == other.payload
            && self.qos == other.qos
            && self.forward == other.forward
            && self.expires.is_none()
            && other.expires.is_none()
    }

    /// Bytes that a client decides about.
    pub fn size(&self) -> usize {
        self.payload.len() + self.topic.len() + self.forward.len()
    }

    pub fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// A message for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    pub message: Arc<Message>,
    /// The lower of the message's and the subscription's.
    pub qos: u8,
    /// The flag as this client is to see it.
    pub retain: bool,
    /// Identifiers of all of the client's subscriptions that matched.
    pub identifiers: Box<[u32]>,
    /// The shared subscription it came by: `$share/<group>/<filter>`.
    pub group: Option<Arc<str>>,
}

impl Queued {
    /// What it counts for in a queue, bytes.
    pub fn size(&self) -> usize {
        self.message.size() + 64
    }
}
