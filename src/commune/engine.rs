//! The commune's half of the protocol: pure decisions about one message, given what is applied.
//!
//! Invariants: skip what is applied, append what continues, refuse a hole by answering with the old
//! number; a batch that cannot be read is quarantined and still counts, so that nothing ever blocks
//! a village. A mark never moves further than a batch or a gap may reach: what a village promises
//! is not believed.

use crate::protocol::commune::{Batch, MAX_BATCH_RECORDS, MAX_GAP_RECORDS, MAX_NUMBER, unpack};

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Store these records (number and bytes); then everything up to `applied` is in.
    Append {
        /// Records.
        records: Vec<(u64, Vec<u8>)>,
        /// New high-water mark.
        applied: u64,
    },
    /// Nothing new, or (with `hole`) records are missing before it: answer with the old number.
    Ignore {
        /// The batch begins behind a hole.
        hole: bool,
    },
    /// It cannot be read: keep it aside, count it.
    Quarantine {
        /// Why.
        why: String,
        /// New high-water mark.
        applied: u64,
    },
}

/// Judges a batch for a stream that is applied up to `applied`.
#[must_use]
pub fn judge_batch(batch: &Batch, applied: u64) -> Disposition {
    let last = match batch
        .first
        .checked_add(batch.count)
        .and_then(|n| n.checked_sub(1))
    {
        Some(last)
            if batch.first > 0
                && batch.count > 0
                && batch.count <= MAX_BATCH_RECORDS as u64
                && last <= MAX_NUMBER =>
        {
            last
        }
        _ => return Disposition::Ignore { hole: false },
    };
    if last <= applied || batch.first > applied.saturating_add(1) {
        return Disposition::Ignore {
            hole: last > applied,
        };
    }
    match unpack(batch) {
        Err(why) => Disposition::Quarantine { why, applied: last },
        Ok(records) => {
            let records = records
                .into_iter()
                .zip(batch.first..)
                .map(|(bytes, n)| (n, bytes))
                .filter(|(n, _)| *n > applied)
                .collect();
            Disposition::Append {
                records,
                applied: last,
            }
        }
    }
}

/// Judges a gap for a stream that is applied up to `applied`; gives the new mark when it continues.
#[must_use]
pub const fn judge_gap(from: u64, to: u64, applied: u64) -> Option<u64> {
    if from <= applied.saturating_add(1)
        && to > applied
        && from > 0
        && to - from <= MAX_GAP_RECORDS
        && to <= MAX_NUMBER
    {
        Some(to)
    } else {
        None
    }
}
