//! From a snapshot, or from nothing, to the village as it is: packs first, then the log.
//!
//! Invariants: an entry that stands anywhere is taken in, whatever is missing before it; what is
//! missing is told once, with its first and last number; the chain goes on from the next head that
//! is written down.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::Stored;
use super::chain::Heads;
use super::codec::Record;
use super::logged::{Line, Logged};
use super::pack::{self, Pack};
use super::snapshot::{EpochSpan, Snapshot};
use crate::domain::event::Event;
use crate::domain::state::State;
use crate::log::frame::Epoch;

/// What a fold found.
#[derive(Default)]
pub(super) struct Found {
    /// Damage: epoch, last entry before it, last one that is missing.
    pub(super) damage: Vec<(Epoch, u64, u64)>,
    /// Until where history was let go, as entries that were folded say.
    pub(super) trimmed: u64,
}

struct Fold<'a> {
    state: State,
    heads: Heads,
    /// The heads are those of everything before; after a hole they are not.
    sure: bool,
    spans: &'a mut Vec<EpochSpan>,
    logged: BTreeMap<u64, &'a Line>,
    out: Found,
}

/// Takes into `snapshot` what packs and log have beyond it; side records of the log from segment
/// `side_from` on.
pub(super) fn fold(
    snapshot: &mut Snapshot,
    packs: &[Pack],
    logged: &Logged,
    side_from: u64,
) -> Found {
    let mut fold = Fold {
        state: Arc::unwrap_or_clone(std::mem::take(&mut snapshot.state)),
        heads: snapshot.heads,
        sure: true,
        spans: &mut snapshot.epochs,
        logged: logged.entries(),
        out: Found::default(),
    };
    for pack in packs {
        fold.pack(pack);
    }
    fold.log(u64::MAX);
    snapshot.heads = fold.heads;
    snapshot.state = Arc::new(fold.state);
    let out = fold.out;
    for line in logged.lines.iter().filter(|l| l.segment >= side_from) {
        match &line.record {
            Record::Entry(_) => {}
            Record::Cursor(cursor) => {
                let at = snapshot.cursors.entry(cursor.feed.clone()).or_default();
                *at = (*at).max(cursor.seq);
            }
            Record::Outcome(outcome) => drop(
                Arc::make_mut(&mut snapshot.outcomes).insert(outcome.id.clone(), outcome.clone()),
            ),
        }
    }
    out
}

impl Fold<'_> {
    fn pack(&mut self, pack: &Pack) {
        if pack.last <= self.state.seq {
            return;
        }
        self.log(pack.first - 1);
        if self.state.seq < pack.first {
            if let Some(block) = pack.blocks.first() {
                self.reach(block.epoch, pack.first - 1);
            }
            self.anchor(block_epoch(pack), pack.heads);
        }
        for block in &pack.blocks {
            if block.last <= self.state.seq {
                continue;
            }
            match pack::read(&pack.path, block) {
                Ok(entries) => entries.iter().for_each(|e| self.take(e)),
                Err(_) => {
                    self.log(block.last);
                    self.reach(block.epoch, block.last);
                }
            }
        }
        if self.state.seq == pack.last {
            self.anchor(block_epoch(pack), pack.end);
        }
    }

    /// Takes from the log what stands there up to entry `to`.
    fn log(&mut self, to: u64) {
        while self.state.seq < to
            && let Some((seq, line)) = self
                .logged
                .range(self.state.seq + 1..=to)
                .next()
                .map(|(s, l)| (*s, *l))
        {
            let Some(stored) = stored(line) else { return };
            self.take(&stored);
            if let Some(stamp) = line.stamp {
                self.anchor(line.epoch, stamp);
            }
            debug_assert_eq!(self.state.seq, seq);
        }
    }

    fn take(&mut self, stored: &Stored) {
        let entry = &stored.entry;
        if entry.seq <= self.state.seq {
            return;
        }
        self.reach(stored.epoch, entry.seq - 1);
        note_span(self.spans, stored, &mut self.heads);
        self.heads.add(entry.lane, &stored.bytes);
        self.state.apply(entry);
        if let Event::HistoryTrimmed { to, .. } = entry.event {
            self.out.trimmed = self.out.trimmed.max(to);
        }
    }

    /// What comes next is the entry after `to`: what lies between is missing.
    fn reach(&mut self, epoch: Epoch, to: u64) {
        if self.state.seq < to {
            self.out.damage.push((epoch, self.state.seq, to));
            self.state.seq = to;
            self.sure = false;
        }
    }

    /// These heads were written down for what was taken so far.
    fn anchor(&mut self, epoch: Epoch, heads: Heads) {
        if self.sure && self.heads != heads && self.out.damage.is_empty() {
            // The frame is whole but its content is not what the chain says: somebody changed it.
            self.out
                .damage
                .push((epoch, self.state.seq, self.state.seq));
        }
        self.heads = heads;
        self.sure = true;
    }
}

