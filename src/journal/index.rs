//! The redb index over packed history: by thing, by actor, by day, by cause. It is derived and
//! never the only copy of anything.
//!
//! The index follows the packs with one durable commit for each pack (about a thousand entries). It
//! is opened with an integrity check. An index that is lost or may be corrupt is renamed aside and
//! built again while the gateway runs. Keys are bytes only, and the value of a (key, block) is a
//! list of offsets in the block, so a busy lamp costs one byte for each entry. A day (of the
//! village) has the numbers of its first and last entry. Every value is in our envelope: version 1,
//! CRC32C, payload.

mod lookup;
mod query;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Builder, Database, Durability, ReadableTable as _, TableDefinition};
use tokio::sync::watch;

use super::chain::Heads;
use super::history::History;
use super::pack;
use crate::domain::calendar::day_number;
use crate::time::WallMs;
pub use query::{EntryQuery, Selected};

const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");
const BY_SUBJECT: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("by_subject");
const BY_CAUSE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("by_cause");
const BY_DAY: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("by_day");
const INDEXED_THROUGH: &[u8] = b"through-4";
/// The same in an index of an older format, which is built again.
const INDEXED_THROUGH_OLDER: [&[u8]; 3] = [b"through", b"through-2", b"through-3"];
/// The chain heads after the last pack that is indexed: an index of another history has other
/// heads.
const CHAIN_HEADS: &[u8] = b"heads";
/// redb's page cache here, bytes.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Entries added or removed since the file was last compacted. The count is stored in the file, so
/// that a restart does not begin at 0.
const GARBAGE_COUNT: &[u8] = b"loose";
/// After so many added or removed entries the file is compacted.
const COMPACT_AFTER: u64 = 50_000;

/// The index; clones are the same.
#[derive(Clone)]
pub struct Index {
    db: Arc<Mutex<Option<Database>>>,
    path: PathBuf,
    through: watch::Sender<u64>,
    /// A query met a damaged value: the index is built again.
    is_corrupt: Arc<AtomicBool>,
}

fn seal(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

fn unseal(value: &[u8]) -> io::Result<&[u8]> {
    let damaged = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "a value of the index is damaged",
        )
    };
    let (head, payload) = value.split_at_checked(5).ok_or_else(damaged)?;
    if head[0] != 1 || crc32c::crc32c(payload).to_le_bytes() != head[1..] {
        return Err(damaged());
    }
    Ok(payload)
}

/// Bytes of a number in a key: enough for a million million entries, and for names of which one in
/// a million million pairs collides (collisions are filtered when entries are read).
const KEY_NUMBER_BYTES: usize = 5;

fn key(hash: u64, block_first: u64) -> [u8; 2 * KEY_NUMBER_BYTES] {
    let mut out = [0; 2 * KEY_NUMBER_BYTES];
    out[..KEY_NUMBER_BYTES].copy_from_slice(&hash.to_be_bytes()[8 - KEY_NUMBER_BYTES..]);
    out[KEY_NUMBER_BYTES..].copy_from_slice(
        &block_first
            .min((1 << (8 * KEY_NUMBER_BYTES)) - 1)
            .to_be_bytes()[8 - KEY_NUMBER_BYTES..],
    );
    out
}

/// The block that a key names.
fn block_of(key: &[u8]) -> Option<u64> {
    let mut out = [0; 8];
    out[8 - KEY_NUMBER_BYTES..].copy_from_slice(key.get(KEY_NUMBER_BYTES..2 * KEY_NUMBER_BYTES)?);
    Some(u64::from_be_bytes(out))
}

/// The key of the village's day of a moment; days before 1970 count as one.
fn day_key(moment: WallMs) -> u64 {
    u64::try_from(day_number(moment)).unwrap_or(0)
}

/// The first and the last entry of a day, as bytes.
fn span_bytes((first, last): (u64, u64)) -> [u8; 16] {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&first.to_le_bytes());
    out[8..].copy_from_slice(&last.to_le_bytes());
    out
}

