//! Which of the files that lie here are of one history: a copy put back, or a file of another
//! village, is told from ours.
//!
//! Every boot has a name of its own (its epoch), and every boot names the one before. Files that
//! share a boot, or whose boots follow each other, or packs whose chains meet, belong together.
//! This village's family is the one that says its configured name, and of several the largest.
//! Segments of the log are many and lie loose in one folder: a family of nothing else
//! weighs nothing while there is any pack or snapshot. What is in the family may still be of a twin
//! that went its own way after a copy of the card was made: then the same number stands under two
//! boots, and the majority is right.

use std::collections::{BTreeMap, BTreeSet};

use super::logged_records::LoggedRecord;
use super::pack::{self, Pack};
use super::snapshot::{Snapshot, SnapshotFile};
use crate::domain::event::Event;
use crate::domain::id::VillageId;
use crate::log::frame::Epoch;

/// What a pack or a segment of the log weighs; a snapshot weighs one.
const FILE_WEIGHT: usize = 3;

/// What belongs together.
pub(super) struct Lineage {
    /// For each copy of a snapshot: it is whole and ours.
    pub(super) copies: Vec<bool>,
    /// For each pack: it is ours.
    pub(super) packs: Vec<bool>,
    /// The boots of the log that are ours.
    pub(super) log: BTreeSet<Epoch>,
}

/// Epochs in families.
#[derive(Default)]
struct EpochSets {
    of: BTreeMap<Epoch, usize>,
    parent: Vec<usize>,
}

impl EpochSets {
    fn find(&mut self, epoch: &Epoch) -> usize {
        let fresh = self.parent.len();
        let mut at = *self.of.entry(*epoch).or_insert(fresh);
        if at == fresh {
            self.parent.push(fresh);
        }
        while self.parent[at] != at {
            at = self.parent[at];
        }
        at
    }

    fn union<'a>(&mut self, epochs: impl IntoIterator<Item = &'a Epoch>) {
        let mut first = None;
        for epoch in epochs {
            let root = self.find(epoch);
            match first {
                None => first = Some(root),
                Some(first) => self.parent[root] = first,
            }
        }
    }
}

/// The boot that wrote entry `seq`, as a snapshot says.
fn boot_at(snapshot: &Snapshot, seq: u64) -> Option<Epoch> {
    let after = snapshot.epochs.partition_point(|e| e.first <= seq);
    after
        .checked_sub(1)
        .and_then(|i| snapshot.epochs.get(i))
        .filter(|e| seq <= e.last)
        .map(|e| e.epoch)
}

/// What a snapshot and other files say of the same entries: for each such place the entry, which
/// file, and whether they agree.
fn compare_positions(
    snapshot: &Snapshot,
    others: &[&Snapshot],
    packs: &[Pack],
    lines: &[&LoggedRecord],
) -> Vec<(u64, (u8, u64), bool)> {
    let mut out = Vec::new();
    for pack in packs {
        out.extend(
            compare_pack(snapshot, pack)
                .into_iter()
                .map(|(seq, agrees)| (seq, (0, pack.first), agrees)),
        );
    }
    for line in lines {
        if let Some(seq) = line.entry().map(|e| e.seq)
            && let Some(said) = boot_at(snapshot, seq)
        {
            out.push((seq, (1, line.segment), said == line.epoch));
        }
    }
    for (n, other) in (0..).zip(others) {
        out.extend(
            other
                .epochs
                .iter()
                .filter_map(|e| Some((e.first, (2, n), boot_at(snapshot, e.first)? == e.epoch))),
        );
    }
    out
}

/// What a snapshot says of the blocks of a pack: each one's first entry, and whether they agree. A
/// block that is rotten says nothing.
fn compare_pack(snapshot: &Snapshot, pack: &Pack) -> Vec<(u64, bool)> {
    let mut out = Vec::new();
    for block in &pack.blocks {
        match boot_at(snapshot, block.first) {
            Some(epoch) if epoch == block.epoch => out.push((block.first, true)),
            Some(_) if pack::read(&pack.path, block).is_ok() => out.push((block.first, false)),
            _ => {}
        }
    }
    if pack.last == snapshot.state.seq
        && pack.end != snapshot.heads
        && out.iter().all(|(_, agrees)| *agrees)
    {
        out.push((pack.last, false));
    }
    out
}

/// Two histories that agree at a place agree before it: of files that speak of what came after the
/// first quarrel the majority is right.
fn is_majority_consistent(places: &[(u64, (u8, u64), bool)]) -> bool {
    let Some(quarrel) = places.iter().filter(|p| !p.2).map(|p| p.0).min() else {
        return true;
    };
    let (with, without): (Vec<_>, Vec<_>) =
        places.iter().filter(|p| p.0 >= quarrel).partition(|p| p.2);
    let files = |of: Vec<&(u64, (u8, u64), bool)>| of.iter().map(|p| p.1).collect::<BTreeSet<_>>();
    let without = files(without);
    files(with).difference(&without).count() >= without.len()
}

