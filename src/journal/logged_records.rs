//! The records of the log, decoded and in order. Deliberately absent: any decision about which of
//! them are ours.

use std::collections::BTreeMap;
use std::num::NonZero;

use super::chain::Heads;
use super::codec::{self, CodecError, JournalRecord};
use crate::domain::event::{Entry, Event};
use crate::domain::id::VillageId;
use crate::domain::{history, village};
use crate::log::frame::{Epoch, Group};
use crate::log::recover::Floor;

/// Fewer records than this are not worth a thread.
const MIN_PART_RECORDS: usize = 1_000;

/// One record of the log.
pub(super) struct LoggedRecord {
    /// The segment that holds it.
    pub(super) segment: u64,
    /// The boot that wrote it.
    pub(super) epoch: Epoch,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Its meaning.
    pub(super) record: JournalRecord,
    /// The chain's heads after its group, on the last entry of the group.
    pub(super) stamp: Option<Heads>,
}

impl LoggedRecord {
    /// The entry, when it is one.
    pub(super) fn entry(&self) -> Option<&Entry> {
        if let JournalRecord::Entry(entry) = &self.record {
            Some(entry)
        } else {
            None
        }
    }

    /// The village that this entry declares, if it does.
    pub(super) fn declares(&self) -> Option<&VillageId> {
        match &self.entry()?.event {
            Event::Village(village::Event::Declared { village }) => Some(&village.id),
            _ => None,
        }
    }

    /// The epoch before, when this is a boot's first entry and names it.
    pub(super) fn previous(&self) -> Option<Epoch> {
        let Event::History(history::Event::Booted { previous, .. }) = &self.entry()?.event else {
            return None;
        };
        codec::epoch_from(previous)
    }
}

/// The log as records, and the places of its groups.
#[derive(Default)]
pub(super) struct ReplayLog {
    /// Records in the order of their groups.
    pub(super) records: Vec<LoggedRecord>,
    /// Segment, epoch and number of each group.
    groups: Vec<(u64, Epoch, u64)>,
    /// Segments of records in whole frames that this program could not read.
    unreadable: Vec<u64>,
}

/// The records of groups, one after the other. Decoding is most of the work of a start, so every
/// processor does a part of it.
fn decode_all(groups: &[Group]) -> Vec<Result<JournalRecord, CodecError>> {
    fn decode(part: &[Group]) -> Vec<Result<JournalRecord, CodecError>> {
        let records = part.iter().flat_map(|group| &group.records);
        records.map(|bytes| codec::decode(bytes)).collect()
    }
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let records: usize = groups.iter().map(|group| group.records.len()).sum();
    let size = records.div_ceil(threads).max(MIN_PART_RECORDS);
    std::thread::scope(|scope| {
        let mut parts = Vec::new();
        let mut rest = groups;
        while !rest.is_empty() {
            let mut count = 0;
            let enough = rest.iter().position(|group| {
                count += group.records.len();
                count >= size
            });
            let (part, after) = rest.split_at(enough.map_or(rest.len(), |last| last + 1));
            let thread = std::thread::Builder::new().name("decode".to_owned());
            parts.push((part, thread.spawn_scoped(scope, move || decode(part))));
            rest = after;
        }
        let mut out = Vec::new();
        for (part, thread) in parts {
            // A machine that has no thread left does it here.
            let done = thread.ok().and_then(|thread| thread.join().ok());
            out.extend(done.unwrap_or_else(|| decode(part)));
        }
        out
    })
}

impl ReplayLog {
    /// Reads groups.
    ///
    /// # Errors
    /// The version, when a record was written by a newer program.
    pub(super) fn parse(groups: Vec<Group>) -> Result<Self, u32> {
        let mut out = Self::default();
        let mut decoded = decode_all(&groups).into_iter();
        for group in groups {
            let before = out.records.len();
            out.groups.push((group.segment, group.epoch, group.number));
            for (bytes, record) in group.records.into_iter().zip(&mut decoded) {
                match record {
                    Ok(record) => out.records.push(LoggedRecord {
                        segment: group.segment,
                        epoch: group.epoch,
                        bytes,
                        record,
                        stamp: None,
                    }),
                    Err(CodecError::Newer(version)) => return Err(version),
                    Err(CodecError::Shape(_)) => out.unreadable.push(group.segment),
                }
            }
            if group.stamp != [0; 128]
                && let Some(last) = out.records[before..]
                    .iter_mut()
                    .rev()
                    .find(|l| l.entry().is_some())
            {
                last.stamp = Some(Heads::from_stamp(&group.stamp));
            }
        }
        Ok(out)
    }

    /// The entries by their number; of two with the same number, the first in the log.
    pub(super) fn entries(&self) -> BTreeMap<u64, &LoggedRecord> {
        let mut out = BTreeMap::new();
        for line in &self.records {
            if let Some(entry) = line.entry() {
                out.entry(entry.seq).or_insert(line);
            }
        }
        out
    }

    /// How many groups or records from `floor` on are missing, unreadable or out of order, as far
    /// as the numbers of the groups show.
    pub(super) fn count_missing(&self, floor: &Floor) -> usize {
        let mut expected = (floor.segment > 0).then_some((floor.epoch, floor.group));
        let mut lacks = self
            .unreadable
            .iter()
            .filter(|s| **s >= floor.segment)
            .count();
        for (_, epoch, number) in self.groups.iter().filter(|p| p.0 >= floor.segment) {
            let follows = match expected {
                Some((of, n)) if of == *epoch => n == *number,
                None => true,
                Some(_) => *number == 0,
            };
            lacks += usize::from(!follows);
            expected = Some((*epoch, number + 1));
        }
        lacks
    }

    /// Removes the records and groups of epochs that `ours` does not accept; gives the segments
    /// that held them.
    pub(super) fn retain_epochs(&mut self, ours: impl Fn(&Epoch) -> bool) -> Vec<u64> {
        let mut gone: Vec<u64> = self
            .groups
            .iter()
            .filter(|p| !ours(&p.1))
            .map(|p| p.0)
            .collect();
        gone.dedup();
        self.records.retain(|l| ours(&l.epoch));
        self.groups.retain(|p| ours(&p.1));
        gone
    }

    /// The last entry in a segment; 0 = it has none.
    pub(super) fn last_entry_in(&self, segment: u64) -> u64 {
        self.records
            .iter()
            .filter(|l| l.segment == segment)
            .filter_map(|l| l.entry().map(|e| e.seq))
            .max()
            .unwrap_or(0)
    }

    /// The first segment with an entry whose number `wanted` accepts.
    pub(super) fn first_segment_where(&self, wanted: impl Fn(u64) -> bool) -> Option<u64> {
        self.records
            .iter()
            .filter(|l| l.entry().is_some_and(|e| wanted(e.seq)))
            .map(|l| l.segment)
            .min()
    }

    /// The last entry that must have existed, because a cursor or an outcome names it.
    pub(super) fn proven(&self) -> u64 {
        let of = |line: &LoggedRecord| match &line.record {
            JournalRecord::Entry(_) => 0,
            JournalRecord::Cursor(cursor) => cursor.seq,
            JournalRecord::Outcome(outcome) => outcome.result.as_ref().map_or(0, |r| r.1),
        };
        self.records.iter().map(of).max().unwrap_or(0)
    }
}
