//! Folding: applies the entries behind a snapshot, or all entries when there is none, and gives the
//! village as it is now. Packs come first, then the log.
//!
//! Invariants: an entry that is stored anywhere is applied, even when entries before it are
//! missing; each missing range is reported once, with its first and last number; behind a missing
//! range the chain goes on from the next head that is stored.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::StoredEntry;
use super::chain::Heads;
use super::codec::JournalRecord;
use super::logged_records::{LoggedRecord, ReplayLog};
use super::pack::{self, Pack};
use super::snapshot::{EpochSpan, Snapshot};
use crate::domain::event::Event;
use crate::domain::history;
use crate::domain::state::VillageState;
use crate::log::frame::Epoch;

/// The damage and the trimming that a fold met.
#[derive(Default)]
pub(super) struct FoldReport {
    /// Damage: epoch, last entry before it, last entry that is missing.
    pub(super) damage: Vec<(Epoch, u64, u64)>,
    /// The last entry that was trimmed, as the folded entries say.
    pub(super) trimmed: u64,
}

struct Replay<'a> {
    state: VillageState,
    heads: Heads,
    /// True = the heads include every entry before; after missing entries they do not.
    is_heads_known: bool,
    spans: &'a mut Vec<EpochSpan>,
    logged: BTreeMap<u64, &'a LoggedRecord>,
    report: FoldReport,
}

/// Applies to `snapshot` the entries that packs and log have beyond it, and the cursors and
/// outcomes of the log from segment `side_from` on.
pub(super) fn fold(
    snapshot: &mut Snapshot,
    packs: &[Pack],
    logged: &ReplayLog,
    side_from: u64,
) -> FoldReport {
    let mut replay = Replay {
        state: Arc::unwrap_or_clone(std::mem::take(&mut snapshot.state)),
        heads: snapshot.heads,
        is_heads_known: true,
        spans: &mut snapshot.epochs,
        logged: logged.entries(),
        report: FoldReport::default(),
    };
    for pack in packs {
        replay.fold_pack(pack);
    }
    replay.fold_log(u64::MAX);
    snapshot.heads = replay.heads;
    snapshot.state = Arc::new(replay.state);
    let out = replay.report;
    for line in logged.records.iter().filter(|l| l.segment >= side_from) {
        match &line.record {
            JournalRecord::Entry(_) => {}
            JournalRecord::Cursor(cursor) => {
                let at = snapshot.cursors.entry(cursor.feed.clone()).or_default();
                *at = (*at).max(cursor.seq);
            }
            JournalRecord::Outcome(outcome) => drop(
                Arc::make_mut(&mut snapshot.outcomes).insert(outcome.id.clone(), outcome.clone()),
            ),
        }
    }
    out
}

impl Replay<'_> {
    fn fold_pack(&mut self, pack: &Pack) {
        if pack.last <= self.state.seq {
            return;
        }
        self.fold_log(pack.first - 1);
        if self.state.seq < pack.first {
            if let Some(block) = pack.blocks.first() {
                self.record_gap(block.epoch, pack.first - 1);
            }
            self.set_heads(block_epoch(pack), pack.heads);
        }
        for block in &pack.blocks {
            if block.last <= self.state.seq {
                continue;
            }
            match pack::read(&pack.path, block) {
                Ok(entries) => entries.iter().for_each(|e| self.apply_entry(e)),
                Err(_) => {
                    self.fold_log(block.last);
                    self.record_gap(block.epoch, block.last);
                }
            }
        }
        if self.state.seq == pack.last {
            self.set_heads(block_epoch(pack), pack.end);
        }
    }

    /// Applies the entries that the log has, up to entry `to`.
    fn fold_log(&mut self, to: u64) {
        while self.state.seq < to
            && let Some((seq, line)) = self
                .logged
                .range(self.state.seq + 1..=to)
                .next()
                .map(|(s, l)| (*s, *l))
        {
            let Some(stored) = to_stored(line) else {
                return;
            };
            self.apply_entry(&stored);
            if let Some(stamp) = line.stamp {
                self.set_heads(line.epoch, stamp);
            }
            debug_assert_eq!(self.state.seq, seq);
        }
    }

    fn apply_entry(&mut self, stored: &StoredEntry) {
        let entry = &stored.entry;
        if entry.seq <= self.state.seq {
            return;
        }
        self.record_gap(stored.epoch, entry.seq - 1);
        extend_epochs(self.spans, stored, &mut self.heads);
        self.heads.append(entry.lane, &stored.bytes);
        self.state.apply(entry);
        if let Event::History(history::Event::Trimmed { to, .. }) = entry.event {
            self.report.trimmed = self.report.trimmed.max(to);
        }
    }

    /// The next entry is the one after `to`. The entries between the last applied one and it are
    /// recorded as missing.
    fn record_gap(&mut self, epoch: Epoch, to: u64) {
        if self.state.seq < to {
            self.report.damage.push((epoch, self.state.seq, to));
            self.state.seq = to;
            self.is_heads_known = false;
        }
    }

    /// Takes the stored heads `heads`, which were written after the last applied entry, and records
    /// damage when they contradict the chain.
    fn set_heads(&mut self, epoch: Epoch, heads: Heads) {
        if self.is_heads_known && self.heads != heads && self.report.damage.is_empty() {
            // The frame is whole, but its content contradicts the chain: somebody changed it.
            self.report
                .damage
                .push((epoch, self.state.seq, self.state.seq));
        }
        self.heads = heads;
        self.is_heads_known = true;
    }
}

