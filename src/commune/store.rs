//! The commune's store (redb): records as they came, how far each stream is applied, texts, downlink.
//!
//! Invariant: records and `applied` are one transaction, committed `Immediate`; an ACK is sent only after it.
//! Keys are bytes: `village NUL epoch NUL lane NUL number (big endian)`.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::{Builder, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::{Deserialize, Serialize};

use super::engine::{Take, gap, take};
use super::told::{self, InForce};
use crate::domain::event::Entry;
use crate::protocol::commune::{Batch, Bulletin, Stream};

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const APPLIED: TableDefinition<'_, &[u8], u64> = TableDefinition::new("applied");
const TEXTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("texts");
const ASIDE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("quarantine");
const GAPS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("gaps");
const DOWN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("down");
const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");
const SEEN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("seen");
/// Village and number of an entry in its house → key of the record: what came last, whatever boot it is of.
const NEWEST: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("newest");
/// Longest words of one record, bytes.
const TEXT_MOST: usize = 256 * 1024;
const CACHE: usize = 32 * 1024 * 1024;

/// The store; clones are the same.
#[derive(Clone)]
pub struct Store {
    db: Arc<Database>,
    incarnation: String,
}

/// When a village was last heard and how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Wall ms of the last message.
    pub heard_at: i64,
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
pub struct Waiting {
    /// Its number.
    pub seq: u64,
    /// Its name.
    pub id: String,
    /// Wall ms after which it means nothing.
    pub expires_at: i64,
    /// What it says.
    pub bulletin: Bulletin,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The village did not say yet.
    #[default]
    Waiting,
    /// Carried out.
    Done,
    /// Refused: the key of the sentence.
    Refused(String),
}

pub(super) fn error(cause: impl Into<redb::Error>) -> io::Error {
    io::Error::other(cause.into())
}

fn stream_key(village: &str, stream: &Stream) -> Vec<u8> {
    [village.as_bytes(), b"\0", stream.epoch.as_bytes(), b"\0", &[u8::try_from(stream.lane.index()).unwrap_or(0)], b"\0"].concat()
}

fn with_number(mut key: Vec<u8>, n: u64) -> Vec<u8> {
    key.extend_from_slice(&n.to_be_bytes());
    key
}

impl Store {
    /// Opens or makes the store; a new one gets a new incarnation.
    ///
    /// # Errors
    /// When the file cannot be used or is damaged.
    pub fn open(path: &Path) -> io::Result<Self> {
        let db = Builder::new().set_cache_size(CACHE).set_check_integrity_on_open(true).create(path).map_err(error)?;
        let write = db.begin_write().map_err(error)?;
        let incarnation = {
            for table in [RECORDS, TEXTS, ASIDE, DOWN, SEEN, NEWEST] {
                write.open_table(table).map_err(error)?;
            }
            told::begin(&write)?;
            write.open_table(APPLIED).map_err(error)?;
            write.open_table(GAPS).map_err(error)?;
            let mut meta = write.open_table(META).map_err(error)?;
            let known = meta.get(b"incarnation".as_slice()).map_err(error)?.map(|v| String::from_utf8_lossy(v.value()).into_owned());
            match known {
                Some(known) => known,
                None => {
                    let fresh = crate::keys::secret::token()?;
                    meta.insert(b"incarnation".as_slice(), fresh.as_bytes()).map_err(error)?;
                    fresh
                }
            }
        };
        write.commit().map_err(error)?;
        Ok(Self { db: Arc::new(db), incarnation })
    }

    /// Which database this is.
    #[must_use]
    pub fn incarnation(&self) -> &str {
        &self.incarnation
    }

