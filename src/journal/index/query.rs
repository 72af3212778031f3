//! Pages of history: entries of some days, about some thing, of some actor.
//!
//! Invariants: a page reads at most [`MAX_READ`] entries however long history is, and says where to
//! go on; packed entries are found by the index, and only those that are not indexed yet are looked
//! through one by one. A page of everything needs no index.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use redb::ReadableDatabase as _;

use super::{BY_DAY, BY_SUBJECT, Index, day_key, hash, io_error, span_of, unseal};
use crate::domain::event::Entry;
use crate::journal::StoredEntry;
use crate::journal::history::History;
use crate::time::WallMs;

/// Most entries that are read for one page.
const MAX_READ: usize = 5_000;
/// Entries that are read at once.
const CHUNK: usize = 200;
/// Results of one entry that are looked up.
const MAX_EFFECTS: usize = 1_000;

/// The name of an actor in the index; no thing has such an id.
pub(super) fn actor_term(key: &str) -> String {
    format!("by {key}")
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryQuery {
    /// About any of these things; empty = about anything.
    pub about: Vec<String>,
    /// Caused by this actor ([`crate::domain::actor::Actor::key`]); none = by anybody.
    pub by: Option<String>,
    /// Not before this moment, wall ms.
    pub from_ms: Option<WallMs>,
    /// Before this moment, wall ms.
    pub to_ms: Option<WallMs>,
}

impl EntryQuery {
    /// Whether an entry is asked for.
    #[must_use]
    pub fn takes(&self, entry: &Entry) -> bool {
        self.from_ms.is_none_or(|from| entry.wall_ms >= from)
            && self.to_ms.is_none_or(|to| entry.wall_ms < to)
            && (self.by.is_none() || entry.actor.key() == self.by)
            && (self.about.is_empty() || self.about.iter().any(|id| entry.event.is_about(id)))
    }

    /// Names in the index of which an entry has one; empty = every entry may be asked for.
    fn terms(&self) -> Vec<String> {
        if self.about.is_empty() {
            self.by.iter().map(|key| actor_term(key)).collect()
        } else {
            self.about.clone()
        }
    }
}

/// A page of entries.
#[derive(Debug, Clone, Default)]
pub struct Selected {
    /// The entries, newest first.
    pub entries: Vec<Arc<StoredEntry>>,
    /// The next page is before this entry; none = there is nothing more.
    pub next: Option<u64>,
}

/// A page that is being read.
struct PageScan<'a> {
    query: &'a EntryQuery,
    limit: usize,
    read: usize,
    out: Vec<Arc<StoredEntry>>,
}

impl PageScan<'_> {
    fn is_full(&self) -> bool {
        self.out.len() >= self.limit || self.read >= MAX_READ
    }

    fn take(&mut self, page: Vec<Arc<StoredEntry>>, is_here: impl Fn(&Entry) -> bool) {
        self.read += page.len();
        self.out.extend(
            page.into_iter()
                .filter(|e| is_here(&e.entry) && self.query.takes(&e.entry)),
        );
    }

    /// The page, when everything from `at` on was looked at; `is_end`: there is nothing below.
    fn finish(mut self, at: u64, is_end: bool) -> Selected {
        let is_cut = self.out.len() > self.limit;
        self.out.truncate(self.limit);
        let next = if is_cut {
            self.out.last().map(|e| e.entry.seq)
        } else {
            (!is_end && at > 1).then_some(at)
        };
        Selected {
            entries: self.out,
            next,
        }
    }
}

