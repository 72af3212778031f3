//! The report of a start: the damage that was found, as counts and as reasons of a health part.
//!
//! Deliberately absent: damage that is found later, while the gateway runs. It is in
//! [`super::history::History::unreadable`].

use crate::log::frame::Epoch;
use crate::supervisor::health_reason::HealthReason;

/// The damage that a start found, for `doctor`, health and `HistoryDamaged`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Damage: epoch, last good entry, last entry known to have existed.
    pub damage: Vec<(Epoch, u64, u64)>,
    /// Snapshots that were damaged.
    pub snapshots_damaged: usize,
    /// True = the village was folded from its entries: there are packs and no usable snapshot, or
    /// only a snapshot from long before them (a kill leaves at most one pack without a snapshot).
    pub is_folded: bool,
    /// Packs that were damaged (renamed aside).
    pub packs_damaged: usize,
    /// Packs that were missing and of which at least a part is in the log and is packed again.
    pub packs_rebuilt: usize,
    /// Snapshots, packs and segments of the log that are of another village or of a twin (renamed
    /// or copied aside).
    pub foreign: usize,
    /// Segments of the log that somebody truncated.
    pub segments_truncated: usize,
    /// Files of the log that somebody removed.
    pub segments_missing: usize,
    /// Files in the log's folder whose numbers the log never gave.
    pub segments_stray: usize,
    /// Records in whole frames that this program could not read, and groups of the log that are
    /// missing.
    pub records_unreadable: usize,
}

impl Report {
    /// True when nothing was wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// True when data that was stored is lost: shown on the first page.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        !self.damage.is_empty()
            || self.packs_damaged
                + self.foreign
                + self.segments_truncated
                + self.segments_missing
                + self.records_unreadable
                > 0
    }

    /// The damage as reasons of the health part; none = there is none.
    #[must_use]
    pub fn health_reason(&self) -> Option<HealthReason> {
        let n = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let mut out: Vec<HealthReason> = self
            .damage
            .iter()
            .map(|(_, from, to)| {
                if from == to {
                    HealthReason::EntryChanged { entry: *to }
                } else {
                    HealthReason::EntriesMissing {
                        from: from + 1,
                        to: (*to).max(*from),
                    }
                }
            })
            .collect();
        let counted: [(usize, fn(u64) -> HealthReason); 8] = [
            (self.packs_damaged, |n| HealthReason::PacksDamaged { n }),
            (self.packs_rebuilt, |n| HealthReason::PacksRebuilt { n }),
            (self.foreign, |n| HealthReason::FilesForeign { n }),
            (self.segments_truncated, |n| {
                HealthReason::SegmentsTruncated { n }
            }),
            (self.segments_missing, |n| HealthReason::SegmentsMissing {
                n,
            }),
            (self.segments_stray, |n| HealthReason::SegmentsStray { n }),
            (self.records_unreadable, |n| {
                HealthReason::RecordsUnreadable { n }
            }),
            (self.snapshots_damaged, |n| HealthReason::SnapshotsDamaged {
                n,
            }),
        ];
        out.extend(
            counted
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, reason)| reason(n(count))),
        );
        if self.is_folded {
            out.push(HealthReason::StateFolded);
        }
        HealthReason::of_all(out)
    }
}