    /// How far a stream is applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn applied(&self, village: &str, stream: &Stream) -> io::Result<u64> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(APPLIED).map_err(error)?;
        Ok(table.get(stream_key(village, stream).as_slice()).map_err(error)?.map_or(0, |v| v.value()))
    }

    /// Takes a batch in; gives how far the stream is then, durably, and whether the batch began behind a hole.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was applied then.
    pub fn take(&self, village: &str, batch: &Batch, now_ms: i64) -> io::Result<(u64, bool)> {
        let write = self.db.begin_write().map_err(error)?;
        let key = stream_key(village, &batch.stream);
        let applied = {
            let mut marks = write.open_table(APPLIED).map_err(error)?;
            let before = marks.get(key.as_slice()).map_err(error)?.map_or(0, |v| v.value());
            match take(batch, before) {
                Take::Nothing { hole } => return Ok((before, hole)),
                Take::Quarantine { why, applied } => {
                    tracing::error!(village, why, "a batch cannot be read; it is kept aside and counted");
                    let mut aside = write.open_table(ASIDE).map_err(error)?;
                    aside.insert(with_number(key.clone(), batch.first).as_slice(), serde_json::to_vec(batch)?.as_slice()).map_err(error)?;
                    marks.insert(key.as_slice(), applied).map_err(error)?;
                    applied
                }
                Take::Append { records, applied } => {
                    let mut table = write.open_table(RECORDS).map_err(error)?;
                    let mut seen = write.open_table(SEEN).map_err(error)?;
                    let mut state: Seen = seen.get(village.as_bytes()).map_err(error)?.and_then(|v| serde_json::from_slice(v.value()).ok()).unwrap_or_default();
                    let mut newest = write.open_table(NEWEST).map_err(error)?;
                    for (n, bytes) in &records {
                        let name = with_number(key.clone(), *n);
                        table.insert(name.as_slice(), bytes.as_slice()).map_err(error)?;
                        state.records += 1;
                        if let Ok(entry) = serde_json::from_slice::<Entry>(bytes) {
                            state.newest_at = state.newest_at.max(entry.wall_ms);
                            state.newest_seq = state.newest_seq.max(entry.seq);
                            newest.insert(with_number([village.as_bytes(), b"\0"].concat(), entry.seq).as_slice(), name.as_slice()).map_err(error)?;
                            told::note(&write, village, &entry)?;
                        }
                    }
                    state.heard_at = now_ms;
                    seen.insert(village.as_bytes(), serde_json::to_vec(&state)?.as_slice()).map_err(error)?;
                    let mut texts = write.open_table(TEXTS).map_err(error)?;
                    // Only words that these records name, and no more than people write.
                    let named: BTreeSet<String> = records.iter().filter_map(|(_, b)| serde_json::from_slice::<Entry>(b).ok()).filter_map(|e| e.event.blob().map(|b| b.id.to_string())).collect();
                    for (blob, text) in batch.texts.iter().filter(|(id, text)| named.contains(*id) && text.len() <= TEXT_MOST) {
                        texts.insert([village.as_bytes(), b"\0", blob.as_bytes()].concat().as_slice(), text.as_bytes()).map_err(error)?;
                    }
                    marks.insert(key.as_slice(), applied).map_err(error)?;
                    applied
                }
            }
        };
        write.commit().map_err(error)?;
        Ok((applied, false))
    }

    /// Takes a gap in; gives how far the stream is then.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn take_gap(&self, village: &str, stream: &Stream, from: u64, to: u64) -> io::Result<u64> {
        let write = self.db.begin_write().map_err(error)?;
        let key = stream_key(village, stream);
        let applied = {
            let mut marks = write.open_table(APPLIED).map_err(error)?;
            let before = marks.get(key.as_slice()).map_err(error)?.map_or(0, |v| v.value());
            let Some(applied) = gap(from, to, before) else { return Ok(before) };
            write.open_table(GAPS).map_err(error)?.insert(with_number(key.clone(), before + 1).as_slice(), to).map_err(error)?;
            marks.insert(key.as_slice(), applied).map_err(error)?;
            applied
        };
        write.commit().map_err(error)?;
        Ok(applied)
    }

    /// A village said hello.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn hello(&self, village: &str, epoch: &str, boot: u64, now_ms: i64) -> io::Result<()> {
        let write = self.db.begin_write().map_err(error)?;
        {
            let mut seen = write.open_table(SEEN).map_err(error)?;
            let mut state: Seen = seen.get(village.as_bytes()).map_err(error)?.and_then(|v| serde_json::from_slice(v.value()).ok()).unwrap_or_default();
            state.heard_at = now_ms;
            epoch.clone_into(&mut state.epoch);
            state.boot = boot;
            seen.insert(village.as_bytes(), serde_json::to_vec(&state)?.as_slice()).map_err(error)?;
        }
        write.commit().map_err(error)
    }

    /// When a village was last heard.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn seen(&self, village: &str) -> io::Result<Seen> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(SEEN).map_err(error)?;
        Ok(table.get(village.as_bytes()).map_err(error)?.and_then(|v| serde_json::from_slice(v.value()).ok()).unwrap_or_default())
    }

    /// Every record of a village, in the order of its streams and numbers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn records(&self, village: &str) -> io::Result<Vec<(String, u8, u64, Vec<u8>)>> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(RECORDS).map_err(error)?;
        let (from, to) = ([village.as_bytes(), b"\0"].concat(), [village.as_bytes(), b"\x01"].concat());
        let mut out = Vec::new();
        for row in table.range(from.as_slice()..to.as_slice()).map_err(error)? {
            let (k, v) = row.map_err(error)?;
            let rest = &k.value()[from.len()..];
            let mut n = [0; 8];
            if rest.len() != 32 + 1 + 1 + 1 + 8 {
                continue;
            }
            n.copy_from_slice(&rest[35..]);
            out.push((String::from_utf8_lossy(&rest[..32]).into_owned(), rest[33], u64::from_be_bytes(n), v.value().to_vec()));
        }
        Ok(out)
    }

    /// Up to `limit` records of a village, the newest of its house first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest(&self, village: &str, limit: usize) -> io::Result<Vec<Vec<u8>>> {
        let read = self.db.begin_read().map_err(error)?;
        let (newest, records) = (read.open_table(NEWEST).map_err(error)?, read.open_table(RECORDS).map_err(error)?);
        let (from, to) = ([village.as_bytes(), b"\0"].concat(), [village.as_bytes(), b"\x01"].concat());
        let mut out = Vec::new();
        for row in newest.range(from.as_slice()..to.as_slice()).map_err(error)?.rev().take(limit) {
            let (_, key) = row.map_err(error)?;
            if let Some(record) = records.get(key.value()).map_err(error)? {
                out.push(record.value().to_vec());
            }
        }
        Ok(out)
    }

    /// People's words that a record names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn text(&self, village: &str, blob: &str) -> io::Result<Option<String>> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(TEXTS).map_err(error)?;
        Ok(table.get([village.as_bytes(), b"\0", blob.as_bytes()].concat().as_slice()).map_err(error)?.map(|v| String::from_utf8_lossy(v.value()).into_owned()))
    }

    /// What a village calls a thing; its id when it never said.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn called(&self, village: &str, id: &str) -> io::Result<String> {
        told::called(&self.db, village, id)
    }

    /// The alarms in force in a village, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn alarms(&self, village: &str) -> io::Result<Vec<InForce>> {
        told::alarms(&self.db, village)
    }

    /// Queues a bulletin for villages, for all of them or for none. `once` is the form's own name: what was sent under it
    /// before is not sent again. Gives how many villages it was queued for now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn send(&self, villages: &[String], bulletin: &Bulletin, expires_at: i64, once: &str) -> io::Result<usize> {
        let write = self.db.begin_write().map_err(error)?;
        {
            let mut meta = write.open_table(META).map_err(error)?;
            let name = [b"sent ".as_slice(), once.as_bytes()].concat();
            if meta.get(name.as_slice()).map_err(error)?.is_some() {
                return Ok(0);
            }
            meta.insert(name.as_slice(), expires_at.to_be_bytes().as_slice()).map_err(error)?;
        }
        for village in villages {
            let mut down = write.open_table(DOWN).map_err(error)?;
            let (from, to) = ([village.as_bytes(), b"\0"].concat(), [village.as_bytes(), b"\x01"].concat());
            let last = down
                .range(from.as_slice()..to.as_slice())
                .map_err(error)?
                .next_back()
                .transpose()
                .map_err(error)?
                .and_then(|(k, _)| k.value().last_chunk::<8>().map(|b| u64::from_be_bytes(*b)))
                .unwrap_or(0);
            let seq = last + 1;
            let waiting = Waiting { seq, id: format!("xa-{}-{seq}", &self.incarnation[..16.min(self.incarnation.len())]), expires_at, bulletin: bulletin.clone(), outcome: Outcome::Waiting };
            down.insert(with_number(from, seq).as_slice(), serde_json::to_vec(&waiting)?.as_slice()).map_err(error)?;
        }
        write.commit().map_err(error)?;
        Ok(villages.len())
    }

    /// Everything queued for a village, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sent(&self, village: &str) -> io::Result<Vec<Waiting>> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(DOWN).map_err(error)?;
        let (from, to) = ([village.as_bytes(), b"\0"].concat(), [village.as_bytes(), b"\x01"].concat());
        table.range(from.as_slice()..to.as_slice()).map_err(error)?.map(|row| row.map_err(error).and_then(|(_, v)| Ok(serde_json::from_slice(v.value())?))).collect()
    }

    /// Notes what became of a command.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn outcome(&self, village: &str, seq: u64, refused: Option<String>) -> io::Result<()> {
        let write = self.db.begin_write().map_err(error)?;
        {
            let mut down = write.open_table(DOWN).map_err(error)?;
            let key = with_number([village.as_bytes(), b"\0"].concat(), seq);
            let known = down.get(key.as_slice()).map_err(error)?.and_then(|v| serde_json::from_slice::<Waiting>(v.value()).ok());
            if let Some(mut waiting) = known {
                // A key of a sentence and nothing else: a village's words are not this page's.
                let sound = |why: &String| why.len() <= 60 && why.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                waiting.outcome = refused.map_or(Outcome::Done, |why| Outcome::Refused(if sound(&why) { why } else { "refused-unsound".to_owned() }));
                down.insert(key.as_slice(), serde_json::to_vec(&waiting)?.as_slice()).map_err(error)?;
            }
        }
        write.commit().map_err(error)
    }
}