fn block_epoch(pack: &Pack) -> Epoch {
    pack.blocks.last().map(|b| b.epoch).unwrap_or_default()
}

/// Keeps the list of boots: a new epoch begins its chain, a known one grows.
fn note_span(epochs: &mut Vec<EpochSpan>, stored: &Stored, heads: &mut Heads) {
    let entry = &stored.entry;
    if epochs.last().is_none_or(|e| e.epoch != stored.epoch) {
        // One that is met in its middle began its chain before what is here.
        if matches!(entry.event, Event::Booted { .. }) {
            *heads = heads.begin(&stored.epoch);
        }
        epochs.push(EpochSpan {
            epoch: stored.epoch,
            boot: 0,
            first: entry.seq,
            last: entry.seq,
            lanes: [0; 4],
            start: *heads,
        });
    }
    if let Some(span) = epochs.last_mut() {
        span.last = entry.seq;
        span.lanes[entry.lane.index()] = entry.lane_seq;
        if let Event::Booted { boot, .. } = &entry.event {
            span.boot = *boot;
        }
    }
}

/// Entries that are in no pack, for the memory's tail; damage where history has no file for what
/// the village has been through.
pub(super) fn unpacked(logged: &Logged, packs: &[Pack]) -> Vec<Arc<Stored>> {
    let packed = packs.last().map_or(0, |p| p.last);
    let newer = logged.entries().split_off(&packed.saturating_add(1));
    newer
        .into_values()
        .filter_map(stored)
        .map(Arc::new)
        .collect()
}

/// Ranges (last before, last missing) that neither packs nor `tail` hold, of the entries `first` to
/// `last`.
pub(super) fn holes(
    packs: &[Pack],
    tail: &[Arc<Stored>],
    first: u64,
    last: u64,
) -> Vec<(Epoch, u64, u64)> {
    let pieces = packs
        .iter()
        .map(|p| (block_epoch(p), p.first, p.last))
        .chain(tail.iter().map(|e| (e.epoch, e.entry.seq, e.entry.seq)));
    let mut out = Vec::new();
    let (mut at, mut epoch) = (first.saturating_sub(1), Epoch::default());
    for (of, begins, ends) in pieces {
        if begins > at + 1 {
            out.push((of, at, begins - 1));
        }
        at = at.max(ends);
        epoch = of;
    }
    if at < last {
        out.push((epoch, at, last));
    }
    out
}

/// The packs with those between them that are gone and still stand in the log: they are written
/// again. Also the first and last entry of each that could not be written.
pub(super) fn mended(
    folder: &Path,
    packs: Vec<Pack>,
    logged: &Logged,
) -> (Vec<Pack>, Vec<(u64, u64)>) {
    let mut out: Vec<Pack> = Vec::with_capacity(packs.len());
    let mut unwritten = Vec::new();
    for pack in packs {
        let (last, end) = out
            .last()
            .map_or((0, Heads::default()), |p| (p.last, p.end));
        if pack.first > last + 1 {
            let entries: Vec<Arc<Stored>> = logged
                .entries()
                .range(last + 1..pack.first)
                .filter_map(|(_, l)| stored(l))
                .map(Arc::new)
                .collect();
            let mut heads = end;
            for e in &entries {
                if matches!(e.entry.event, Event::Booted { .. }) {
                    heads = heads.begin(&e.epoch);
                }
                heads.add(e.entry.lane, &e.bytes);
            }
            // The chain says whether these are all of them, unchanged.
            if heads == pack.heads && !entries.is_empty() {
                match pack::write(folder, &end, &heads, &entries) {
                    Ok(again) => out.push(again),
                    Err(cause) => {
                        tracing::error!(%cause, from = last + 1, to = pack.first - 1, "a lost pack could not be written again; it stays in the log");
                        unwritten.push((last + 1, pack.first - 1));
                    }
                }
            }
        }
        out.push(pack);
    }
    (out, unwritten)
}

fn stored(line: &Line) -> Option<Stored> {
    Some(Stored {
        epoch: line.epoch,
        bytes: line.bytes.as_slice().into(),
        entry: line.entry()?.clone(),
    })
}
