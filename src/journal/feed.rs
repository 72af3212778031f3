//! A feed reads every entry, in order and at least once, from a stored cursor.
//!
//! A feed whose cursor is below the oldest entry gets [`FeedItem::Gap`] and goes on behind it:
//! trimming never waits for a feed that nobody runs.

use std::sync::Arc;

use super::codec::Cursor;
use super::{Closed, Journal, StoredEntry};

/// One reader of history and its position.
#[derive(Debug)]
pub struct Feed {
    journal: Journal,
    name: String,
    position: u64,
}

/// The next item of a feed.
#[derive(Debug)]
pub enum FeedItem {
    /// Entries, oldest first; never empty.
    Entries(Vec<Arc<StoredEntry>>),
    /// Entries `from` to `to` cannot be read any more.
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

    /// Waits for the next entries, at most `limit`. Cancel-safe: entries that were not handed out
    /// come with the next call.
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
                // Entries are missing here: the gap is given first, the entries behind it with the
                // next call.
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

    /// Moves the cursor: everything up to `seq` is done. Durable with the next group.
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
