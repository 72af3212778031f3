//! Queries to the index: entries about a subject, entries that one entry caused.
//!
//! Invariants: the entries that the index names are read from history and filtered there, so that a
//! collision of names shows nothing wrong; a value that cannot be read marks the index as corrupt,
//! and the next [`Index::catch_up`] builds it again.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use redb::{ReadableDatabase as _, TableDefinition};

use super::{BY_CAUSE, BY_SUBJECT, Index, block_of, hash, io_error, key, unseal};
use crate::journal::StoredEntry;
use crate::journal::history::History;

impl Index {
    /// Packed entries about `subject` before `before`, newest first. Blocks.
    ///
    /// # Errors
    /// When the index or a pack is damaged.
    pub fn by_subject(
        &self,
        history: &History,
        subject: &str,
        before: u64,
        limit: usize,
    ) -> io::Result<Vec<Arc<StoredEntry>>> {
        let seqs = self.lookup(BY_SUBJECT, hash(subject), before, limit * 2)?;
        let mut out = Vec::new();
        for seq in seqs {
            if let Some(found) = history.get(seq).filter(|s| s.entry.event.is_about(subject)) {
                out.push(found);
            }
            if out.len() == limit {
                break;
            }
        }
        Ok(out)
    }

    /// Entries about any of `subjects` before `before`, newest first, whether packed or not:
    /// entries that are not indexed yet are read from the tail. Blocks.
    ///
    /// # Errors
    /// When the index or a pack is damaged.
    pub fn about(
        &self,
        history: &History,
        subjects: &[String],
        before: u64,
        limit: usize,
    ) -> io::Result<Vec<Arc<StoredEntry>>> {
        let through = *self.through.borrow();
        let mut out = Vec::new();
        let mut at = before;
        while out.len() < limit && at > through.saturating_add(1) {
            let page = history.before(at, 500);
            let Some(last) = page.last() else { break };
            at = last.entry.seq;
            out.extend(page.into_iter().filter(|e| {
                e.entry.seq > through && subjects.iter().any(|s| e.entry.event.is_about(s))
            }));
        }
        for subject in subjects {
            // The entries of the tail are given also when the index cannot be read.
            match self.by_subject(
                history,
                subject,
                before.min(through.saturating_add(1)),
                limit,
            ) {
                Ok(found) => out.extend(found),
                Err(cause) if out.is_empty() => return Err(cause),
                Err(cause) => tracing::warn!(%cause, "index query failed"),
            }
        }
        out.sort_by_key(|e| std::cmp::Reverse(e.entry.seq));
        out.dedup_by_key(|e| e.entry.seq);
        out.truncate(limit);
        Ok(out)
    }

    /// Packed entries caused by the entry `cause`, newest first. Blocks.
    ///
    /// # Errors
    /// When the index or a pack is damaged.
    pub fn by_cause(
        &self,
        history: &History,
        cause: u64,
        limit: usize,
    ) -> io::Result<Vec<Arc<StoredEntry>>> {
        let seqs = self.lookup(BY_CAUSE, cause, u64::MAX, limit)?;
        Ok(seqs
            .into_iter()
            .filter_map(|s| history.get(s))
            .filter(|e| e.entry.cause == Some(cause))
            .take(limit)
            .collect())
    }

    pub(super) fn lookup(
        &self,
        table: TableDefinition<'_, &[u8], &[u8]>,
        name: u64,
        before: u64,
        limit: usize,
    ) -> io::Result<Vec<u64>> {
        // redb may panic on a page that was corrupted after it was opened.
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.rows(table, name, before, limit)
        }));
        let found = found.unwrap_or_else(|_| Err(io::Error::other("the index is damaged")));
        if found.is_err() {
            self.is_corrupt.store(true, Ordering::Relaxed);
        }
        found
    }

    fn rows(
        &self,
        table: TableDefinition<'_, &[u8], &[u8]>,
        name: u64,
        before: u64,
        limit: usize,
    ) -> io::Result<Vec<u64>> {
        let guard = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = guard.as_ref() else {
            return Ok(Vec::new());
        };
        let read = db.begin_read().map_err(io_error)?;
        let table = read.open_table(table).map_err(io_error)?;
        let (from, to) = (key(name, 0), key(name, before));
        let mut out = Vec::new();
        for row in table
            .range(from.as_slice()..to.as_slice())
            .map_err(io_error)?
            .rev()
        {
            let (k, v) = row.map_err(io_error)?;
            let Some(first) = block_of(k.value()) else {
                continue;
            };
            out.extend(
                unseal(v.value())?
                    .iter()
                    .rev()
                    .map(|o| first + u64::from(*o))
                    .filter(|s| *s < before),
            );
            if out.len() >= limit {
                break;
            }
        }
        Ok(out)
    }
}
