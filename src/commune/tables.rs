//! The tables of the commune's store (redb), their keys, and the rows that more than one file
//! reads.
//!
//! Keys are bytes: `village NUL epoch NUL lane NUL number (big endian)`. A table that only one file
//! uses is defined in that file.

use std::io;

use redb::{AccessGuard, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::actor::Actor;
use crate::protocol::commune::{Bulletin, Stream};
use crate::time::WallMs;

pub(super) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
pub(super) const APPLIED: TableDefinition<'_, &[u8], u64> = TableDefinition::new("applied");
pub(super) const TEXTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("texts");
pub(super) const QUARANTINE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("quarantine");
pub(super) const GAPS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("gaps");
pub(super) const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");
pub(super) const CONTACTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("seen");
/// Village and id of a thing → its name.
pub(super) const NAMES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("names");
/// Village and sensor → the last state of its alarm.
pub(super) const ALARMS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("alarms");
/// How often a hello without news is written, ms.
pub(super) const MIN_HELLO_WRITE_INTERVAL_MS: i64 = 10_000;

/// The last contact with a village, and how far its records reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageContact {
    /// Wall ms of the last message.
    #[serde(rename = "heard_at")]
    pub last_message_at: WallMs,
    /// Wall ms of the newest record.
    pub newest_at: WallMs,
    /// Entry number (seq) of the newest record in the village.
    pub newest_seq: u64,
    /// Records in all.
    pub records: u64,
    /// Epoch of the last hello.
    pub epoch: String,
    /// Boot of the last hello.
    pub boot: u64,
}

/// A bulletin that was queued for a village.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeliveredBulletin {
    /// Its number among the village's bulletins.
    pub seq: u64,
    /// The number of the bulletin as it was sent; 0 = by a version that did not number them.
    #[serde(default)]
    pub number: u64,
    /// Its id.
    pub id: String,
    /// Wall ms after which it is not sent any more.
    pub expires_at: WallMs,
    /// Its content.
    pub bulletin: Bulletin,
    /// Its outcome in the village.
    pub outcome: BulletinOutcome,
    /// When the outcome came; none = it has not, or an older version received it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<WallMs>,
    /// When the village took its notice down, by the village's clock; none = it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_down_at: Option<WallMs>,
    /// The person who took it down; none = nobody did, or an older version received it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_down_by: Option<Remover>,
    /// Entries of the commune's history about it in this village.
    #[serde(default)]
    pub history_entries: u32,
}

/// The person who took a bulletin's notice down in the village.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remover {
    /// The chief: of the people who sign in, only the chief may.
    Chief,
    /// The technician at the control socket.
    Technician,
    /// A program, with its token.
    Program,
    /// Something else.
    Other,
}

impl Remover {
    /// The remover that an entry's actor is.
    pub(super) const fn of(actor: &Actor) -> Self {
        match actor {
            Actor::User { .. } => Self::Chief,
            Actor::LocalAdmin => Self::Technician,
            Actor::Program { .. } => Self::Program,
            Actor::System | Actor::Commune | Actor::Device { .. } => Self::Other,
        }
    }
}

/// The outcome of a bulletin in a village.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulletinOutcome {
    /// The village has not answered yet.
    #[default]
    Waiting,
    /// Carried out.
    Done,
    /// Rejected, with a message key.
    Refused(String),
}

pub(super) fn io_error(cause: impl Into<redb::Error>) -> io::Error {
    io::Error::other(cause.into())
}

/// The keys of all rows of a village, in every table whose keys begin with its name: from and to.
pub(super) fn village_rows(village: &str) -> (Vec<u8>, Vec<u8>) {
    (
        [village.as_bytes(), b"\0"].concat(),
        [village.as_bytes(), b"\x01"].concat(),
    )
}

/// A row of a table, as redb gives it.
type StoredRow<'a> = Result<
    (
        AccessGuard<'a, &'static [u8]>,
        AccessGuard<'a, &'static [u8]>,
    ),
    redb::StorageError,
>;

/// The value of a row that is stored as JSON.
///
/// # Errors
/// When it cannot be read.
pub(super) fn json_row<T: DeserializeOwned>(row: StoredRow<'_>) -> io::Result<T> {
    let (_, value) = row.map_err(io_error)?;
    Ok(serde_json::from_slice(value.value())?)
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
