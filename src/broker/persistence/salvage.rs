//! Reads the files of a persistence log, whatever happened to them: the records of each group that
//! are intact, the groups that are missing in their order, and the groups of another log.
//!
//! Invariants:
//!
//! - A record is used when its own checksum is right, whatever happened around it.
//! - A group that must have existed (a later group names it as the one before) and of which nothing
//!   is found is counted, never skipped silently.
//! - The group that a power cut tore off at the end is used as far as it is intact, and it is no
//!   loss: nobody was answered for it.
//! - Files that were set aside (`damaged-…`) are read too: until the next snapshot they may be the
//!   only place of the records that were saved from them.

use std::collections::{BTreeMap, BTreeSet};

use super::checksum_table::{ChecksumTable, LogId};
use crate::log::frame::{self, BLOCK_BYTES};

/// One group, as far as it was found.
#[derive(Debug, Default)]
struct SalvagedGroup {
    previous: u64,
    first_needed: u64,
    records: Vec<Option<Vec<u8>>>,
}

impl SalvagedGroup {
    fn is_complete(&self) -> bool {
        self.records.iter().all(Option::is_some)
    }
}

/// The contents of all files.
#[derive(Debug, Default)]
pub struct SalvagedFiles {
    groups: BTreeMap<(LogId, u64), SalvagedGroup>,
    /// The files in use in which a part of a group was found, and whether the group is intact
    /// there.
    locations: BTreeMap<(LogId, u64), Vec<(u32, bool)>>,
    /// The log segment of each group that is intact in some file.
    segments: BTreeMap<(LogId, u64), u64>,
    /// A frame of a newer version was found in a file in use.
    pub newer_version: Option<u16>,
}

/// The groups of one log that still count, put together in their order.
#[derive(Debug, Default)]
pub struct AssembledLog {
    /// Records in their order; `None` stands for one that existed and cannot be read.
    pub records: Vec<Option<Vec<u8>>>,
    /// The last group that was written completely; 0 when there is none.
    pub last_complete: u64,
    /// The highest number seen, so that no number is given out twice.
    pub highest_seen: u64,
    /// The first group that counts.
    pub first_needed: u64,
    /// How many groups are missing entirely.
    pub missing_groups: u64,
    /// How many single records of the other groups cannot be read.
    pub lost_records: u64,
    /// The end is missing: the watermark knows of later groups.
    pub is_truncated: bool,
    /// The last write was torn off.
    pub is_torn: bool,
    /// Files in use that hold a damaged group.
    pub damaged_slots: BTreeSet<u32>,
    /// The segment of the first group that counts, if known.
    pub first_segment: Option<u64>,
}

impl SalvagedFiles {
    /// Adds the contents of one file; `slot` is `None` for a file that was set aside.
    pub fn add(&mut self, slot: Option<u32>, content: &[u8]) {
        let (mut at, mut unread_from) = (0, 0);
        while at < content.len() {
            match frame::decode(&content[at..]) {
                frame::BlockScan::Group(group, len) => {
                    self.salvage(slot, &content[unread_from..at]);
                    at += len;
                    unread_from = at;
                    // Older versions wrote groups without a table; `PersistenceFiles::open` reads
                    // those from the log.
                    let Some(table) = group.records.first().and_then(|r| ChecksumTable::read(r))
                    else {
                        continue;
                    };
                    let records = group.records[1..]
                        .iter()
                        .take(table.rows.len())
                        .map(|r| Some(r.clone()))
                        .collect();
                    self.segments.insert(
                        (table.position.log_id, table.position.number),
                        group.segment,
                    );
                    self.merge(slot, &table, records, true);
                    continue;
                }
                frame::BlockScan::Newer(version) if slot.is_some() => {
                    self.newer_version = Some(version);
                }
                _ => {}
            }
            at += BLOCK_BYTES;
        }
        self.salvage(slot, content.get(unread_from..).unwrap_or_default());
    }

    fn salvage(&mut self, slot: Option<u32>, dark: &[u8]) {
        for (at, table) in ChecksumTable::find_all(dark) {
            let records = table.records(dark, at);
            self.merge(slot, &table, records, false);
        }
    }