fn block_epoch(pack: &Pack) -> Epoch {
    pack.blocks.last().map(|b| b.epoch).unwrap_or_default()
}

/// Updates the list of boots: a new epoch begins its chain, a known epoch grows.
fn extend_epochs(epochs: &mut Vec<EpochSpan>, stored: &StoredEntry, heads: &mut Heads) {
    let entry = &stored.entry;
    if epochs.last().is_none_or(|e| e.epoch != stored.epoch) {
        // An epoch whose first entry is not here began its chain before the entries that are.
        if matches!(entry.event, Event::History(history::Event::Booted { .. })) {
            *heads = heads.start_epoch(&stored.epoch);
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
        if let Event::History(history::Event::Booted { boot, .. }) = &entry.event {
            span.boot = *boot;
        }
    }
}

/// Entries that are in no pack, for the tail in memory.
pub(super) fn log_tail(logged: &ReplayLog, packs: &[Pack]) -> Vec<Arc<StoredEntry>> {
    let packed = packs.last().map_or(0, |p| p.last);
    let newer = logged.entries().split_off(&packed.saturating_add(1));
    newer
        .into_values()
        .filter_map(to_stored)
        .map(Arc::new)
        .collect()
}

/// The ranges of the entries `first` to `last` that neither packs nor `tail` hold: epoch, last
/// entry before the range, last entry that is missing.
pub(super) fn missing_ranges(
    packs: &[Pack],
    tail: &[Arc<StoredEntry>],
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

/// Writes again the packs that are missing between `packs` and whose entries are still in the log.
/// Gives all packs, and the first and last entry of each that could not be written.
pub(super) fn rebuild_missing_packs(
    folder: &Path,
    packs: Vec<Pack>,
    logged: &ReplayLog,
) -> (Vec<Pack>, Vec<(u64, u64)>) {
    let mut out: Vec<Pack> = Vec::with_capacity(packs.len());
    let mut unwritten = Vec::new();
    for pack in packs {
        let (last, end) = out
            .last()
            .map_or((0, Heads::default()), |p| (p.last, p.end));
        if pack.first > last + 1 {
            let entries: Vec<Arc<StoredEntry>> = logged
                .entries()
                .range(last + 1..pack.first)
                .filter_map(|(_, l)| to_stored(l))
                .map(Arc::new)
                .collect();
            let mut heads = end;
            for e in &entries {
                if matches!(e.entry.event, Event::History(history::Event::Booted { .. })) {
                    heads = heads.start_epoch(&e.epoch);
                }
                heads.append(e.entry.lane, &e.bytes);
            }
            // The chain proves that these are all entries of the missing pack, unchanged.
            if heads == pack.heads && !entries.is_empty() {
                match pack::write(folder, &end, &heads, &entries) {
                    Ok(again) => out.push(again),
                    Err(cause) => {
                        tracing::error!(
                            %cause,
                            from = last + 1,
                            to = pack.first - 1,
                            "rebuilding missing pack failed; entries stay in the log"
                        );
                        unwritten.push((last + 1, pack.first - 1));
                    }
                }
            }
        }
        out.push(pack);
    }
    (out, unwritten)
}

fn to_stored(line: &LoggedRecord) -> Option<StoredEntry> {
    Some(StoredEntry {
        epoch: line.epoch,
        bytes: line.bytes.as_slice().into(),
        entry: line.entry()?.clone(),
    })
}
