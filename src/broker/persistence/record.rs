//! The records of the persistence log; `codec` makes bytes of them.
//!
//! A record is a letter and fields. Texts and payloads carry their length in four bytes,
//! little-endian. `P`, `X`, `D` and `E` are as the first retained store wrote them. A record that
//! cannot be read decodes to `None`, never to a guess. Times are wall-clock seconds since 1970, as
//! the machine's clock was when it wrote them.

mod codec;

use bytes::Bytes;

use crate::protocol::mqtt::{PacketId, QoS};

/// A message on disk. `expiry` holds the seconds that were left of its message expiry interval, and
/// the time when they were counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: QoS,
    pub retain: bool,
    pub forwarded_properties: Bytes,
    pub expiry: Option<(u32, u64)>,
}

/// A session that a queued message is to be delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub session: u64,
    pub id: PacketId,
    pub qos: QoS,
    pub retain: bool,
    pub subscription_ids: Vec<u32>,
    /// The shared subscription that it was delivered by, if it was.
    pub shared_name: Option<String>,
}

/// The session's own fields, without its subscriptions and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHeader {
    pub session: u64,
    pub account: String,
    pub client_id: String,
    pub credential: String,
    /// The session expiry interval, seconds.
    pub expiry_s: u32,
    /// Since when its client is disconnected; `None` when it was connected.
    pub disconnected_at: Option<u64>,
    /// The packet identifier that was given out last; `None` when none was.
    pub last_packet_id: Option<PacketId>,
}

/// A will on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWill {
    pub session: u64,
    pub account: String,
    pub client_id: String,
    pub message: StoredMessage,
    pub delay_s: u32,
    /// When it is due; `None` when its client was connected.
    pub due_at: Option<u64>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersistedChange {
    /// A retained message and its publisher's account.
    RetainedSet {
        owner: String,
        message: StoredMessage,
    },
    /// The topic has no retained message any more.
    RetainedRemoved(String),
    /// A snapshot begins. Once its end is on disk, no record before its begin counts any more.
    SnapshotBegin,
    SnapshotEnd,
    Session(SessionHeader),
    SessionDeleted(u64),
    /// A subscription: bits 0–1 QoS, 2 no-local, 3 retain-as-published.
    Subscribed {
        session: u64,
        filter: String,
        options: u8,
        identifier: Option<u32>,
    },
    Unsubscribed {
        session: u64,
        filter: String,
    },
    /// A message for sessions; `sequence` rises in the order of publishing.
    ///
    /// `inbound` is the publisher's session and packet identifier if the message came with QoS 2.
    /// The acceptance and the targets are one record, so that neither is on
    /// disk without the other.
    Queued {
        sequence: u64,
        inbound: Option<(u64, PacketId)>,
        message: StoredMessage,
        targets: Vec<Target>,
    },
    /// Deliveries that are finished.
    Delivered {
        session: u64,
        ids: Vec<PacketId>,
    },
    /// A QoS 2 delivery for which PUBREC was received.
    PubRecReceived {
        session: u64,
        id: PacketId,
    },
    /// A QoS 2 message that was accepted from the client and is not released yet.
    InboundQos2 {
        session: u64,
        id: PacketId,
    },
    InboundQos2Released {
        session: u64,
        id: PacketId,
    },
    Will(StoredWill),
    WillCleared(u64),
    /// Queued messages that were never sent to their client, by packet identifier. Written at a
    /// planned end; true until [`PersistedChange::ServingStarted`].
    NeverSent {
        session: u64,
        ids: Vec<PacketId>,
    },
    /// The broker began to serve: from here on every queued message may have been sent.
    ServingStarted,
}

#[cfg(test)]
mod tests;
