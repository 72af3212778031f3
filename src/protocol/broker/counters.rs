//! What the broker counts: figures for `status`, `$SYS` and Prometheus. Since the worker began,
//! unless it says otherwise.

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

/// How what the broker had on disk was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// Parts of it cannot be read.
    #[default]
    Damaged,
    /// Nothing of it is there.
    #[serde(rename = "gone")]
    Missing,
    /// An older copy lies in its place, or its end is missing.
    #[serde(rename = "older")]
    Outdated,
    /// Another box's lies in its place.
    Foreign,
}

/// What the broker had on disk and found no more when it began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataLoss {
    /// When it was found, wall seconds.
    #[serde(rename = "at")]
    pub found_at_s: u64,
    /// How.
    #[serde(rename = "how")]
    pub kind: LossKind,
    /// Groups of changes of which nothing was found.
    #[serde(rename = "groups")]
    pub lost_groups: u64,
    /// Single changes that cannot be read.
    #[serde(rename = "records")]
    pub lost_records: u64,
    /// Retained messages when it was last known; 0 = not known.
    pub retained: u64,
    /// Of them (and of those since), how many are still there.
    #[serde(rename = "retained_left")]
    pub retained_recovered: u64,
    /// Kept sessions when it was last known.
    pub sessions: u64,
    /// How many are still there.
    #[serde(rename = "sessions_left")]
    pub sessions_recovered: u64,
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
    #[serde(rename = "away")]
    pub disconnected: u64,
    /// Sessions whose time was over.
    #[serde(rename = "expired")]
    pub expired_sessions: u64,
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
    #[serde(rename = "too_large")]
    pub oversized: u64,
    /// Messages dropped because their time was over.
    #[serde(rename = "outlived")]
    pub expired_messages: u64,
    /// Publishes outside of a permission.
    #[serde(rename = "forbidden")]
    pub denied_publishes: u64,
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
    #[serde(rename = "refused")]
    pub rejected_connects: u64,
    /// Clients cut.
    #[serde(rename = "cut")]
    pub disconnected_with_error: u64,
    /// Bytes written to the card.
    #[serde(rename = "written")]
    pub bytes_written: u64,
    /// Changes that wait for the card.
    #[serde(rename = "owed")]
    pub pending_changes: u64,
    /// The card does not take them.
    #[serde(rename = "card_fails")]
    pub storage_failing: bool,
    /// The last loss of what it had on disk, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Box<DataLoss>>,
    /// Seconds since the worker began.
    pub uptime_s: u64,
}
