//! What the broker counts: figures for `status`, `$SYS` and Prometheus. Since the worker began, unless it says otherwise.

use serde::{Deserialize, Serialize};

/// Packets of any kind, and the bytes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets that came.
    pub packets_in: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Packets that went.
    pub packets_out: u64,
    /// Bytes that went.
    pub bytes_out: u64,
}

impl Traffic {
    /// Counts what another counted.
    pub const fn add(&mut self, other: Self) {
        self.packets_in += other.packets_in;
        self.bytes_in += other.bytes_in;
        self.packets_out += other.packets_out;
        self.bytes_out += other.bytes_out;
    }
}

/// What the broker counted since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Connected clients.
    pub connected: u64,
    /// Most clients that were connected at once.
    pub connected_max: u64,
    /// Sessions kept for clients that are away.
    pub away: u64,
    /// Sessions whose time was over.
    pub expired: u64,
    /// Devices in quarantine.
    pub quarantined: u64,
    /// Over all connections.
    pub traffic: Traffic,
    /// Messages taken.
    pub received: u64,
    /// Their bytes of payload.
    pub received_bytes: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Their bytes of payload.
    pub delivered_bytes: u64,
    /// Messages dropped because a session's queue was full.
    pub dropped: u64,
    /// Messages that were not sent because they are larger than their client takes.
    pub too_large: u64,
    /// Messages dropped because their time was over.
    pub outlived: u64,
    /// Publishes outside of a permission.
    pub forbidden: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Shared ones among them.
    pub shared: u64,
    /// Messages that wait in queues.
    pub queued: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Retained messages held.
    pub retained: u64,
    /// Their bytes.
    pub retained_bytes: u64,
    /// Retained messages refused because of a bound.
    pub retained_refused: u64,
    /// Clients refused.
    pub refused: u64,
    /// Clients cut.
    pub cut: u64,
    /// Bytes written to the card.
    pub written: u64,
    /// Changes that wait for the card.
    pub owed: u64,
    /// The card does not take them.
    pub card_fails: bool,
    /// Seconds since the worker began.
    pub uptime_s: u64,
}