/// Takes out the boots that begin after entry `from` and do not belong to the line that ends in the
/// newest segment: two boots that go on from the same one are of two cards. `order` are the boots
/// up to `from`, and their line is certain.
fn drop_forked_epochs(
    log: &mut BTreeSet<Epoch>,
    order: &[Epoch],
    lines: &[LoggedRecord],
    from: u64,
) {
    let known: BTreeSet<&Epoch> = order.iter().collect();
    let mut line_of: Vec<Epoch> = Vec::new();
    let mut judged = BTreeSet::new();
    for line in lines
        .iter()
        .filter(|l| l.entry().is_some_and(|e| e.seq > from))
    {
        if known.contains(&line.epoch) || !log.contains(&line.epoch) || !judged.insert(line.epoch) {
            continue;
        }
        // How many of those that were accepted stand before it; all, when what it goes on from is
        // not known.
        let before = match line.previous() {
            Some(previous) if order.last() == Some(&previous) => 0,
            Some(previous) if known.contains(&previous) => {
                log.remove(&line.epoch);
                continue;
            }
            Some(previous) => line_of
                .iter()
                .position(|e| *e == previous)
                .map_or(line_of.len(), |n| n + 1),
            None => line_of.len(),
        };
        for epoch in line_of.drain(before..) {
            log.remove(&epoch);
        }
        line_of.push(line.epoch);
    }
}

/// The epochs in their families, and the root of ours. `name` is the village's as it is configured.
fn group_epochs(
    copies: &[SnapshotFile],
    packs: &[Pack],
    lines: &[LoggedRecord],
    name: Option<&VillageId>,
) -> (EpochSets, Option<usize>) {
    let mut families = EpochSets::default();
    let mut weights: Vec<(Epoch, usize)> = Vec::new();
    let mut named: Vec<Epoch> = Vec::new();
    for snapshot in copies.iter().filter_map(|c| c.snapshot.as_ref()) {
        families.union(snapshot.epochs.iter().map(|e| &e.epoch));
        let last = snapshot.epochs.last().map(|e| e.epoch);
        weights.extend(last.map(|e| (e, 1)));
        named.extend(last.filter(|_| {
            snapshot
                .state
                .village
                .as_ref()
                .is_some_and(|v| Some(&v.id) == name)
        }));
    }
    for pack in packs {
        families.union(pack.blocks.iter().map(|b| &b.epoch));
        weights.extend(pack.blocks.last().map(|b| (b.epoch, FILE_WEIGHT)));
    }
    for pair in packs
        .windows(2)
        .filter(|p| p[0].last + 1 == p[1].first && p[0].end == p[1].heads)
    {
        families.union(
            pair[0]
                .blocks
                .last()
                .into_iter()
                .chain(pair[1].blocks.first())
                .map(|b| &b.epoch),
        );
    }
    for line in lines {
        if let Some(previous) = line.previous() {
            families.union([&previous, &line.epoch]);
        }
        if matches!(line.entry().map(|e| &e.event), Some(Event::VillageDeclared { village }) if Some(&village.id) == name)
        {
            named.push(line.epoch);
        }
    }
    let mut sums: BTreeMap<usize, usize> = BTreeMap::new();
    for (epoch, weight) in &weights {
        *sums.entry(families.find(epoch)).or_default() += weight;
    }
    let is_bare = sums.is_empty();
    let segments: BTreeSet<(u64, usize)> = lines
        .iter()
        .map(|l| (l.segment, families.find(&l.epoch)))
        .collect();
    for (_, root) in &segments {
        match sums.get_mut(root) {
            Some(sum) => *sum += FILE_WEIGHT,
            None if is_bare => drop(sums.insert(*root, FILE_WEIGHT)),
            None => {}
        }
    }
    let named: BTreeSet<usize> = named.iter().map(|e| families.find(e)).collect();
    // A log that says our name is ours also beside another's packs.
    for root in &named {
        sums.entry(*root).or_default();
    }
    let in_log = |root: &usize| segments.iter().any(|(_, of)| of == root);
    let ours = sums
        .iter()
        .max_by_key(|(root, sum)| (named.contains(root), **sum, in_log(root)))
        .map(|(root, _)| *root);
    (families, ours)
}

