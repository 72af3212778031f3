//! Opening: newest whole snapshot, packed history behind it, the log's tail after it.
//!
//! The same code runs after a clean stop, a kill and a power cut. The redb index is never needed here.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::Heads;
use super::codec::{self, Record};
use super::history::History;
use super::pack::{self, Pack};
use super::snapshot::{self, EpochSpan, Snapshot, SnapshotError};
use super::Stored;
use crate::domain::id::CommandId;
use crate::domain::state::State;
use crate::log::disk::Disk;
use crate::log::frame::{Epoch, Group};
use crate::log::recover::Damage;
use crate::log::segments::{Log, OpenError as LogError};

/// Where a journal lies: the folder of snapshots and packs, and the disk of the log.
pub struct Place {
    /// Folder of snapshots and packs; made when it is not there.
    pub folder: PathBuf,
    /// The log's disk.
    pub disk: Box<dyn Disk>,
}

/// Why a journal could not be opened. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system failed.
    #[error("cannot read the journal in {folder}")]
    Io {
        /// Its folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// Written by a newer program: run that one, or restore a backup from before it.
    #[error("the journal in {folder} was written by a newer version of this program (format {version})")]
    Newer {
        /// Its folder.
        folder: PathBuf,
        /// The format met.
        version: u32,
    },
}

/// What boot found and what the writer goes on from.
pub struct Opened {
    pub(super) log: Log,
    pub(super) snapshot: Snapshot,
    pub(super) history: Arc<History>,
    pub(super) packed: (u64, Heads),
    /// What could not be read, if anything.
    pub report: Report,
}

/// What was wrong, for doctor, health and `HistoryDamaged`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Damage in the log: epoch, last good entry, last entry known to have existed.
    pub damage: Vec<(Epoch, u64, u64)>,
    /// Snapshots that were damaged.
    pub snapshots_passed: usize,
    /// Packs that were damaged (renamed aside).
    pub packs_damaged: usize,
    /// Records in whole frames that this program could not read.
    pub unread: usize,
}

