//! The commune's store (redb): records as they came, how far each stream is applied, texts,
//! downlink.
//!
//! Invariant: records and `applied` are one transaction, committed `Immediate`; an ACK is sent only
//! after it. Keys are bytes: `village NUL epoch NUL lane NUL number (big endian)`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::account::{self, Account, RECORD_COST, Today};
use super::bulletins::DOWN;
pub use super::bulletins::{Outcome, Waiting};
use super::engine::{Take, gap, take};
use super::newest::Noting;
use super::told::{self, InForce, Teller};
use super::{erased, newest, past};
use crate::domain::event::Entry;
use crate::protocol::commune::{Batch, NUMBER_MOST, Stream, TEXT_MOST};
use crate::store::space;

pub(super) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const APPLIED: TableDefinition<'_, &[u8], u64> = TableDefinition::new("applied");
pub(super) const TEXTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("texts");
pub(super) const ASIDE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("quarantine");
const GAPS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("gaps");
pub(super) const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");
pub(super) const SEEN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("seen");
/// A greeting that says nothing new is written down this often, ms.
pub(super) const HEARD_MS: i64 = 10_000;
const CACHE: usize = 32 * 1024 * 1024;

/// The store; clones are the same.
#[derive(Clone)]
pub struct Store {
    pub(super) db: Arc<Database>,
    pub(super) incarnation: String,
    path: Arc<Path>,
    /// People's words, a folder of each village.
    folder: Arc<Path>,
    scrubbing: Arc<erased::Scrubbing>,
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

pub(super) fn error(cause: impl Into<redb::Error>) -> io::Error {
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

/// Stores records and what they tell; false = the village told all it may today.
fn append(
    write: &WriteTransaction,
    folder: &Path,
    village: &str,
    key: &[u8],
    records: &[(u64, Vec<u8>)],
    batch: &Batch,
    today: Today,
) -> io::Result<bool> {
    let now_ms = today.now_ms;
    // Of a newer version may be what cannot be read here: it is kept as it came.
    let entries: Vec<Option<Entry>> = records
        .iter()
        .map(|(_, bytes)| serde_json::from_slice(bytes).ok())
        .collect();
    // Only words that these records name, and no more than people write.
    let named: BTreeSet<&str> = entries
        .iter()
        .flatten()
        .filter_map(|e| e.event.blob().map(|b| b.id.as_str()))
        .collect();
    erased::take(write, folder, village, &entries)?;
    let mut texts: Vec<(&str, &[u8])> = Vec::new();
    for (id, text) in batch
        .texts
        .iter()
        .filter(|(id, text)| named.contains(id.as_str()) && text.len() <= TEXT_MOST)
    {
        if !erased::is_erased(write, village, id)? {
            texts.push((id, text.as_bytes()));
        }
    }
    let mut account = account::load(write, village)?;
    let size = records
        .iter()
        .map(|(_, b)| b.len() as u64 + RECORD_COST)
        .sum::<u64>()
        + texts
            .iter()
            .map(|(_, t)| account::text_cost(t.len() as u64))
            .sum::<u64>();
    // The console tells it.
    if !account.takes(size, today) {
        return Ok(false);
    }
    let mut table = write.open_table(RECORDS).map_err(error)?;
    let mut seen = write.open_table(SEEN).map_err(error)?;
    let mut state: Seen = seen
        .get(village.as_bytes())
        .map_err(error)?
        .and_then(|v| serde_json::from_slice(v.value()).ok())
        .unwrap_or_default();
    let generation = past::generation(write, village)?;
    let mut newest = Noting::new(write, village, &batch.stream.epoch, generation)?;
    let mut teller = Teller::new(write, village, generation, now_ms)?;
    for ((n, bytes), entry) in records.iter().zip(&entries) {
        let name = with_number(key.to_vec(), *n);
        table
            .insert(name.as_slice(), bytes.as_slice())
            .map_err(error)?;
        state.records += 1;
        if let Some(entry) = entry {
            // A village's clock may be years ahead: what it says of later than now is of now.
            state.newest_at = state.newest_at.max(entry.wall_ms.min(now_ms));
            state.newest_seq = state.newest_seq.max(entry.seq.min(NUMBER_MOST));
            newest.note(entry.seq, &name)?;
            teller.note(&mut account, entry)?;
        }
    }
    state.heard_at = now_ms;
    seen.insert(village.as_bytes(), serde_json::to_vec(&state)?.as_slice())
        .map_err(error)?;
    erased::keep(folder, village, &texts)?;
    account::keep(write, village, &account)?;
    Ok(true)
}

/// Takes a batch in, in a transaction: how far the stream is then, whether the batch began behind a
/// hole, whether anything is to be committed.
fn take_in(
    write: &WriteTransaction,
    folder: &Path,
    village: &str,
    batch: &Batch,
    today: Today,
) -> io::Result<(u64, bool, bool)> {
    let key = stream_key(village, &batch.stream);
    let mut marks = write.open_table(APPLIED).map_err(error)?;
    let before = marks
        .get(key.as_slice())
        .map_err(error)?
        .map_or(0, |v| v.value());
    let applied = match take(batch, before) {
        Take::Nothing { hole } => return Ok((before, hole, false)),
        Take::Quarantine { why, applied } => {
            // Without people's words: those are no part of what cannot be read.
            let bytes = serde_json::to_vec(&Batch {
                texts: BTreeMap::new(),
                ..batch.clone()
            })?;
            let mut account = account::load(write, village)?;
            if !account.takes(bytes.len() as u64, today) {
                return Ok((before, false, false));
            }
            let kept = account.keeps_aside(bytes.len() as u64);
            if kept {
                tracing::error!(
                    village,
                    why,
                    "a batch cannot be read; it is counted and kept aside"
                );
                let mut aside = write.open_table(ASIDE).map_err(error)?;
                aside
                    .insert(
                        with_number(key.clone(), batch.first).as_slice(),
                        bytes.as_slice(),
                    )
                    .map_err(error)?;
            }
            account::keep(write, village, &account)?;
            applied
        }
        Take::Append { records, applied } => {
            if !append(write, folder, village, &key, &records, batch, today)? {
                return Ok((before, false, false));
            }
            applied
        }
    };
    marks.insert(key.as_slice(), applied).map_err(error)?;
    Ok((applied, false, true))
}

impl Store {
    /// Opens or makes the store; a new one gets a new incarnation.
    ///
    /// # Errors
    /// When the file cannot be used or is damaged.
    pub fn open(path: &Path) -> io::Result<Self> {
        let db = Builder::new()
            .set_cache_size(CACHE)
            .set_check_integrity_on_open(true)
            .create(path)
            .map_err(error)?;
        let write = db.begin_write().map_err(error)?;
        let incarnation = {
            for table in [RECORDS, TEXTS, ASIDE, DOWN, SEEN] {
                write.open_table(table).map_err(error)?;
            }
            told::begin(&write)?;
            account::begin(&write)?;
            erased::begin(&write)?;
            past::begin(&write)?;
            newest::begin(&write)?;
            write.open_table(APPLIED).map_err(error)?;
            write.open_table(GAPS).map_err(error)?;
            let mut meta = write.open_table(META).map_err(error)?;
            let known = meta
                .get(b"incarnation".as_slice())
                .map_err(error)?
                .map(|v| String::from_utf8_lossy(v.value()).into_owned());
            match known {
                Some(known) => known,
                None => {
                    let fresh = crate::keys::secret::token()?;
                    meta.insert(b"incarnation".as_slice(), fresh.as_bytes())
                        .map_err(error)?;
                    fresh
                }
            }
        };
        write.commit().map_err(error)?;
        Ok(Self {
            db: Arc::new(db),
            incarnation,
            path: path.into(),
            folder: path.with_extension("texts").into(),
            scrubbing: Arc::default(),
        })
    }

    /// Which database this is.
    #[must_use]
    pub fn incarnation(&self) -> &str {
        &self.incarnation
    }

    /// How much each village may add today: less where the disk is running full.
    #[must_use]
    pub fn today(&self, now_ms: i64) -> Today {
        Today::with(now_ms, self.room(space::of), self.room(space::files_of))
    }

    fn room(&self, left: fn(&Path) -> io::Result<(u64, u64)>) -> (u64, u64) {
        self.path
            .parent()
            .and_then(|folder| left(folder).ok())
            .unwrap_or((u64::MAX, u64::MAX))
    }

    /// How far a stream is applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn applied(&self, village: &str, stream: &Stream) -> io::Result<u64> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(APPLIED).map_err(error)?;
        Ok(table
            .get(stream_key(village, stream).as_slice())
            .map_err(error)?
            .map_or(0, |v| v.value()))
    }

    /// Takes a batch in; gives how far the stream is then, durably, and whether the batch began
    /// behind a hole. What is more than the village may tell in a day is not taken: the mark
    /// stays.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was applied then.
    pub fn take(&self, village: &str, batch: &Batch, now_ms: i64) -> io::Result<(u64, bool)> {
        let taken = self.take_round(std::iter::once((village, batch)), now_ms)?;
        taken
            .into_iter()
            .next()
            .ok_or_else(|| io::Error::other("nothing was taken"))
    }

    /// Takes a batch of each of some villages in, all in one transaction: a disk that syncs slowly
    /// makes nobody wait for the others one after the other.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was applied then.
    pub fn take_round<'a>(
        &self,
        batches: impl Iterator<Item = (&'a str, &'a Batch)>,
        now_ms: i64,
    ) -> io::Result<Vec<(u64, bool)>> {
        let today = self.today(now_ms);
        let write = self.db.begin_write().map_err(error)?;
        let taken = batches
            .map(|(village, batch)| take_in(&write, &self.folder, village, batch, today))
            .collect::<io::Result<Vec<_>>>()?;
        if taken.iter().any(|(.., is_new)| *is_new) {
            write.commit().map_err(error)?;
        }
        Ok(taken
            .into_iter()
            .map(|(applied, hole, _)| (applied, hole))
            .collect())
    }

