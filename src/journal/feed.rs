//! A feed: every entry, in order, from a persisted cursor. At least once.
//!
//! A feed whose cursor lies before the oldest entry gets [`Batch::Gap`] and goes on behind it:
//! history never waits for a feed that nobody runs.

use std::sync::Arc;

use super::codec::Cursor;
use super::{Closed, Journal, Stored};

/// Reads in order and remembers how far it came.
#[derive(Debug)]
pub struct Feed {
    journal: Journal,
    name: String,
    read: u64,
}

/// What a feed got.
#[derive(Debug)]
pub enum Batch {
    /// Entries, oldest first; never empty.
    Entries(Vec<Arc<Stored>>),
    /// Entries `from` to `to` are no longer there.
    Gap {
        /// First missing.
        from: u64,
        /// Last missing.
        to: u64,
    },
}

impl Feed {
    pub(super) fn new(journal: Journal, name: &str, at: u64) -> Self {
        Self {
            journal,
            name: name.to_owned(),
            read: at,
        }
    }

    /// The last entry that was handed out.
    #[must_use]
    pub const fn read_to(&self) -> u64 {
        self.read
    }

    /// Waits for the next entries, at most `limit`. Cancel-safe: what was not handed out comes
    /// again.
    ///
    /// # Errors
    /// [`Closed`] when the journal ended.
    pub async fn next(&mut self, limit: usize) -> Result<Batch, Closed> {
        let mut watch = self.journal.watch();
        loop {
            watch.borrow_and_update();
            let (first, _) = self.journal.history().span();
            if first > self.read.saturating_add(1) {
                let gap = Batch::Gap {
                    from: self.read + 1,
                    to: first - 1,
                };
                self.read = first - 1;
                return Ok(gap);
            }
            let mut found = self.journal.after(self.read, limit).await;
            if let Some(begin) = found
                .first()
                .map(|e| e.entry.seq)
                .filter(|s| *s > self.read + 1)
            {
                // History has a hole here: it is told, and the rest comes next.
                let gap = Batch::Gap {
                    from: self.read + 1,
                    to: begin - 1,
                };
                self.read = begin - 1;
                return Ok(gap);
            }
            let whole = found
                .windows(2)
                .take_while(|w| w[1].entry.seq == w[0].entry.seq + 1)
                .count()
                + 1;
            found.truncate(whole);
            if let Some(last) = found.last() {
                self.read = last.entry.seq;
                return Ok(Batch::Entries(found));
            }
            watch.changed().await.map_err(|_| Closed)?;
        }
    }

    /// Remembers that everything up to `seq` is done; durable with the next group.
    ///
    /// # Errors
    /// [`Closed`] when the journal ended.
    pub async fn done(&self, seq: u64) -> Result<(), Closed> {
        self.journal
            .move_cursor(Cursor {
                feed: self.name.clone(),
                seq,
            })
            .await
    }
}
