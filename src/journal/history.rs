//! Reading history: the recent entries are in memory, the older ones in packs.
//!
//! Invariants: the tail in memory holds at least every entry that is in no pack, and no entry
//! between packs and tail is left out unless it is lost. Readers copy pointers out under a short
//! lock; nobody holds a lock while reading a file.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::StoredEntry;
use super::pack::{self, Block, Pack};
use super::snapshot::EpochSpan;

/// Entries that stay in memory after they were packed: pages and feeds mostly ask for these.
pub const TAIL_ENTRIES: usize = 4_000;
/// Decoded blocks in the cache, so that a page of old history does not read a block twice.
const CACHED_BLOCKS: usize = 8;

/// The entries that can be read.
#[derive(Debug, Default)]
pub struct History {
    inner: RwLock<ReadableEntries>,
    cache: Mutex<VecDeque<((u64, u64), Vec<Arc<StoredEntry>>)>>,
    unreadable: Mutex<BTreeSet<(u64, u64)>>,
}

#[derive(Debug, Default)]
struct ReadableEntries {
    tail: VecDeque<Arc<StoredEntry>>,
    packs: Vec<Pack>,
    epochs: Vec<EpochSpan>,
}

impl History {
    /// History as the start found it.
    #[must_use]
    pub fn new(tail: VecDeque<Arc<StoredEntry>>, packs: Vec<Pack>, epochs: Vec<EpochSpan>) -> Self {
        Self {
            inner: RwLock::new(ReadableEntries {
                tail,
                packs,
                epochs,
            }),
            cache: Mutex::default(),
            unreadable: Mutex::default(),
        }
    }

    fn read_lock(&self) -> RwLockReadGuard<'_, ReadableEntries> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_lock(&self) -> RwLockWriteGuard<'_, ReadableEntries> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds synced entries.
    pub(super) fn extend(&self, entries: &[Arc<StoredEntry>], span: &EpochSpan) {
        let mut inner = self.write_lock();
        inner.tail.extend(entries.iter().cloned());
        match inner.epochs.last_mut() {
            Some(last) if last.epoch == span.epoch => *last = span.clone(),
            _ => inner.epochs.push(span.clone()),
        }
    }

    /// Adds a pack that became durable. The tail may then drop packed entries beyond
    /// [`TAIL_ENTRIES`].
    pub(super) fn add_pack(&self, pack: Pack) {
        let mut inner = self.write_lock();
        let last = pack.last;
        inner.packs.push(pack);
        while inner.tail.len() > TAIL_ENTRIES
            && inner.tail.front().is_some_and(|e| e.entry.seq <= last)
        {
            inner.tail.pop_front();
        }
    }

    /// Removes packs whose last entry is below `floor`; gives them, so that the caller deletes
    /// their files.
    pub(super) fn trim(&self, floor: u64) -> Vec<Pack> {
        let mut inner = self.write_lock();
        let n = inner.packs.iter().take_while(|p| p.last < floor).count();
        let gone: Vec<Pack> = inner.packs.drain(..n).collect();
        let first = inner
            .packs
            .first()
            .map(|p| p.first)
            .or_else(|| inner.tail.front().map(|e| e.entry.seq))
            .unwrap_or(floor);
        inner.epochs.retain(|e| e.last >= first);
        gone
    }

    /// Entries not yet in any pack, oldest first.
    pub(super) fn unpacked(&self) -> Vec<Arc<StoredEntry>> {
        let inner = self.read_lock();
        let packed = inner.packs.last().map_or(0, |p| p.last);
        inner
            .tail
            .iter()
            .filter(|e| e.entry.seq > packed)
            .cloned()
            .collect()
    }

    /// The boots that still have entries here, oldest first.
    #[must_use]
    pub fn epochs(&self) -> Vec<EpochSpan> {
        self.read_lock().epochs.clone()
    }

    /// The packs, oldest first.
    #[must_use]
    pub fn packs(&self) -> Vec<Pack> {
        self.read_lock().packs.clone()
    }

    /// First and last entry that can be read; (0, 0) = none.
    #[must_use]
    pub fn span(&self) -> (u64, u64) {
        let inner = self.read_lock();
        let first = inner
            .packs
            .first()
            .map(|p| p.first)
            .or_else(|| inner.tail.front().map(|e| e.entry.seq))
            .unwrap_or(0);
        let last = inner
            .tail
            .back()
            .map(|e| e.entry.seq)
            .or_else(|| inner.packs.last().map(|p| p.last))
            .unwrap_or(0);
        (first, last)
    }

    /// Up to `limit` entries after `seq`, oldest first, when memory holds them; none = a file must
    /// be read.
    #[must_use]
    pub fn recent_after(&self, seq: u64, limit: usize) -> Option<Vec<Arc<StoredEntry>>> {
        let inner = self.read_lock();
        let Some(first) = inner.tail.front() else {
            return inner.packs.is_empty().then(Vec::new);
        };
        let begins = first.entry.seq;
        if seq.saturating_add(1) < begins && inner.packs.first().is_some_and(|p| p.first < begins) {
            return None;
        }
        let from = inner.tail.partition_point(|e| e.entry.seq <= seq);
        Some(inner.tail.iter().skip(from).take(limit).cloned().collect())
    }

