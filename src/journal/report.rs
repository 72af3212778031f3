//! The report of a start: the damage that was found, as counts and as a text for a technician.
//!
//! Deliberately absent: damage that is found later, while the gateway runs. It is in
//! [`super::history::History::unreadable`].

use crate::log::frame::Epoch;

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

    /// The damage in words for a technician; empty = none.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = Vec::new();
        for (_, from, to) in &self.damage {
            let last = (*to).max(*from);
            out.push(if from == to {
                format!("entry {last} is not what the chain says")
            } else {
                format!("entries {} to {last} are missing", from + 1)
            });
        }
        let mut count = |n: usize, what: &str| {
            if n > 0 {
                out.push(format!("{n} {what}"));
            }
        };
        count(
            self.packs_damaged,
            "packs of history are damaged and were set aside",
        );
        count(
            self.packs_rebuilt,
            "packs of history were gone or damaged; what of them stands in the log is written again",
        );
        count(
            self.foreign,
            "files are of another village or of a copy of this one, and were set aside",
        );
        count(
            self.segments_truncated,
            "segments of the log were cut short; what stood behind the cut is gone",
        );
        count(
            self.segments_missing,
            "files of the log were removed; what stood in them, if anything, is gone",
        );
        count(
            self.segments_stray,
            "files in the log's folder have numbers that this log never gave; they are read and left where they are, and may be moved away when “journal check” misses nothing without them",
        );
        count(
            self.records_unreadable,
            "groups or records of the log cannot be read",
        );
        count(
            self.snapshots_damaged,
            "snapshots were damaged and are made again",
        );
        count(
            usize::from(self.is_folded),
            "time the village was made from its entries, because its snapshots were gone or old",
        );
        out.join("; ")
    }
}
