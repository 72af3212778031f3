//! The tables of the commune's store (redb), their keys, and the rows that more than one file reads.
//!
//! Keys are bytes: `village NUL epoch NUL lane NUL number (big endian)`. Tables that only one file
//! knows stand in that file.

use std::io;

use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use crate::protocol::commune::{Bulletin, Stream};

pub(super) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
pub(super) const APPLIED: TableDefinition<'_, &[u8], u64> = TableDefinition::new("applied");
pub(super) const TEXTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("texts");
pub(super) const QUARANTINE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("quarantine");
pub(super) const GAPS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("gaps");
pub(super) const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");
pub(super) const CONTACTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("seen");
/// Village and id of a thing → what people call it.
pub(super) const NAMES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("names");
/// Village and sensor → the alarm in force.
pub(super) const ALARMS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("alarms");
/// A greeting that says nothing new is written down this often, ms.
pub(super) const MIN_HELLO_WRITE_INTERVAL_MS: i64 = 10_000;

/// When a village was last heard and how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageContact {
    /// Wall ms of the last message.
    #[serde(rename = "heard_at")]
    pub last_message_at: i64,
    /// Wall ms of the newest record.
    pub newest_at: i64,
    /// Number of the newest record in the village.
    pub newest_seq: u64,
    /// Records in all.
    pub records: u64,
    /// Epoch that spoke last.
    pub epoch: String,
    /// Boot that spoke last.
    pub boot: u64,
}

/// A command on its way down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeliveredBulletin {
    /// Its number.
    pub seq: u64,
    /// Its name.
    pub id: String,
    /// Wall ms after which it means nothing.
    pub expires_at: i64,
    /// What it says.
    pub bulletin: Bulletin,
    /// What became of it.
    pub outcome: BulletinOutcome,
}

/// What became of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulletinOutcome {
    /// The village did not say yet.
    #[default]
    Waiting,
    /// Carried out.
    Done,
    /// Refused: the key of the sentence.
    Refused(String),
}

pub(super) fn io_error(cause: impl Into<redb::Error>) -> io::Error {
    io::Error::other(cause.into())
}

pub(super) fn stream_key(village: &str, stream: &Stream) -> Vec<u8> {
    [
        village.as_bytes(),
        b"\0",
        stream.epoch.as_bytes(),
        b"\0",
        &[u8::try_from(stream.lane.index()).unwrap_or(0)],
        b"\0",
    ]
    .concat()
}

pub(super) fn with_number(mut key: Vec<u8>, n: u64) -> Vec<u8> {
    key.extend_from_slice(&n.to_be_bytes());
    key
}
