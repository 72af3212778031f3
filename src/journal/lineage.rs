//! Lineage: decides which of the stored files are of this village's history. A copy that somebody
//! put back and a file of another village are recognized.
//!
//! Every boot has its own name (its epoch), and every boot names the boot before. Files that share
//! a boot, or whose boots follow each other, or packs whose chains meet, belong together. This
//! village's family is the one that declares the configured name, and of several such families the
//! one with the most weight. Segments of the log are many, and nothing but their folder ties them
//! together: a family of nothing else weighs nothing while there is any pack or snapshot. A file in
//! the family may still be of a twin, a gateway that went on by itself from a copy of the storage.
//! Then two boots wrote the same entry number, and the majority of the files is right.

use std::collections::{BTreeMap, BTreeSet};

use super::logged_records::LoggedRecord;
use super::pack::{self, Pack};
use super::snapshot::{Snapshot, SnapshotFile};
use crate::domain::event::Event;
use crate::domain::history;
use crate::domain::id::VillageId;
use crate::log::frame::Epoch;

/// The weight of a pack and of a segment of the log; a snapshot weighs one.
const FILE_WEIGHT: usize = 3;

/// The stored files and boots that are of this village's history.
pub(super) struct Lineage {
    /// For each copy of a snapshot: true = it is whole and ours.
    pub(super) copies: Vec<bool>,
    /// For each pack: true = it is ours.
    pub(super) packs: Vec<bool>,
    /// The boots of the log that are ours.
    pub(super) log: BTreeSet<Epoch>,
}

/// Epochs in families (a union-find).
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

/// The boot that wrote entry `seq`, according to a snapshot.
fn boot_at(snapshot: &Snapshot, seq: u64) -> Option<Epoch> {
    let after = snapshot.epochs.partition_point(|e| e.first <= seq);
    after
        .checked_sub(1)
        .and_then(|i| snapshot.epochs.get(i))
        .filter(|e| seq <= e.last)
        .map(|e| e.epoch)
}