    /// Up to `limit` entries after `seq`, oldest first. May read files: not for an async thread.
    /// Entries that cannot be read are left out, so the numbers may jump.
    #[must_use]
    pub fn after(&self, seq: u64, limit: usize) -> Vec<Arc<StoredEntry>> {
        let mut out = Vec::new();
        let mut from = seq;
        while out.len() < limit {
            if let Some(mut rest) = self.recent_after(from, limit - out.len()) {
                out.append(&mut rest);
                break;
            }
            let Some((path, first, block)) = self.block_for(from.saturating_add(1), false) else {
                // No pack holds this entry or a later one, although the tail begins later: entries
                // are missing.
                match self.read_lock().tail.front() {
                    Some(front) => from = front.entry.seq - 1,
                    None => break,
                }
                continue;
            };
            from = block.last;
            let Some(entries) = self.block(&path, first, &block) else {
                continue;
            };
            out.extend(
                entries
                    .into_iter()
                    .filter(|e| e.entry.seq > seq)
                    .take(limit - out.len()),
            );
        }
        out
    }

    /// Up to `limit` entries before `seq`, newest first. May read files: not for an async thread.
    /// Entries that cannot be read are left out, so the numbers may jump.
    #[must_use]
    pub fn before(&self, seq: u64, limit: usize) -> Vec<Arc<StoredEntry>> {
        let mut out: Vec<Arc<StoredEntry>> = {
            let inner = self.read_lock();
            let to = inner.tail.partition_point(|e| e.entry.seq < seq);
            inner
                .tail
                .iter()
                .take(to)
                .rev()
                .take(limit)
                .cloned()
                .collect()
        };
        let mut floor = u64::MAX;
        while out.len() < limit {
            let below = out.last().map_or(seq, |e| e.entry.seq);
            let Some((path, first, block)) =
                self.block_for(below.min(floor).saturating_sub(1), true)
            else {
                break;
            };
            floor = block.first;
            let Some(entries) = self.block(&path, first, &block) else {
                continue;
            };
            out.extend(
                entries
                    .into_iter()
                    .rev()
                    .filter(|e| e.entry.seq < below)
                    .take(limit - out.len()),
            );
        }
        out
    }

    /// First and last entry of the blocks that could not be read so far.
    #[must_use]
    pub fn unreadable(&self) -> Vec<(u64, u64)> {
        self.unreadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .copied()
            .collect()
    }

    /// One entry by its number. May read a file: not for an async thread.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<Arc<StoredEntry>> {
        self.after(seq.saturating_sub(1), 1)
            .into_iter()
            .next()
            .filter(|e| e.entry.seq == seq)
    }

    /// The block that holds `seq`, or the nearest later one (`back`: the nearest earlier one).
    fn block_for(&self, seq: u64, back: bool) -> Option<(PathBuf, u64, Block)> {
        let inner = self.read_lock();
        let (pack, block) = if back {
            let pack = inner.packs.iter().rev().find(|p| p.first <= seq)?;
            (pack, *pack.blocks.iter().rev().find(|b| b.first <= seq)?)
        } else {
            let pack = inner
                .packs
                .get(inner.packs.partition_point(|p| p.last < seq))?;
            (
                pack,
                *pack
                    .blocks
                    .get(pack.blocks.partition_point(|b| b.last < seq))?,
            )
        };
        Some((pack.path.clone(), pack.first, block))
    }

    /// Records that a block could not be read, unless its pack was trimmed meanwhile.
    pub(super) fn mark_unreadable(&self, path: &Path, block: &Block, cause: &std::io::Error) {
        if !self.read_lock().packs.iter().any(|p| p.path == *path) {
            return;
        }
        let mut known = self
            .unreadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() < 1_000 && known.insert((block.first, block.last)) {
            tracing::error!(
                %cause,
                path = %path.display(),
                from = block.first,
                to = block.last,
                "reading history pack failed"
            );
        }
    }

    /// Reads a block; none = it cannot be read, which is logged and shows as missing entries.
    fn block(&self, path: &Path, pack: u64, block: &Block) -> Option<Vec<Arc<StoredEntry>>> {
        let key = (pack, block.at);
        let cached = self
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|(k, _)| *k == key)
            .map(|(_, e)| e.clone());
        if cached.is_some() {
            return cached;
        }
        let entries = match pack::read(path, block) {
            Ok(entries) => entries,
            Err(cause) => {
                self.mark_unreadable(path, block, &cause);
                return None;
            }
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.push_back((key, entries.clone()));
        if cache.len() > CACHED_BLOCKS {
            cache.pop_front();
        }
        Some(entries)
    }
}
