//! A feed: every entry, in order, from a persisted cursor. At least once.
//!
//! A feed whose cursor lies before the oldest entry gets [`Batch::Gap`] and goes on behind it:
//! history never waits for a feed that nobody runs.

use std::sync::Arc;

use super::codec::Cursor;
use super::{Closed, Journal, StoredEntry};

/// Reads in order and remembers how far it came.
#[derive(Debug)]
pub struct Feed {
    journal: Journal,
    name: String,
    position: u64,
}

/// What a feed got.
#[derive(Debug)]
pub enum FeedItem {
    /// Entries, oldest first; never empty.
    Entries(Vec<Arc<StoredEntry>>),
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
            position: at,
        }
    }

    /// The last entry that was handed out.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Waits for the next entries, at most `limit`. Cancel-safe: what was not handed out comes
    /// again.
    ///
    /// # Errors
    /// [`Closed`] when the journal ended.
    pub async fn next(&mut self, limit: usize) -> Result<FeedItem, Closed> {
        let mut watch = self.journal.watch();
        loop {
            watch.borrow_and_update();
            let (first, _) = self.journal.history().span();
            if first > self.position.saturating_add(1) {
                let gap = FeedItem::Gap {
                    from: self.position + 1,
                    to: first - 1,
                };
                self.position = first - 1;
                return Ok(gap);
            }
            let mut found = self.journal.after(self.position, limit).await;
            if let Some(begin) = found
                .first()
                .map(|e| e.entry.seq)
                .filter(|s| *s > self.position + 1)
            {
                // History has a hole here: it is told, and the rest comes next.
                let gap = FeedItem::Gap {
                    from: self.position + 1,
                    to: begin - 1,
                };
                self.position = begin - 1;
                return Ok(gap);
            }
            let whole = found
                .windows(2)
                .take_while(|w| w[1].entry.seq == w[0].entry.seq + 1)
                .count()
                + 1;
            found.truncate(whole);
            if let Some(last) = found.last() {
                self.position = last.entry.seq;
                return Ok(FeedItem::Entries(found));
            }
            watch.changed().await.map_err(|_| Closed)?;
        }
    }

    /// Remembers that everything up to `seq` is done; durable with the next group.
    ///
    /// # Errors
    /// [`Closed`] when the journal ended.
    pub async fn acknowledge(&self, seq: u64) -> Result<(), Closed> {
        self.journal
            .move_cursor(Cursor {
                feed: self.name.clone(),
                seq,
            })
            .await
    }
}