/// Whether entries of the log that nothing ties to the files here can have come after them: what a
/// snapshot does not know stands behind its floor, and boots are counted.
fn may_continue(lines: &[&LoggedRecord], snapshot: &Snapshot) -> bool {
    lines
        .iter()
        .filter_map(|l| Some((l.segment, l.entry()?)))
        .all(|(segment, entry)| {
            let is_behind = entry.seq > snapshot.state.seq && segment >= snapshot.floor.segment;
            is_behind
                && !matches!(entry.event, Event::Booted { boot, .. } if boot <= snapshot.state.boot)
        })
}

/// Judges what was found. `name` is the village's as it is configured.
pub(super) fn classify(
    copies: &[SnapshotFile],
    packs: &[Pack],
    lines: &[LoggedRecord],
    name: Option<&VillageId>,
) -> Lineage {
    let (mut families, ours) = group_epochs(copies, packs, lines, name);
    let mut log_sums: BTreeMap<usize, usize> = BTreeMap::new();
    for line in lines {
        *log_sums.entry(families.find(&line.epoch)).or_default() += 1;
    }
    // Where every file that would tie them together is gone, a log that begins behind all packs
    // goes on from them.
    let behind = packs.iter().map(|p| p.last).max().unwrap_or(0);
    let alone = log_sums
        .iter()
        .filter(|_| ours.is_none_or(|o| !log_sums.contains_key(&o)))
        .max_by_key(|(_, n)| **n)
        .map(|(root, _)| *root);
    let mut is_ours = |epoch: &Epoch| Some(families.find(epoch)) == ours;
    let mut log: BTreeSet<Epoch> = lines
        .iter()
        .map(|l| l.epoch)
        .filter(|e| is_ours(e))
        .collect();
    if let Some(root) = alone {
        let of: Vec<&LoggedRecord> = lines
            .iter()
            .filter(|l| families.find(&l.epoch) == root)
            .collect();
        let known: Vec<&Snapshot> = copies
            .iter()
            .filter_map(|c| c.snapshot.as_ref())
            .filter(|s| {
                s.epochs
                    .last()
                    .is_some_and(|e| Some(families.find(&e.epoch)) == ours)
            })
            .collect();
        let says_other = |l: &&LoggedRecord| matches!(l.entry().map(|e| &e.event), Some(Event::VillageDeclared { village }) if name.is_some_and(|n| *n != village.id));
        if of.iter().filter_map(|l| l.entry()).all(|e| e.seq > behind)
            && known.iter().all(|s| may_continue(&of, s))
            && !of.iter().any(says_other)
        {
            log.extend(of.iter().map(|l| l.epoch));
        }
    }
    let mut is_ours = |epoch: &Epoch| Some(families.find(epoch)) == ours || log.contains(epoch);
    let of_log: Vec<&LoggedRecord> = lines.iter().filter(|l| log.contains(&l.epoch)).collect();
    let related: Vec<bool> = copies
        .iter()
        .map(|c| {
            c.snapshot
                .as_ref()
                .is_some_and(|s| s.epochs.last().is_none_or(|e| is_ours(&e.epoch)))
        })
        .collect();
    let whole: Vec<(usize, &Snapshot)> = (0..)
        .zip(copies)
        .filter(|(i, _)| related[*i])
        .filter_map(|(i, c)| Some((i, c.snapshot.as_ref()?)))
        .collect();
    let others = |i: usize| {
        whole
            .iter()
            .filter(|(n, _)| *n != i)
            .map(|(_, s)| *s)
            .collect::<Vec<_>>()
    };
    let ours_of = |(i, s): &(usize, &Snapshot)| {
        is_majority_consistent(&compare_positions(s, &others(*i), packs, &of_log)).then_some(*i)
    };
    let fitting: BTreeSet<usize> = whole.iter().filter_map(ours_of).collect();
    let kept: Vec<bool> = (0..copies.len()).map(|i| fitting.contains(&i)).collect();
    let newest = copies
        .iter()
        .zip(&kept)
        .filter(|(_, kept)| **kept)
        .filter_map(|(c, _)| c.snapshot.as_ref())
        .max_by_key(|s| s.state.seq);
    // No pack goes beyond what is known to have been; where nothing is known, any may.
    let logged = lines
        .iter()
        .filter(|l| log.contains(&l.epoch))
        .filter_map(|l| l.entry().map(|e| e.seq))
        .max();
    let reach = newest.map(|s| s.state.seq).max(logged).unwrap_or(u64::MAX);
    let mut of_packs: Vec<bool> = Vec::new();
    for (i, pack) in packs.iter().enumerate() {
        let related = pack.blocks.iter().any(|b| is_ours(&b.epoch));
        let contradicted =
            newest.is_some_and(|s| compare_pack(s, pack).iter().any(|(_, agrees)| !agrees));
        // What our log says of the same entries.
        let quarrels = || {
            of_log.iter().any(|l| {
                l.entry()
                    .is_some_and(|e| (pack.first..=pack.last).contains(&e.seq))
                    && pack.blocks.iter().all(|b| b.epoch != l.epoch)
            })
        };
        let meets = |other: Option<&Pack>, touches: fn(&Pack, &Pack) -> bool| {
            other.is_some_and(|o| touches(o, pack))
        };
        let clash = meets(i.checked_sub(1).and_then(|n| packs.get(n)), |before, it| {
            it.first <= before.last || before.last + 1 == it.first && before.end != it.heads
        }) || meets(packs.get(i + 1), |after, it| {
            after.first <= it.last || it.last + 1 == after.first && it.end != after.heads
        });
        of_packs.push(!contradicted && (related || !clash && pack.first <= reach && !quarrels()));
    }
    if let Some(s) = newest {
        let other: BTreeSet<Epoch> = lines
            .iter()
            .filter(|l| {
                l.entry()
                    .and_then(|e| boot_at(s, e.seq))
                    .is_some_and(|said| said != l.epoch)
            })
            .map(|l| l.epoch)
            .collect();
        log.retain(|epoch| !other.contains(epoch));
    }
    let packed = || {
        packs
            .iter()
            .zip(&of_packs)
            .filter(|(_, ours)| **ours)
            .flat_map(|(p, _)| p.blocks.iter().map(|b| b.epoch))
            .collect::<Vec<_>>()
    };
    let last = packs
        .iter()
        .zip(&of_packs)
        .filter(|(_, ours)| **ours)
        .map(|(p, _)| p.last)
        .max()
        .unwrap_or(0);
    match newest {
        Some(s) if s.state.seq >= last => drop_forked_epochs(
            &mut log,
            &s.epochs.iter().map(|e| e.epoch).collect::<Vec<_>>(),
            lines,
            s.state.seq,
        ),
        _ => drop_forked_epochs(&mut log, &packed(), lines, last),
    }
    Lineage {
        copies: kept,
        packs: of_packs,
        log,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::Actor;
    use crate::domain::event::{ClockQuality, Entry, Lane};
    use crate::journal::codec::{self, JournalRecord};

    /// The first entry of boot `epoch` after boot `previous`, in segment `segment`.
    fn boot(segment: u64, seq: u64, epoch: u8, previous: u8) -> LoggedRecord {
        let event = Event::Booted {
            boot: 1,
            previous: codec::epoch_text(&[previous; 16]),
        };
        let entry = Entry {
            seq,
            mono_ms: 0,
            wall_ms: 0,
            clock: ClockQuality::None,
            actor: Actor::System,
            cause: None,
            lane: Lane::Log,
            lane_seq: 1,
            event,
        };
        LoggedRecord {
            segment,
            epoch: [epoch; 16],
            bytes: Vec::new(),
            record: JournalRecord::Entry(Box::new(entry)),
            stamp: None,
        }
    }

    #[test]
    fn of_two_boots_after_the_same_one_the_line_to_the_newest_segment_stays() {
        let order = [[1; 16], [2; 16]];
        // Boots after entry 100: segment, first entry, boot, the boot before; which stay.
        type Case = (&'static [(u64, u64, u8, u8)], &'static [u8]);
        let cases: [Case; 6] = [
            (&[(5, 101, 3, 2), (6, 110, 4, 3)], &[3, 4]),
            // Boot 3 could not be read when boot 4 began, and can again.
            (&[(5, 101, 3, 2), (6, 101, 4, 2), (7, 120, 5, 4)], &[4, 5]),
            // A copy's: the certain line went on from boot 1 with boot 2.
            (&[(5, 101, 3, 2), (9, 140, 9, 1)], &[3]),
            // The boots between are lost.
            (&[(5, 101, 3, 2), (8, 140, 7, 6)], &[3, 7]),
            (&[(5, 101, 3, 2), (6, 110, 4, 3), (7, 112, 5, 3)], &[3, 5]),
            // Dead segments of long ago say nothing.
            (&[(2, 40, 8, 7), (5, 101, 3, 2)], &[8, 3]),
        ];
        for (boots, stay) in cases {
            let lines: Vec<LoggedRecord> = boots
                .iter()
                .map(|(segment, seq, epoch, previous)| boot(*segment, *seq, *epoch, *previous))
                .collect();
            let mut log: BTreeSet<Epoch> = lines.iter().map(|l| l.epoch).collect();
            drop_forked_epochs(&mut log, &order, &lines, 100);
            assert_eq!(log, stay.iter().map(|e| [*e; 16]).collect(), "{boots:?}");
        }
    }
}