/// Compares a snapshot with other files on the boots of the entries that both know: for each such
/// place the entry, the other file, and whether they agree.
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
            && let Some(expected) = boot_at(snapshot, seq)
        {
            out.push((seq, (1, line.segment), expected == line.epoch));
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

/// Compares a snapshot with the blocks of a pack: the first entry of each block, and whether both
/// name the same boot. A corrupt block that differs proves nothing and is left out.
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

/// Whether the majority of the files agrees with the snapshot. Two histories that agree at an entry
/// agree on everything before it, so only files that know entries from the first disagreement on
/// are counted.
fn is_majority_consistent(places: &[(u64, (u8, u64), bool)]) -> bool {
    let Some(disagreement) = places.iter().filter(|p| !p.2).map(|p| p.0).min() else {
        return true;
    };
    let (with, without): (Vec<_>, Vec<_>) = places
        .iter()
        .filter(|p| p.0 >= disagreement)
        .partition(|p| p.2);
    let files = |of: Vec<&(u64, (u8, u64), bool)>| of.iter().map(|p| p.1).collect::<BTreeSet<_>>();
    let without = files(without);
    files(with).difference(&without).count() >= without.len()
}

/// Takes out the boots that begin after entry `from` and are not in the line of boots that ends in
/// the newest segment: two boots that go on from the same boot are of two copies of the storage.
/// `order` are the boots up to `from`; their line is certain.
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
        // How many of the accepted boots come before this one; all, when the boot that it goes on
        // from is not known.
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

/// The epochs in their families, and the root of our family. `name` is the village's name as it is
/// configured.
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
        if line
            .declares()
            .is_some_and(|declared| Some(declared) == name)
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
    // A log that declares our name is ours, even when the packs beside it are another village's.
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

/// Whether entries of the log that nothing ties to our files can come after `snapshot`: entries
/// that the snapshot does not know are in segments behind its floor, and the number of a later boot
/// is higher.
fn may_continue(lines: &[&LoggedRecord], snapshot: &Snapshot) -> bool {
    lines
        .iter()
        .filter_map(|l| Some((l.segment, l.entry()?)))
        .all(|(segment, entry)| {
            let is_behind = entry.seq > snapshot.state.seq && segment >= snapshot.floor.segment;
            let is_old_boot = match entry.event {
                Event::History(history::Event::Booted { boot, .. }) => boot <= snapshot.state.boot,
                _ => false,
            };
            is_behind && !is_old_boot
        })
}

/// Decides which of the stored files are of this village's history. `name` is the village's name as
/// it is configured.
pub(super) fn classify(
    copies: &[SnapshotFile],
    packs: &[Pack],
    lines: &[LoggedRecord],
    name: Option<&VillageId>,
) -> Lineage {
    let (mut families, ours) = group_epochs(copies, packs, lines, name);
    let mut log: BTreeSet<Epoch> = lines
        .iter()
        .map(|l| l.epoch)
        .filter(|e| Some(families.find(e)) == ours)
        .collect();
    if let Some(root) = largest_untied_family(&mut families, ours, lines) {
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
        if continues_history(&of, packs, &known, name) {
            log.extend(of.iter().map(|l| l.epoch));
        }
    }
    let of_log: Vec<&LoggedRecord> = lines.iter().filter(|l| log.contains(&l.epoch)).collect();
    let mut is_ours = |epoch: &Epoch| Some(families.find(epoch)) == ours || log.contains(epoch);
    let related: Vec<bool> = copies
        .iter()
        .map(|c| {
            c.snapshot
                .as_ref()
                .is_some_and(|s| s.epochs.last().is_none_or(|e| is_ours(&e.epoch)))
        })
        .collect();
    let related_packs: Vec<bool> = packs
        .iter()
        .map(|pack| pack.blocks.iter().any(|b| is_ours(&b.epoch)))
        .collect();
    let copies_ours = fitting_copies(copies, &related, packs, &of_log);
    let newest = copies
        .iter()
        .zip(&copies_ours)
        .filter(|(_, ours)| **ours)
        .filter_map(|(c, _)| c.snapshot.as_ref())
        .max_by_key(|s| s.state.seq);
    let packs_ours = fitting_packs(packs, &related_packs, newest, &of_log);
    drop_contradicted_epochs(&mut log, lines, newest, packs, &packs_ours);
    Lineage {
        copies: copies_ours,
        packs: packs_ours,
        log,
    }
}

/// The family with the most records in the log, when no record of the log is in our family.
fn largest_untied_family(
    families: &mut EpochSets,
    ours: Option<usize>,
    lines: &[LoggedRecord],
) -> Option<usize> {
    let mut sums: BTreeMap<usize, usize> = BTreeMap::new();
    for line in lines {
        *sums.entry(families.find(&line.epoch)).or_default() += 1;
    }
    sums.iter()
        .filter(|_| ours.is_none_or(|o| !sums.contains_key(&o)))
        .max_by_key(|(_, n)| **n)
        .map(|(root, _)| *root)
}

/// Whether the records `of` one family, which nothing ties to our files, can be the continuation of
/// our history: every file that would tie them together may be lost. They must begin behind all
/// packs, may contradict none of the `known` snapshots, and may not declare another village.
fn continues_history(
    of: &[&LoggedRecord],
    packs: &[Pack],
    known: &[&Snapshot],
    name: Option<&VillageId>,
) -> bool {
    let last_packed = packs.iter().map(|p| p.last).max().unwrap_or(0);
    let declares_other = |l: &&LoggedRecord| match (l.declares(), name) {
        (Some(declared), Some(name)) => declared != name,
        _ => false,
    };
    of.iter()
        .filter_map(|l| l.entry())
        .all(|e| e.seq > last_packed)
        && known.iter().all(|s| may_continue(of, s))
        && !of.iter().any(declares_other)
}

/// For each copy of a snapshot, whether it is whole, `related` by its boots, and not contradicted
/// by the majority of the other files.
fn fitting_copies(
    copies: &[SnapshotFile],
    related: &[bool],
    packs: &[Pack],
    of_log: &[&LoggedRecord],
) -> Vec<bool> {
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
        is_majority_consistent(&compare_positions(s, &others(*i), packs, of_log)).then_some(*i)
    };
    let fitting: BTreeSet<usize> = whole.iter().filter_map(ours_of).collect();
    (0..copies.len()).map(|i| fitting.contains(&i)).collect()
}

