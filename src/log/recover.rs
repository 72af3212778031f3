//! Recovery: which groups stand, and whether what is missing is a torn tail or damage.
//!
//! Segments are recycled, so older valid frames lie beyond every tail; a frame counts only with the
//! segment number of its place in order. A missing group is a torn tail unless a later valid group
//! of the same epoch has a higher number; then it is damage, and replay ends before it.

use std::collections::BTreeMap;

use super::frame::{BLOCK_BYTES, BlockScan, Epoch, Group, decode};

/// Where the caller's own copy ends: groups before this are not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Floor {
    /// First segment that is needed; 0 = all.
    pub segment: u64,
    /// Epoch that was current when that segment was begun.
    pub epoch: Epoch,
    /// The number of the first group of that epoch in or after that segment.
    pub group: u64,
    /// The caller keeps no floor of its own: [`super::segments::Log::append_from`] writes into
    /// each group which segment is the first that is needed. Whatever group stands first there
    /// is the beginning; what stands before it is dead, and neither rot nor a torn write in it
    /// is damage.
    pub any_start: bool,
    /// The caller numbers its records itself and has a copy of most of them: every group that
    /// stands is given, in order, whatever is missing between, and what is damage is the
    /// caller's finding. Nothing is beyond anything.
    pub allow_gaps: bool,
}

/// The first segment that is needed as a group says it (little-endian at the beginning of its
/// stamp), 0 = all.
fn first_needed(group: &Group) -> u64 {
    let first = group
        .stamp
        .first_chunk()
        .map_or(0, |b| u64::from_le_bytes(*b));
    if first <= group.segment { first } else { 0 }
}

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogDamage {
    /// The epoch in which a group is missing.
    pub epoch: Epoch,
    /// The caller's last sequence number seen beyond the gap: what is known to have existed.
    pub last_seen_seq: u64,
}

/// What a scan of all slots gave.
#[derive(Debug, Default)]
pub struct Scan {
    /// Groups to replay, in order.
    pub groups: Vec<Group>,
    /// Slot of each needed segment.
    pub slots: BTreeMap<u64, u32>,
    /// Slots whose content is not needed.
    pub free: Vec<u32>,
    /// Places (slot and byte) of valid groups beyond damage: to be copied aside and struck out.
    pub orphaned: Vec<(u32, usize)>,
    /// Damage, if any.
    pub damage: Option<LogDamage>,
    /// Highest segment number seen anywhere.
    pub last_segment: u64,
    /// The first segment that is needed, as the groups say (`any_start`).
    pub first: u64,
    /// A frame of a newer version was met.
    pub newer: Option<u16>,
}

struct LocatedGroup {
    slot: u32,
    at: usize,
    end: usize,
    group: Group,
}

/// Finds the groups in `slots` (number and content) that stand from `floor` on.
#[must_use]
pub fn scan(slots: Vec<(u32, Vec<u8>)>, floor: &Floor) -> Scan {
    let mut out = Scan::default();
    let mut placed: Vec<LocatedGroup> = Vec::new();
    for (slot, content) in slots {
        let mut at = 0;
        let before = placed.len();
        while at < content.len() {
            match decode(&content[at..]) {
                BlockScan::Group(group, len) => {
                    out.last_segment = out.last_segment.max(group.segment);
                    if group.segment >= floor.segment {
                        placed.push(LocatedGroup {
                            slot,
                            at,
                            end: at + len,
                            group: *group,
                        });
                    }
                    at += len;
                }
                BlockScan::Newer(version) => {
                    out.newer = Some(version);
                    at += BLOCK_BYTES;
                }
                BlockScan::Nothing => at += BLOCK_BYTES,
            }
        }
        // A slot holds one segment: the newest number in it. What else is valid there is older.
        let newest = placed[before..].iter().map(|p| p.group.segment).max();
        match newest {
            Some(n) => {
                let mut kept = placed.split_off(before);
                kept.retain(|p| p.group.segment == n);
                placed.append(&mut kept);
            }
            None => out.free.push(slot),
        }
    }
    placed.sort_by_key(|p| (p.group.segment, p.at));
    if floor.any_start {
        out.first = placed
            .iter()
            .map(|p| first_needed(&p.group))
            .max()
            .unwrap_or(0);
        let needed = placed.split_off(placed.partition_point(|p| p.group.segment < out.first));
        let mut dead: Vec<u32> = std::mem::replace(&mut placed, needed)
            .into_iter()
            .map(|p| p.slot)
            .collect();
        dead.dedup();
        out.free.append(&mut dead);
    }
    order_groups(placed, floor, &mut out);
    out
}

/// Walks the frames in order and stops at the first gap that a later group of the same epoch
/// proves.
fn order_groups(placed: Vec<LocatedGroup>, floor: &Floor, out: &mut Scan) {
    if floor.allow_gaps {
        for p in placed {
            out.slots.insert(p.group.segment, p.slot);
            out.groups.push(p.group);
        }
        return;
    }
    let mut expected: Option<(Epoch, u64)> =
        (floor.segment > 0).then_some((floor.epoch, floor.group));
    let mut previous: Option<(u64, usize)> = None;
    let mut iter = placed.into_iter();
    for p in iter.by_ref() {
        let follows = match expected {
            Some((epoch, number)) if epoch == p.group.epoch => number == p.group.number,
            None if floor.any_start => true,
            _ => p.group.number == 0,
        };
        let in_place = match previous {
            Some((segment, end)) if segment == p.group.segment => end == p.at,
            _ => p.at == 0,
        };
        if !(follows && in_place) {
            out.damage = Some(LogDamage {
                epoch: p.group.epoch,
                last_seen_seq: last_seq(&p.group),
            });
            out.orphaned.push((p.slot, p.at));
            break;
        }
        expected = Some((p.group.epoch, p.group.number + 1));
        previous = Some((p.group.segment, p.end));
        out.slots.insert(p.group.segment, p.slot);
        out.groups.push(p.group);
    }
    for p in iter {
        if let Some(damage) = &mut out.damage {
            damage.last_seen_seq = damage.last_seen_seq.max(last_seq(&p.group));
        }
        out.orphaned.push((p.slot, p.at));
    }
}

/// The caller's last sequence number in a group, as far as the log can tell (records that are no
/// entries make it too high by their number).
fn last_seq(group: &Group) -> u64 {
    group.first_seq + (group.records.len() as u64).saturating_sub(1)
}