impl Report {
    /// True when nothing was wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// Opens the journal of `place` for the boot `epoch`.
///
/// # Errors
/// [`OpenError`] when the medium fails or was written by a newer program.
pub fn open(place: Place, epoch: Epoch) -> Result<Opened, OpenError> {
    let folder = place.folder.clone();
    let io = |cause| OpenError::Io { folder: folder.clone(), cause };
    std::fs::create_dir_all(&place.folder).map_err(io)?;
    let (found, passed) = snapshot::newest(&place.folder).map_err(|e| match e {
        SnapshotError::Io(cause) => io(cause),
        SnapshotError::Newer(version) => OpenError::Newer { folder: folder.clone(), version },
    })?;
    let (packs, damaged) = pack::list(&place.folder).map_err(io)?;
    let mut report = Report { snapshots_passed: passed, packs_damaged: damaged.len(), ..Report::default() };
    let mut snapshot = found.unwrap_or_default();
    catch_up_from_packs(&mut snapshot, &packs, &mut report);

    let (log, recovery) = Log::open(place.disk, epoch, &snapshot.floor).map_err(|e| match e {
        LogError::Io(cause) => io(cause),
        LogError::Newer(version) => OpenError::Newer { folder: folder.clone(), version: u32::from(version) },
    })?;
    // A pack is written together with the snapshot of the same entry: its end has the snapshot's heads.
    let packed = (packs.last().map_or(0, |p| p.last), snapshot.heads);
    let mut replay = Replay { tail: VecDeque::new(), report: &mut report, snapshot: &mut snapshot };
    for group in recovery.groups {
        replay.group(group);
    }
    let tail = replay.tail;
    if let Some(Damage { epoch, last_seen_seq }) = recovery.damage {
        report.damage.push((epoch, snapshot.state.seq, last_seen_seq.max(snapshot.state.seq)));
    }
    let history = Arc::new(History::new(tail, packs, snapshot.epochs.clone()));
    Ok(Opened { log, snapshot, history, packed, report })
}

/// A damaged newest snapshot means that packs may be ahead of the one that was taken: replay them.
fn catch_up_from_packs(snapshot: &mut Snapshot, packs: &[Pack], report: &mut Report) {
    let Some(last) = packs.last().map(|p| p.last) else { return };
    if last <= snapshot.state.seq {
        return;
    }
    let mut state = State::clone(&snapshot.state);
    for pack in packs.iter().filter(|p| p.last > snapshot.state.seq) {
        if snapshot.state.seq < pack.first {
            snapshot.heads = pack.heads;
        }
        for block in &pack.blocks {
            let Ok(entries) = pack::read(&pack.path, block) else {
                report.damage.push((block.epoch, state.seq, block.last));
                continue;
            };
            for stored in entries.iter().filter(|e| e.entry.seq > snapshot.state.seq) {
                note_span(&mut snapshot.epochs, stored, &mut snapshot.heads);
                snapshot.heads.add(stored.entry.lane, &stored.bytes);
                state.apply(&stored.entry);
            }
        }
    }
    snapshot.state = Arc::new(state);
}

/// Keeps the list of boots: a new epoch begins its chain, a known one grows.
fn note_span(epochs: &mut Vec<EpochSpan>, stored: &Stored, heads: &mut Heads) {
    let entry = &stored.entry;
    if epochs.last().is_none_or(|e| e.epoch != stored.epoch) {
        *heads = heads.begin(&stored.epoch);
        epochs.push(EpochSpan { epoch: stored.epoch, boot: 0, first: entry.seq, last: entry.seq, lanes: [0; 4], start: *heads });
    }
    if let Some(span) = epochs.last_mut() {
        span.last = entry.seq;
        span.lanes[entry.lane.index()] = entry.lane_seq;
        if let crate::domain::event::Event::Booted { boot, .. } = &entry.event {
            span.boot = *boot;
        }
    }
}

struct Replay<'a> {
    tail: VecDeque<Arc<Stored>>,
    report: &'a mut Report,
    snapshot: &'a mut Snapshot,
}

impl Replay<'_> {
    fn group(&mut self, group: Group) {
        let mut state = State::clone(&self.snapshot.state);
        let mut advanced = false;
        for record in group.records {
            match codec::decode(&record) {
                Ok(Record::Entry(entry)) if entry.seq > state.seq => {
                    let stored = Arc::new(Stored { epoch: group.epoch, bytes: record.into(), entry: *entry });
                    note_span(&mut self.snapshot.epochs, &stored, &mut self.snapshot.heads);
                    self.snapshot.heads.add(stored.entry.lane, &stored.bytes);
                    state.apply(&stored.entry);
                    self.tail.push_back(stored);
                    advanced = true;
                }
                Ok(Record::Entry(_)) => {}
                Ok(Record::Cursor(cursor)) => {
                    let at = self.snapshot.cursors.entry(cursor.feed).or_default();
                    *at = (*at).max(cursor.seq);
                }
                Ok(Record::Outcome(outcome)) => {
                    let outcomes: &mut BTreeMap<CommandId, codec::Outcome> = Arc::make_mut(&mut self.snapshot.outcomes);
                    outcomes.insert(outcome.id.clone(), outcome);
                }
                Err(_) => self.report.unread += 1,
            }
        }
        if advanced && group.stamp != [0; 128] && self.snapshot.heads.stamp() != group.stamp {
            // The frame is whole but its content is not what the chain says: somebody changed it.
            self.report.damage.push((group.epoch, state.seq, state.seq));
            self.snapshot.heads = Heads::from_stamp(&group.stamp);
        }
        self.snapshot.state = Arc::new(state);
    }
}

/// The folder of a journal inside the data folder.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("journal")
}
