//! Recovery: which groups are valid, and whether a missing group is a torn tail or damage.
//!
//! Segments are recycled, so older valid frames lie beyond every tail. A frame counts only if its
//! segment number is the newest in its slot. A missing group is a torn tail unless a later valid
//! group of the same epoch has a higher number; then it is damage, and replay ends before it.

use std::collections::BTreeMap;

use super::frame::{BLOCK_BYTES, BlockScan, Epoch, Group, decode};

/// The point at which the caller's own copy ends: groups before it are not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Floor {
    /// First segment that is needed; 0 = all.
    pub segment: u64,
    /// Epoch that was current when that segment was begun.
    pub epoch: Epoch,
    /// The number of the first group of that epoch in or after that segment.
    pub group: u64,
    /// The caller has no floor of its own: [`super::segments::Log::append_from`] writes into a
    /// group which segment is the first that is needed. The first group found from that segment on
    /// is the beginning, whatever its number. Segments before it are not needed, and neither
    /// corruption nor a torn write in them is damage.
    pub any_start: bool,
    /// The caller numbers its records itself and has a copy of most of them. Every valid group is
    /// returned, in order, whatever is missing between them. The caller decides what is damage; no
    /// group is orphaned.
    pub allow_gaps: bool,
}

/// The first segment that is needed according to a group (little-endian at the beginning of its
/// stamp), 0 = all.
fn first_needed(group: &Group) -> u64 {
    let first = group
        .stamp
        .first_chunk()
        .map_or(0, |b| u64::from_le_bytes(*b));
    if first <= group.segment { first } else { 0 }
}

/// Groups that were durable and are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogDamage {
    /// The epoch in which a group is missing.
    pub epoch: Epoch,
    /// The highest sequence number of the caller seen beyond the gap: so much is known to have
    /// existed.
    pub last_seen_seq: u64,
}

/// The result of a scan of all slots.
#[derive(Debug, Default)]
pub struct Scan {
    /// Groups to replay, in order.
    pub groups: Vec<Group>,
    /// Slot of each needed segment.
    pub slots: BTreeMap<u64, u32>,
    /// Slots whose content is not needed.
    pub free: Vec<u32>,
    /// Places (slot and byte) of valid groups beyond damage: they are to be copied aside and made
    /// invalid.
    pub orphaned: Vec<(u32, usize)>,
    /// The damage, if any.
    pub damage: Option<LogDamage>,
    /// Highest segment number seen anywhere.
    pub last_segment: u64,
    /// The first segment that is needed, as stored in the groups (`any_start`).
    pub first: u64,
    /// The version of a frame that a newer program wrote, if there is one.
    pub newer: Option<u16>,
}

struct LocatedGroup {
    slot: u32,
    at: usize,
    end: usize,
    group: Group,
}

/// Finds the valid groups from `floor` on in `slots` (number and content).
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
        // A slot holds one segment: the one with the highest number in it. Other valid frames in
        // the slot are left over from its earlier segments.
        let newest = placed[before..].iter().map(|p| p.group.segment).max();
        match newest {
            Some(n) => {
                let mut behind = placed.split_off(before);
                behind.retain(|p| p.group.segment == n);
                placed.append(&mut behind);
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

/// Takes the groups in order and stops at the first gap that a later group proves.
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

/// The caller's last sequence number in a group, as far as the log can know it. Each record that is
/// not an entry makes it too high by one.
fn last_seq(group: &Group) -> u64 {
    group.first_seq + (group.records.len() as u64).saturating_sub(1)
}
