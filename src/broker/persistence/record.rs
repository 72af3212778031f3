//! The ledger's records; `codec` makes bytes of them.
//!
//! A record is a letter and fields; texts and payloads carry their length in four bytes, little end
//! first. `P`, `X`, `D` and `E` are as the first retained store wrote them. What cannot be read is
//! none, never a guess. Times are wall seconds since 1970 as the box knew them when it wrote.

mod codec;

use bytes::Bytes;

/// A message on disk. `left` = seconds that it was still worth something, and when that was
/// written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub forwarded_properties: Bytes,
    pub expiry: Option<(u32, u64)>,
}

/// To whom a queued message is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Number of the session.
    pub session: u64,
    pub id: u16,
    pub qos: u8,
    pub retain: bool,
    pub subscription_ids: Vec<u32>,
    /// Name of the shared subscription; empty = none.
    pub shared_name: String,
}

/// A session's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHeader {
    pub session: u64,
    pub account: String,
    pub client_id: String,
    pub credential: String,
    /// Seconds that it is kept.
    pub expiry_s: u32,
    /// Since when its client is away; none = it was connected.
    pub disconnected_at: Option<u64>,
    /// Where its packet ids stood.
    pub next_packet_id: u16,
}

/// A will on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWill {
    pub session: u64,
    pub account: String,
    pub client_id: String,
    pub message: StoredMessage,
    pub delay_s: u32,
    /// When it is due; none = its client was connected.
    pub due_at: Option<u64>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersistedChange {
    /// A retained message and who said it.
    RetainedSet {
        owner: String,
        message: StoredMessage,
    },
    /// A retained message is gone.
    RetainedRemoved(String),
    /// A whole dump begins; what stood before counts no more once it has its end.
    SnapshotBegin,
    /// The dump's end.
    SnapshotEnd,
    Session(SessionHeader),
    /// The session is over.
    SessionDeleted(u64),
    /// A subscription: bits 0–1 QoS, 2 no-local, 3 retain-as-published; identifier, 0 = none.
    Subscribed {
        session: u64,
        filter: String,
        options: u8,
        identifier: u32,
    },
    Unsubscribed {
        session: u64,
        filter: String,
    },
    /// A message for sessions; `order` rises in the order of publishing.
    /// `inbound` = the publisher's session and packet id of a QoS 2 message, session 0 = none: that
    /// it was taken and what became of it are one record, so neither is without the other.
    Queued {
        sequence: u64,
        inbound: (u64, u16),
        message: StoredMessage,
        targets: Vec<Target>,
    },
    /// Deliveries that are over.
    Delivered {
        session: u64,
        ids: Vec<u16>,
    },
    /// A QoS 2 delivery whose PUBREC came.
    PubRecReceived {
        session: u64,
        id: u16,
    },
    /// A QoS 2 message from the client that was taken and is not released yet.
    InboundQos2 {
        session: u64,
        id: u16,
    },
    InboundQos2Released {
        session: u64,
        id: u16,
    },
    Will(StoredWill),
    WillCleared(u64),
    /// Queued messages that were never sent to their client, by packet id: said at a planned end,
    /// true until [`Record::Began`].
    NeverSent {
        session: u64,
        ids: Vec<u16>,
    },
    /// The broker began to serve: whatever waits may have been sent from here on.
    ServingStarted,
}

#[cfg(test)]
mod tests;