/// For each pack, whether it is ours. The `newest` snapshot must not contradict it. A pack that is
/// not `related` by a boot must in addition meet its neighbours and our log without contradiction,
/// and must not begin beyond the last entry that is known to have existed; where nothing is known,
/// it may begin anywhere.
fn fitting_packs(
    packs: &[Pack],
    related: &[bool],
    newest: Option<&Snapshot>,
    of_log: &[&LoggedRecord],
) -> Vec<bool> {
    let logged = of_log.iter().filter_map(|l| l.entry().map(|e| e.seq)).max();
    let reach = newest.map(|s| s.state.seq).max(logged).unwrap_or(u64::MAX);
    let mut out: Vec<bool> = Vec::new();
    for (i, (pack, related)) in packs.iter().zip(related).enumerate() {
        let contradicted =
            newest.is_some_and(|s| compare_pack(s, pack).iter().any(|(_, agrees)| !agrees));
        let log_differs = || {
            of_log.iter().any(|l| {
                l.entry()
                    .is_some_and(|e| (pack.first..=pack.last).contains(&e.seq))
                    && pack.blocks.iter().all(|b| b.epoch != l.epoch)
            })
        };
        out.push(
            !contradicted
                && (*related || !clashes(packs, i) && pack.first <= reach && !log_differs()),
        );
    }
    out
}

/// Whether pack `i` overlaps a neighbour, or touches one whose chain heads are other ones.
fn clashes(packs: &[Pack], i: usize) -> bool {
    let pack = &packs[i];
    let before = i.checked_sub(1).and_then(|n| packs.get(n));
    let after = packs.get(i + 1);
    before.is_some_and(|b| pack.first <= b.last || b.last + 1 == pack.first && b.end != pack.heads)
        || after.is_some_and(|a| {
            a.first <= pack.last || pack.last + 1 == a.first && pack.end != a.heads
        })
}

/// Takes boots out of `log` that contradict the `newest` snapshot, and those that forked from the
/// line which the snapshot, or packs beyond it, make certain.
fn drop_contradicted_epochs(
    log: &mut BTreeSet<Epoch>,
    lines: &[LoggedRecord],
    newest: Option<&Snapshot>,
    packs: &[Pack],
    packs_ours: &[bool],
) {
    if let Some(s) = newest {
        let other: BTreeSet<Epoch> = lines
            .iter()
            .filter(|l| {
                l.entry()
                    .and_then(|e| boot_at(s, e.seq))
                    .is_some_and(|expected| expected != l.epoch)
            })
            .map(|l| l.epoch)
            .collect();
        log.retain(|epoch| !other.contains(epoch));
    }
    let ours: Vec<&Pack> = packs
        .iter()
        .zip(packs_ours)
        .filter(|(_, ours)| **ours)
        .map(|(p, _)| p)
        .collect();
    let last = ours.iter().map(|p| p.last).max().unwrap_or(0);
    match newest {
        Some(s) if s.state.seq >= last => drop_forked_epochs(
            log,
            &s.epochs.iter().map(|e| e.epoch).collect::<Vec<_>>(),
            lines,
            s.state.seq,
        ),
        _ => drop_forked_epochs(
            log,
            &ours
                .iter()
                .flat_map(|p| p.blocks.iter().map(|b| b.epoch))
                .collect::<Vec<_>>(),
            lines,
            last,
        ),
    }
}

#[cfg(test)]
mod tests;
