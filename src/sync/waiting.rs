//! How much waits for the commune: computed here and nowhere else, whether the link stands, fell,
//! or never stood.
//!
//! It is what exists and was not acknowledged: as the commune said it in the last connection of
//! this boot; before the first one, as the receipt says it that outlives boots (everything up to an
//! entry of the house).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::engine::{Engine, Offer};
use super::uplink::{LANES, RECEIPT, Uplink};
use crate::domain::event::Lane;
use crate::protocol::commune::Stream;

#[derive(Debug, Default)]
struct Inner {
    /// How far each stream is at the commune; none = it did not say yet.
    has: Option<BTreeMap<Stream, u64>>,
    /// Of the epoch that the receipt ends in: the receipt, and how much of the epoch is behind it.
    /// It is sealed.
    behind: Option<(u64, u64)>,
}

/// What the commune acknowledged; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Receipts(Arc<Mutex<Inner>>);

impl Receipts {
    /// The commune said how far it is.
    pub(super) fn heard(&self, engine: &Engine, offers: &[Offer]) {
        let has = offers
            .iter()
            .map(|(stream, ..)| (stream.clone(), engine.applied(stream)))
            .collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).has = Some(has);
    }

    fn behind(&self, receipt: u64) -> Option<u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .behind
            .filter(|(of, _)| *of == receipt)
            .map(|(_, n)| n)
    }
}

impl Uplink {
    /// Records that exist and that the commune did not acknowledge.
    pub(super) async fn waiting(&self) -> u64 {
        let offers = self.offers();
        if let Some(has) = &self
            .receipts
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .has
        {
            return offers
                .iter()
                .map(|(stream, _, last)| last.saturating_sub(has.get(stream).copied().unwrap_or(0)))
                .sum();
        }
        let receipt = self.journal.cursor(RECEIPT);
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

    /// Entries for the commune from behind `receipt` to `last`.
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
            .behind = Some((receipt, count));
        count
    }
}
