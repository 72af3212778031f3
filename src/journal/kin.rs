//! Which of the files that lie here are of one history: a copy put back, or a file of another village, is told from ours.
//!
//! Every boot has a name of its own (its epoch), and every boot names the one before. Files that share a boot, or whose
//! boots follow each other, or packs whose chains meet, belong together; the largest such family is this village's. What is in
//! it may still be of a twin that went its own way after a copy of the card was made: then the same number stands
//! under two boots, and the majority is right.

use std::collections::{BTreeMap, BTreeSet};

use super::logged::Line;
use super::pack::{self, Pack};
use super::snapshot::{Copy, Snapshot};
use crate::log::frame::Epoch;

/// What a pack or a segment of the log weighs; a snapshot weighs one.
const TRUTH: usize = 3;

/// What belongs together.
pub(super) struct Kin {
    /// For each copy of a snapshot: it is whole and ours.
    pub(super) copies: Vec<bool>,
    /// For each pack: it is ours.
    pub(super) packs: Vec<bool>,
    /// The boots of the log that are ours.
    pub(super) log: BTreeSet<Epoch>,
}

/// Epochs in families.
#[derive(Default)]
struct Families {
    of: BTreeMap<Epoch, usize>,
    parent: Vec<usize>,
}

impl Families {
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

    fn unite<'a>(&mut self, epochs: impl IntoIterator<Item = &'a Epoch>) {
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
    after.checked_sub(1).and_then(|i| snapshot.epochs.get(i)).filter(|e| seq <= e.last).map(|e| e.epoch)
}

/// How many blocks of a pack a snapshot bears out, and how many it contradicts. A block that is rotten says nothing.
fn against(snapshot: &Snapshot, pack: &Pack) -> (usize, usize) {
    let (mut with, mut without) = (0, 0);
    for block in &pack.blocks {
        match boot_at(snapshot, block.first) {
            Some(epoch) if epoch == block.epoch => with += 1,
            Some(_) if pack::read(&pack.path, block).is_ok() => without += 1,
            _ => {}
        }
    }
    if pack.last == snapshot.state.seq && pack.end != snapshot.heads && without == 0 && with > 0 {
        return (0, with);
    }
    (with, without)
}

/// Judges what was found.
pub(super) fn judge(copies: &[Copy], packs: &[Pack], lines: &[Line]) -> Kin {
    let mut families = Families::default();
    let mut weights: Vec<(Epoch, usize)> = Vec::new();
    for snapshot in copies.iter().filter_map(|c| c.snapshot.as_ref()) {
        families.unite(snapshot.epochs.iter().map(|e| &e.epoch));
        weights.extend(snapshot.epochs.last().map(|e| (e.epoch, 1)));
    }
    for pack in packs {
        families.unite(pack.blocks.iter().map(|b| &b.epoch));
        weights.extend(pack.blocks.last().map(|b| (b.epoch, TRUTH)));
    }
    for pair in packs.windows(2).filter(|p| p[0].last + 1 == p[1].first && p[0].end == p[1].heads) {
        families.unite(pair[0].blocks.last().into_iter().chain(pair[1].blocks.first()).map(|b| &b.epoch));
    }
    let mut segment = None;
    for line in lines {
        if segment.replace(line.segment) != Some(line.segment) {
            weights.push((line.epoch, TRUTH));
        }
        if let Some(previous) = line.previous() {
            families.unite([&previous, &line.epoch]);
        }
    }
    let mut sums: BTreeMap<usize, usize> = BTreeMap::new();
    for (epoch, weight) in &weights {
        *sums.entry(families.find(epoch)).or_default() += weight;
    }
    let mut log_sums: BTreeMap<usize, usize> = BTreeMap::new();
    for line in lines {
        *log_sums.entry(families.find(&line.epoch)).or_default() += 1;
    }
    let ours = sums.iter().max_by_key(|(root, sum)| (**sum, log_sums.contains_key(root))).map(|(root, _)| *root);
    // Where every file that would tie them together is gone, a log that begins behind all packs goes on from them.
    let behind = packs.iter().map(|p| p.last).max().unwrap_or(0);
    let alone = log_sums.iter().filter(|_| ours.is_none_or(|o| !log_sums.contains_key(&o))).max_by_key(|(_, n)| **n).map(|(root, _)| *root);
    let mut is_ours = |epoch: &Epoch| Some(families.find(epoch)) == ours;
    let mut log: BTreeSet<Epoch> = lines.iter().map(|l| l.epoch).filter(|e| is_ours(e)).collect();
    if let Some(root) = alone {
        let of: Vec<&Line> = lines.iter().filter(|l| families.find(&l.epoch) == root).collect();
        if of.iter().filter_map(|l| l.entry()).all(|e| e.seq > behind) {
            log.extend(of.iter().map(|l| l.epoch));
        }
    }
    let mut is_ours = |epoch: &Epoch| Some(families.find(epoch)) == ours || log.contains(epoch);
    let fits = |snapshot: &Snapshot| {
        let packed = packs.iter().map(|p| against(snapshot, p)).fold((0, 0), |sum, (with, without)| (sum.0 + usize::from(with > without), sum.1 + usize::from(without > with)));
        let logged = lines.iter().filter(|l| log.contains(&l.epoch)).filter_map(|l| Some((boot_at(snapshot, l.entry()?.seq)?, l.epoch)));
        let (same, other): (Vec<_>, Vec<_>) = logged.partition(|(said, is)| said == is);
        packed.0 + usize::from(!same.is_empty()) >= packed.1 + usize::from(!other.is_empty())
    };
    let kept: Vec<bool> = copies.iter().map(|c| c.snapshot.as_ref().is_some_and(|s| s.epochs.last().is_none_or(|e| is_ours(&e.epoch)) && fits(s))).collect();
    let newest = copies.iter().zip(&kept).filter(|(_, kept)| **kept).filter_map(|(c, _)| c.snapshot.as_ref()).max_by_key(|s| s.state.seq);
    // No pack goes beyond what is known to have been; where nothing is known, any may.
    let logged = lines.iter().filter(|l| log.contains(&l.epoch)).filter_map(|l| l.entry().map(|e| e.seq)).max();
    let reach = newest.map(|s| s.state.seq).max(logged).unwrap_or(u64::MAX);
    let mut of_packs: Vec<bool> = Vec::new();
    for (i, pack) in packs.iter().enumerate() {
        let related = pack.blocks.iter().any(|b| is_ours(&b.epoch));
        let contradicted = newest.is_some_and(|s| matches!(against(s, pack), (with, without) if without > with));
        let meets = |other: Option<&Pack>, touches: fn(&Pack, &Pack) -> bool| other.is_some_and(|o| touches(o, pack));
        let clash = meets(i.checked_sub(1).and_then(|n| packs.get(n)), |before, it| it.first <= before.last || before.last + 1 == it.first && before.end != it.heads)
            || meets(packs.get(i + 1), |after, it| after.first <= it.last || it.last + 1 == after.first && it.end != after.heads);
        of_packs.push(!contradicted && (related || !clash && pack.first <= reach));
    }
    Kin { copies: kept, packs: of_packs, log }
}
