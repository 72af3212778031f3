//! The broker's counters, for `status`, `$SYS` and Prometheus. They count since the worker began,
//! unless the field says otherwise.

use serde::{Deserialize, Serialize};

use crate::supervisor::health_reason::{BrokerLoss, HealthReason};
use crate::time::WallMs;

/// Packets of any kind, and the bytes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets received.
    pub packets_in: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

impl Traffic {
    /// Adds another count to this one.
    pub const fn add(&mut self, other: Self) {
        self.packets_in += other.packets_in;
        self.bytes_in += other.bytes_in;
        self.packets_out += other.packets_out;
        self.bytes_out += other.bytes_out;
    }
}

/// How the broker's stored data was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// Parts of the data cannot be read.
    #[default]
    Damaged,
    /// No data is there.
    #[serde(rename = "gone")]
    Missing,
    /// An older copy lies in its place, or its end is missing.
    #[serde(rename = "older")]
    Outdated,
    /// The data of another box lies in its place.
    Foreign,
}

/// Stored data that the broker did not find any more when it began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataLoss {
    /// When it was found, wall seconds.
    #[serde(rename = "at")]
    pub found_at_s: u64,
    /// The kind of loss.
    #[serde(rename = "how")]
    pub kind: LossKind,
    /// Groups of changes that were not found.
    #[serde(rename = "groups")]
    pub lost_groups: u64,
    /// Single changes that cannot be read.
    #[serde(rename = "records")]
    pub lost_records: u64,
    /// Number of retained messages when it was last known; 0 = not known.
    pub retained: u64,
    /// Number of them (and of those since) that are still there.
    #[serde(rename = "retained_left")]
    pub retained_recovered: u64,
    /// Number of persistent sessions when it was last known.
    pub sessions: u64,
    /// Number of them that are still there.
    #[serde(rename = "sessions_left")]
    pub sessions_recovered: u64,
}

impl From<&DataLoss> for HealthReason {
    fn from(loss: &DataLoss) -> Self {
        let found = WallMs::of_seconds(i64::try_from(loss.found_at_s).unwrap_or(i64::MAX));
        let left = BrokerLoss {
            groups: loss.lost_groups,
            records: loss.lost_records,
            retained: loss.retained_recovered,
            retained_before: loss.retained,
            sessions: loss.sessions_recovered,
            sessions_before: loss.sessions,
        };
        match loss.kind {
            LossKind::Damaged => Self::BrokerLogDamaged { loss: left, found },
            LossKind::Missing => Self::BrokerLogMissing { loss: left, found },
            LossKind::Outdated => Self::BrokerLogOutdated { loss: left, found },
            LossKind::Foreign => Self::BrokerLogForeign { loss: left, found },
        }
    }
}

/// The counters since the worker began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Connected clients.
    pub connected: u64,
    /// Most clients that were connected at once.
    pub connected_max: u64,
    /// Persistent sessions whose clients are disconnected.
    #[serde(rename = "away")]
    pub disconnected: u64,
    /// Sessions that expired.
    #[serde(rename = "expired")]
    pub expired_sessions: u64,
    /// Devices in quarantine.
    pub quarantined: u64,
    /// Traffic of all connections.
    pub traffic: Traffic,
    /// Messages received.
    pub received: u64,
    /// Their bytes of payload.
    pub received_bytes: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Their bytes of payload.
    pub delivered_bytes: u64,
    /// Messages dropped because a session's queue was full.
    pub dropped: u64,
    /// Messages that were not sent because they are larger than their client's maximum packet
    /// size.
    #[serde(rename = "too_large")]
    pub oversized: u64,
    /// Messages dropped because they expired.
    #[serde(rename = "outlived")]
    pub expired_messages: u64,
    /// Publishes that the account may not make.
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
    /// Retained messages.
    pub retained: u64,
    /// Their bytes.
    pub retained_bytes: u64,
    /// Retained messages refused because of a bound.
    pub retained_refused: u64,
    /// Connections refused.
    #[serde(rename = "refused")]
    pub rejected_connects: u64,
    /// Connections ended by the broker because of an error.
    #[serde(rename = "cut")]
    pub disconnected_with_error: u64,
    /// Bytes written to storage.
    #[serde(rename = "written")]
    pub bytes_written: u64,
    /// Changes that are not on disk yet.
    #[serde(rename = "owed")]
    pub pending_changes: u64,
    /// Storage does not accept writes.
    #[serde(rename = "card_fails")]
    pub storage_failing: bool,
    /// The last loss of stored data, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Box<DataLoss>>,
    /// Seconds since the worker began.
    pub uptime_s: u64,
}
