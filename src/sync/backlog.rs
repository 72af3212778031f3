//! The number of entries that wait for the commune: computed here and nowhere else, whether the
//! link is up, was lost or never came up.
//!
//! These are the entries that exist and are not acknowledged. The last connection of this boot gave
//! the acknowledgements per stream. Before the first connection of a boot, the receipt cursor
//! decides, which persists across boots: the commune has every entry up to its seq.

use std::sync::PoisonError;

pub use super::receipts::Receipts;
use super::uplink::{LANES, RECEIPT_CURSOR, Uplink};
use crate::domain::event::Lane;

impl Uplink {
    /// Number of records that exist and that the commune has not acknowledged.
    pub(super) async fn unacknowledged(&self) -> u64 {
        let offers = self.stream_ranges();
        if let Some(has) = &self
            .receipts
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .acknowledged
        {
            return offers
                .iter()
                .map(|(stream, _, last)| last.saturating_sub(has.get(stream).copied().unwrap_or(0)))
                .sum();
        }
        let receipt = self.journal.cursor(RECEIPT_CURSOR);
        let mut waiting = 0;
        for span in self
            .journal
            .history()
            .epochs()
            .iter()
            .filter(|s| s.last > receipt)
        {
            waiting += if span.first > receipt {
                LANES.map(|lane| span.lanes[lane.index()]).iter().sum()
            } else {
                self.behind(receipt, span.last).await
            };
        }
        waiting
    }

    /// Number of entries for the commune after `receipt`, up to and including `last`.
    async fn behind(&self, receipt: u64, last: u64) -> u64 {
        if let Some(known) = self.receipts.behind(receipt) {
            return known;
        }
        let (mut at, mut count) = (receipt, 0);
        while at < last {
            let found = self.journal.after(at, 500).await;
            let Some(newest) = found.last().map(|e| e.entry.seq) else {
                break;
            };
            count += found
                .iter()
                .filter(|e| e.entry.seq <= last && e.entry.lane != Lane::Local)
                .count() as u64;
            at = newest;
        }
        self.receipts
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sealed_remainder = Some((receipt, count));
        count
    }
}