fn span_of(bytes: &[u8]) -> io::Result<(u64, u64)> {
    let bytes: [u8; 16] = bytes.try_into().map_err(io::Error::other)?;
    let number = |part: &[u8]| part.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
    Ok((number(&bytes[..8]), number(&bytes[8..])))
}

/// FNV-1a, 64 bits: a stable name for a subject. A collision only yields an entry too many, which
/// is filtered.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn io_error(cause: impl Into<redb::Error>) -> io::Error {
    io::Error::other(cause.into())
}

impl Index {
    /// An index at `path` that is not opened yet; [`Index::catch_up`] opens it.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            db: Arc::default(),
            path: path.to_owned(),
            through: watch::Sender::new(0),
            is_corrupt: Arc::default(),
        }
    }

    /// The last entry that is indexed; it only rises.
    #[must_use]
    pub fn through(&self) -> watch::Receiver<u64> {
        self.through.subscribe()
    }

    fn open(&self) -> io::Result<(u64, Option<Heads>)> {
        let path = self.path.clone();
        // redb may panic on a corrupt file; a panic here means a damaged index and nothing more.
        let opened = std::panic::catch_unwind(
            move || -> Result<(Database, (u64, Option<Heads>)), io::Error> {
                let db = Builder::new()
                    .set_cache_size(CACHE_BYTES)
                    .set_check_integrity_on_open(true)
                    .create(&path)
                    .map_err(io_error)?;
                let write = db.begin_write().map_err(io_error)?;
                let through = {
                    let meta = write.open_table(META).map_err(io_error)?;
                    write.open_table(BY_SUBJECT).map_err(io_error)?;
                    write.open_table(BY_CAUSE).map_err(io_error)?;
                    write.open_table(BY_DAY).map_err(io_error)?;
                    for older in INDEXED_THROUGH_OLDER {
                        if meta.get(older).map_err(io_error)?.is_some() {
                            return Err(io::Error::other("the index is of an older format"));
                        }
                    }
                    let found = meta.get(INDEXED_THROUGH).map_err(io_error)?;
                    let through = match found {
                        Some(value) => unseal(value.value())?
                            .try_into()
                            .map(u64::from_le_bytes)
                            .map_err(io::Error::other)?,
                        None => 0,
                    };
                    let heads = meta.get(CHAIN_HEADS).map_err(io_error)?.and_then(|v| {
                        unseal(v.value())
                            .ok()?
                            .try_into()
                            .ok()
                            .map(|stamp| Heads::from_stamp(&stamp))
                    });
                    (through, heads)
                };
                write.commit().map_err(io_error)?;
                Ok((db, through))
            },
        )
        .unwrap_or_else(|_| Err(io::Error::other("the index is damaged")));
        let (db, through) = opened?;
        *self.db.lock().unwrap_or_else(PoisonError::into_inner) = Some(db);
        Ok(through)
    }

    /// Opens the index and adds the packs of `history` that are not indexed yet. Blocks; call it
    /// again after each checkpoint. A damaged index is renamed aside and built again. True = the
    /// index had to be built again.
    ///
    /// # Errors
    /// When neither the old nor a new index can be opened, or a pack cannot be read.
    pub fn catch_up(&self, history: &History) -> io::Result<bool> {
        let mut anew = self.is_corrupt.swap(false, Ordering::Relaxed);
        if anew {
            tracing::warn!(path = %self.path.display(), "index damaged; rebuilding");
            drop(
                self.db
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(),
            );
            std::fs::rename(&self.path, self.path.with_extension("damaged"))?;
        }
        let closed = self
            .db
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none();
        let (mut through, heads) = if closed {
            match self.open() {
                Ok(found) => found,
                Err(cause) => {
                    tracing::warn!(
                        %cause,
                        path = %self.path.display(),
                        "index set aside; rebuilding"
                    );
                    let aside = self.path.with_extension("damaged");
                    if self.path.exists() {
                        std::fs::rename(&self.path, aside)?;
                    }
                    anew = true;
                    self.open()?
                }
            }
        } else {
            (*self.through.borrow(), None)
        };
        let packs = history.packs();
        // An index that is ahead of history, or whose last pack has other heads at its end, belongs
        // to the history of another storage medium. An index of an older program has no heads and
        // is believed.
        let ends_otherwise = |heads: Heads| {
            packs
                .iter()
                .find(|p| p.last >= through)
                .is_some_and(|p| p.last != through || p.end != heads)
        };
        if through > 0
            && (packs.last().is_none_or(|p| p.last < through) || heads.is_some_and(ends_otherwise))
        {
            tracing::warn!(
                path = %self.path.display(),
                "index belongs to another history; rebuilding"
            );
            self.db
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            std::fs::remove_file(&self.path)?;
            through = self.open()?.0;
            anew = true;
        }
        let done = through;
        for pack in packs.iter().filter(|p| p.last > done) {
            if let Err(cause) = self.add(pack) {
                // redb refuses everything after a disk error: the next call opens the index again.
                drop(
                    self.db
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take(),
                );
                return Err(cause);
            }
            through = pack.last;
            self.through.send_replace(through);
        }
        self.add_garbage(through.saturating_sub(done))?;
        if self.add_garbage(0)? >= COMPACT_AFTER {
            self.compact();
        }
        self.through.send_replace(through);
        Ok(anew)
    }

    /// Adds `more` to the count of entries that may have left free room in the file; gives the
    /// count since the file was last compacted.
    fn add_garbage(&self, more: u64) -> io::Result<u64> {
        let guard = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = guard.as_ref() else {
            return Ok(0);
        };
        let write = db.begin_write().map_err(io_error)?;
        let all = {
            let mut meta = write.open_table(META).map_err(io_error)?;
            let known = meta
                .get(GARBAGE_COUNT)
                .map_err(io_error)?
                .and_then(|v| {
                    unseal(v.value())
                        .ok()?
                        .try_into()
                        .ok()
                        .map(u64::from_le_bytes)
                })
                .unwrap_or(0);
            let all = known.saturating_add(more);
            if more > 0 {
                meta.insert(GARBAGE_COUNT, seal(&all.to_le_bytes()).as_slice())
                    .map_err(io_error)?;
            }
            all
        };
        let done = if more > 0 {
            write.commit().map_err(io_error)
        } else {
            write.abort().map_err(io_error)
        };
        done?;
        Ok(all)
    }

    /// Compacts the file: adding and removing entries left free room in it. Queries of pages wait
    /// meanwhile; this is rare and delays no command.
    fn compact(&self) {
        let mut guard = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = guard.as_mut() else { return };
        let zero = db.begin_write().map_err(io_error).and_then(|write| {
            write
                .open_table(META)
                .map_err(io_error)?
                .insert(GARBAGE_COUNT, seal(&0u64.to_le_bytes()).as_slice())
                .map_err(io_error)?;
            write.commit().map_err(io_error)
        });
        if let Err(cause) = zero {
            tracing::warn!(%cause, "index compaction failed");
            return;
        }
        let size = || std::fs::metadata(&self.path).map_or(0, |m| m.len());
        let before = size();
        // The room that one pass frees leaves the file in the next pass. A pass that found nothing
        // may have waited for the last commit.
        let mut idle = 0;
        for _ in 0..8 {
            match db.compact() {
                Ok(true) => idle = 0,
                Ok(false) if idle > 0 => break,
                Ok(false) => idle += 1,
                Err(cause) => {
                    tracing::warn!(%cause, "index compaction failed");
                    return;
                }
            }
        }
        tracing::info!(before, after = size(), "index compacted");
    }

    fn add(&self, pack: &pack::Pack) -> io::Result<()> {
        let guard = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let db = guard
            .as_ref()
            .ok_or_else(|| io::Error::other("the index is closed"))?;
        let mut write = db.begin_write().map_err(io_error)?;
        write
            .set_durability(Durability::Immediate)
            .map_err(io::Error::other)?;
        {
            let mut subjects = write.open_table(BY_SUBJECT).map_err(io_error)?;
            let mut causes = write.open_table(BY_CAUSE).map_err(io_error)?;
            let mut days = write.open_table(BY_DAY).map_err(io_error)?;
            let mut days_of_pack: std::collections::BTreeMap<u64, (u64, u64)> =
                std::collections::BTreeMap::new();
            for block in &pack.blocks {
                let mut lists: std::collections::BTreeMap<(bool, u64), Vec<u8>> =
                    std::collections::BTreeMap::new();
                let Ok(entries) = pack::read(&pack.path, block) else {
                    continue;
                };
                for stored in entries {
                    let entry = &stored.entry;
                    let Ok(offset) = u8::try_from(entry.seq - block.first) else {
                        continue;
                    };
                    let mut list = |key: (bool, u64)| {
                        let offsets = lists.entry(key).or_default();
                        if offsets.last() != Some(&offset) {
                            offsets.push(offset);
                        }
                    };
                    for thing in entry.event.things() {
                        list((true, hash(thing)));
                    }
                    if let Some(actor) = entry.actor.key() {
                        list((true, hash(&query::actor_term(&actor))));
                    }
                    if let Some(cause) = entry.cause {
                        list((false, cause));
                    }
                    let day = day_key(entry.wall_ms);
                    let (first, last) = days_of_pack.entry(day).or_insert((entry.seq, entry.seq));
                    *first = entry.seq.min(*first);
                    *last = entry.seq.max(*last);
                }
                for ((subject, name), offsets) in lists {
                    let table = if subject { &mut subjects } else { &mut causes };
                    table
                        .insert(key(name, block.first).as_slice(), seal(&offsets).as_slice())
                        .map_err(io_error)?;
                }
            }
            for (day, span) in days_of_pack {
                let known = match days.get(day).map_err(io_error)? {
                    Some(value) => span_of(unseal(value.value())?)?,
                    None => span,
                };
                let span = (known.0.min(span.0), known.1.max(span.1));
                days.insert(day, seal(&span_bytes(span)).as_slice())
                    .map_err(io_error)?;
            }
            let mut meta = write.open_table(META).map_err(io_error)?;
            meta.insert(INDEXED_THROUGH, seal(&pack.last.to_le_bytes()).as_slice())
                .map_err(io_error)?;
            meta.insert(CHAIN_HEADS, seal(&pack.end.stamp()).as_slice())
                .map_err(io_error)?;
        }
        write.commit().map_err(io_error)
    }

    /// Removes blocks that begin below `floor` from the index. Blocks.
    ///
    /// # Errors
    /// When the index is damaged or cannot be written.
    pub fn trim(&self, floor: u64) -> io::Result<()> {
        let guard = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = guard.as_ref() else {
            return Ok(());
        };
        let write = db.begin_write().map_err(io_error)?;
        for table in [BY_SUBJECT, BY_CAUSE] {
            let stays = |k: &[u8], _: &[u8]| block_of(k).is_some_and(|b| b >= floor);
            write
                .open_table(table)
                .map_err(io_error)?
                .retain(stays)
                .map_err(io_error)?;
        }
        write.commit().map_err(io_error)?;
        drop(guard);
        // A trim removes one or two packs, about so many entries.
        self.add_garbage(1_000).map(drop)
    }

    /// Makes everything durable and closes the file.
    pub fn close(&self) {
        let Some(db) = self
            .db
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        else {
            return;
        };
        if let Ok(write) = db.begin_write() {
            drop(write.commit());
        }
    }
}