    /// Takes a gap in; gives how far the stream is then. Gaps that follow each other are one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn take_gap(
        &self,
        village: &str,
        stream: &Stream,
        from: u64,
        to: u64,
        now_ms: i64,
    ) -> io::Result<u64> {
        let key = stream_key(village, stream);
        let write = self.db.begin_write().map_err(error)?;
        let applied = {
            let mut marks = write.open_table(APPLIED).map_err(error)?;
            let before = marks
                .get(key.as_slice())
                .map_err(error)?
                .map_or(0, |v| v.value());
            let Some(applied) = gap(from, to, before) else {
                return Ok(before);
            };
            let mut account = account::load(&write, village)?;
            if !account.takes(RECORD_COST, self.today(now_ms)) {
                return Ok(before);
            }
            account::keep(&write, village, &account)?;
            let mut gaps = write.open_table(GAPS).map_err(error)?;
            let last = gaps
                .range(
                    with_number(key.clone(), 0).as_slice()
                        ..=with_number(key.clone(), before).as_slice(),
                )
                .map_err(error)?
                .next_back()
                .transpose()
                .map_err(error)?;
            let joins = last
                .filter(|(_, to)| to.value() == before)
                .map(|(k, _)| k.value().to_vec());
            let at = joins.unwrap_or_else(|| with_number(key.clone(), before + 1));
            gaps.insert(at.as_slice(), to).map_err(error)?;
            marks.insert(key.as_slice(), applied).map_err(error)?;
            applied
        };
        write.commit().map_err(error)?;
        Ok(applied)
    }

    /// How far each of these streams is applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn applied_of(
        &self,
        village: &str,
        streams: impl Iterator<Item = Stream>,
    ) -> io::Result<Vec<(Stream, u64)>> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(APPLIED).map_err(error)?;
        streams
            .map(|s| {
                Ok((
                    table
                        .get(stream_key(village, &s).as_slice())
                        .map_err(error)?
                        .map_or(0, |v| v.value()),
                    s,
                ))
            })
            .map(|r: io::Result<(u64, Stream)>| r.map(|(n, s)| (s, n)))
            .collect()
    }

    /// What is counted of a village.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn account(&self, village: &str) -> io::Result<Account> {
        account::read(&self.db, village)
    }

    /// When a village was last heard.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn seen(&self, village: &str) -> io::Result<Seen> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(SEEN).map_err(error)?;
        Ok(table
            .get(village.as_bytes())
            .map_err(error)?
            .and_then(|v| serde_json::from_slice(v.value()).ok())
            .unwrap_or_default())
    }

    /// Every record of a village, in the order of its streams and numbers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn records(&self, village: &str) -> io::Result<Vec<(String, u8, u64, Vec<u8>)>> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(RECORDS).map_err(error)?;
        let (from, to) = (
            [village.as_bytes(), b"\0"].concat(),
            [village.as_bytes(), b"\x01"].concat(),
        );
        let mut out = Vec::new();
        for row in table.range(from.as_slice()..to.as_slice()).map_err(error)? {
            let (k, v) = row.map_err(error)?;
            let rest = &k.value()[from.len()..];
            let mut n = [0; 8];
            if rest.len() != 32 + 1 + 1 + 1 + 8 {
                continue;
            }
            n.copy_from_slice(&rest[35..]);
            out.push((
                String::from_utf8_lossy(&rest[..32]).into_owned(),
                rest[33],
                u64::from_be_bytes(n),
                v.value().to_vec(),
            ));
        }
        Ok(out)
    }

    /// People's words that a record names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn text(&self, village: &str, blob: &str) -> io::Result<Option<String>> {
        if let Some(words) = erased::words(&self.folder, village, blob)? {
            return Ok(Some(words));
        }
        // An older version kept them here.
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(TEXTS).map_err(error)?;
        Ok(table
            .get(
                [village.as_bytes(), b"\0", blob.as_bytes()]
                    .concat()
                    .as_slice(),
            )
            .map_err(error)?
            .map(|v| String::from_utf8_lossy(v.value()).into_owned()))
    }

    /// True when a village erased these words.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_erased(&self, village: &str, blob: &str) -> io::Result<bool> {
        erased::says_erased(&self.db, village, blob)
    }

    /// Writes over what was erased and still stands in free pages of the file; true = there was
    /// something. Blocks for long.
    ///
    /// # Errors
    /// When there is too little room, or the store cannot be written; it is tried again after an
    /// hour.
    pub fn scrub(&self, now_mono_ms: u64) -> io::Result<bool> {
        self.scrub_with(now_mono_ms, &|| self.room(space::of).0)
    }

    /// As [`Store::scrub`], on a disk that has so many bytes left.
    pub(super) fn scrub_with(&self, now_mono_ms: u64, free: &dyn Fn() -> u64) -> io::Result<bool> {
        self.scrubbing
            .turn(now_mono_ms, || erased::scrub(&self.db, &self.path, free))
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
}