    fn merge(
        &mut self,
        slot: Option<u32>,
        table: &ChecksumTable,
        records: Vec<Option<Vec<u8>>>,
        is_intact: bool,
    ) {
        let key = (table.position.log_id, table.position.number);
        if let Some(slot) = slot {
            self.locations
                .entry(key)
                .or_default()
                .push((slot, is_intact));
        }
        let part = self.groups.entry(key).or_default();
        (part.previous, part.first_needed) = (table.position.previous, table.position.first_needed);
        part.records.resize(table.rows.len(), None);
        for (known, found) in part.records.iter_mut().zip(records) {
            if known.is_none() {
                *known = found;
            }
        }
    }

    /// The log to which most groups belong. Groups in files in use count first, because files that
    /// were set aside may be another village's.
    pub fn dominant_log(&self) -> Option<LogId> {
        let mut count: BTreeMap<LogId, (usize, usize)> = BTreeMap::new();
        for key in self.groups.keys() {
            let (in_use, all) = count.entry(key.0).or_default();
            *in_use += usize::from(self.locations.contains_key(key));
            *all += 1;
        }
        count.into_iter().max_by_key(|(_, n)| *n).map(|(id, _)| id)
    }

    /// Files in use that hold groups of other logs.
    pub fn foreign_slots(&self, log_id: &LogId) -> BTreeSet<u32> {
        self.locations
            .iter()
            .filter(|((id, _), _)| id != log_id)
            .flat_map(|(_, places)| places.iter().map(|(slot, _)| *slot))
            .collect()
    }

    /// Puts the groups of a log together; `reached` is the group up to which the watermark knows it
    /// to have come.
    pub fn assemble(&self, log_id: &LogId, reached: u64) -> AssembledLog {
        let mine: BTreeMap<u64, &SalvagedGroup> = self
            .groups
            .range((*log_id, 0)..=(*log_id, u64::MAX))
            .map(|((_, n), part)| (*n, part))
            .collect();
        let mut row = AssembledLog {
            highest_seen: mine.keys().next_back().copied().unwrap_or(0).max(reached),
            ..AssembledLog::default()
        };
        // A group behind the watermark that is not complete was being written when the power went.
        let Some((&last, end)) = mine
            .iter()
            .rev()
            .find(|(n, part)| **n <= reached || part.is_complete())
        else {
            (row.is_truncated, row.is_torn) = (reached > 0, !mine.is_empty());
            row.records = mine
                .values()
                .flat_map(|part| part.records.iter().flatten().cloned().map(Some))
                .collect();
            return row;
        };
        (row.last_complete, row.first_needed, row.is_truncated) =
            (last, end.first_needed.min(last), last < reached);
        let (mut used, mut next) = (vec![(last, true)], end.previous);
        let first = row.first_needed.max(1);
        while next >= first {
            if let Some(part) = mine.get(&next) {
                used.push((next, true));
                next = part.previous.min(next - 1);
            } else {
                // Before the hole, any group that exists is better than none.
                let below = mine
                    .range(first..next)
                    .next_back()
                    .map_or(first - 1, |(n, _)| *n);
                row.missing_groups += next - below;
                used.push((next, false));
                next = below;
            }
        }
        for (number, is_there) in used.into_iter().rev() {
            match mine.get(&number) {
                Some(part) if is_there => {
                    row.records.extend(part.records.iter().cloned());
                    row.lost_records += part.records.iter().filter(|r| r.is_none()).count() as u64;
                    let places = self
                        .locations
                        .get(&(*log_id, number))
                        .map(Vec::as_slice)
                        .unwrap_or_default();
                    row.damaged_slots.extend(
                        places
                            .iter()
                            .filter(|(_, is_intact)| !is_intact)
                            .map(|(slot, _)| *slot),
                    );
                }
                // A missing group counts in `missing_groups`, not in `lost_records`. The `None`
                // keeps the pieces of a large record before and after the hole from being joined.
                _ => row.records.push(None),
            }
        }
        for (_, part) in mine.range(last + 1..) {
            row.is_torn = true;
            row.records
                .extend(part.records.iter().flatten().cloned().map(Some));
        }
        row.first_segment = self.segments.get(&(*log_id, row.first_needed)).copied();
        row
    }
}