impl Index {
    /// A page of the entries before `before` that are asked for, at most `limit`. Blocks.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn select(
        &self,
        history: &History,
        query: &EntryQuery,
        before: u64,
        limit: usize,
    ) -> io::Result<Selected> {
        let through = *self.through.borrow();
        let mut page = PageScan {
            query,
            limit,
            read: 0,
            out: Vec::new(),
        };
        let mut at = before;
        // The newest entries, which are not indexed yet. Their last page may reach below, into
        // those that are.
        let indexed_end = through.saturating_add(1);
        while at > indexed_end {
            if page.is_full() {
                return Ok(page.finish(at, false));
            }
            let found = history.before(at, CHUNK);
            let Some(last) = found.last() else {
                return Ok(page.finish(at, true));
            };
            at = last.entry.seq.max(indexed_end);
            page.take(found, |e| e.seq > through);
        }
        // The indexed entries: those of the days that are asked for stand between two numbers.
        let Some((low, high)) = self.span(query)? else {
            return Ok(page.finish(at, true));
        };
        at = at.min(high.saturating_add(1));
        let terms = query.terms();
        while at > low {
            if page.is_full() {
                return Ok(page.finish(at, false));
            }
            let (found, reached) = if terms.is_empty() {
                let found = history.before(at, CHUNK);
                let reached = found.last().map(|e| e.entry.seq);
                (found, reached)
            } else {
                self.named(history, &terms, at)?
            };
            let Some(reached) = reached else {
                return Ok(page.finish(at, true));
            };
            at = reached;
            page.take(found, |e| e.seq >= low);
        }
        Ok(page.finish(at, true))
    }

    /// Packed entries before `before` under any of these names, newest first, and the number down
    /// to which they are all; none = there is nothing more.
    fn named(
        &self,
        history: &History,
        terms: &[String],
        before: u64,
    ) -> io::Result<(Vec<Arc<StoredEntry>>, Option<u64>)> {
        let mut seqs = BTreeSet::new();
        for term in terms {
            seqs.extend(self.lookup(BY_SUBJECT, hash(term), before, CHUNK)?);
        }
        let newest: Vec<u64> = seqs.into_iter().rev().take(CHUNK).collect();
        let reached = newest.last().copied();
        Ok((
            newest.into_iter().filter_map(|s| history.get(s)).collect(),
            reached,
        ))
    }

    /// The first and the last indexed entry of the days that are asked for; none = there is no such
    /// entry.
    fn span(&self, query: &EntryQuery) -> io::Result<Option<(u64, u64)>> {
        if query.from_ms.is_none() && query.to_ms.is_none() {
            return Ok(Some((0, u64::MAX)));
        }
        // redb may panic on a page that was corrupted after it was opened.
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.days(query)))
            .unwrap_or_else(|_| Err(io::Error::other("the index is damaged")));
        if found.is_err() {
            self.is_corrupt.store(true, Ordering::Relaxed);
        }
        found
    }

    fn days(&self, query: &EntryQuery) -> io::Result<Option<(u64, u64)>> {
        let guard = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = guard.as_ref() else {
            return Ok(Some((0, u64::MAX)));
        };
        let from = query.from_ms.map_or(0, day_key);
        let to = query.to_ms.map_or(u64::MAX, |to| day_key(to - 1));
        let read = db.begin_read().map_err(io_error)?;
        let days = read.open_table(BY_DAY).map_err(io_error)?;
        let mut span: Option<(u64, u64)> = None;
        for row in days.range(from..=to).map_err(io_error)? {
            let (_, value) = row.map_err(io_error)?;
            let (first, last) = span_of(unseal(value.value())?)?;
            span = Some(span.map_or((first, last), |(low, high)| {
                (low.min(first), high.max(last))
            }));
        }
        Ok(span)
    }

    /// Entries that any of `causes` led to, oldest first. Blocks.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn effects(
        &self,
        history: &History,
        causes: &BTreeSet<u64>,
    ) -> io::Result<Vec<Arc<StoredEntry>>> {
        let Some(first) = causes.first() else {
            return Ok(Vec::new());
        };
        let through = *self.through.borrow();
        let mut out = Vec::new();
        for cause in causes.iter().filter(|cause| **cause <= through) {
            let mut found = self.by_cause(history, *cause, MAX_EFFECTS)?;
            found.retain(|e| e.entry.seq <= through);
            out.extend(found);
        }
        let (mut at, mut read) = (through.max(*first), 0);
        while read < MAX_READ {
            let page = history.after(at, CHUNK);
            let Some(last) = page.last() else { break };
            at = last.entry.seq;
            read += page.len();
            out.extend(
                page.into_iter()
                    .filter(|e| e.entry.cause.is_some_and(|cause| causes.contains(&cause))),
            );
        }
        out.sort_by_key(|e| e.entry.seq);
        Ok(out)
    }
}
