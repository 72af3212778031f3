//! The commune's half of the protocol: pure decisions about one message, given how far its stream
//! is applied.
//!
//! Invariants: records that are applied already are skipped, records that continue the stream are
//! appended, and a batch behind a hole is refused by answering with the old number. A batch that
//! cannot be read is quarantined and still counts, so that nothing ever blocks a village. A
//! watermark never moves further than one batch or one gap may reach, whatever the village claims.

use crate::protocol::commune::{Batch, MAX_BATCH_RECORDS, MAX_GAP_RECORDS, MAX_NUMBER, unpack};

/// The verdict on a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Store these records; the stream is then applied up to `applied`.
    Append {
        /// Number and bytes of each.
        records: Vec<(u64, Vec<u8>)>,
        /// New watermark.
        applied: u64,
    },
    /// Nothing is new, or (with `hole`) records before the batch are missing: answer with the old
    /// number.
    Ignore {
        /// The batch begins behind a hole.
        hole: bool,
    },
    /// The batch cannot be read: quarantine it and count its records as applied.
    Quarantine {
        /// Why it cannot be read.
        why: String,
        /// New watermark.
        applied: u64,
    },
}

/// Judges a batch of a stream that is applied up to `applied`.
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

/// Judges a gap in a stream that is applied up to `applied`; gives the new watermark when the gap
/// continues the stream.
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
