//! Opening: newest whole snapshot, packed history behind it, the log's tail after it.
//!
//! The same code runs after a clean stop, a kill and a power cut. The redb index is never needed here.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Stored;
use super::chain::Heads;
use super::codec::{self, Record};
use super::history::History;
use super::pack::{self, Pack};
use super::snapshot::{self, EpochSpan, Snapshot, SnapshotError};
use crate::domain::id::CommandId;
use crate::domain::state::State;
use crate::log::disk::Disk;
use crate::log::frame::{Epoch, Group};
use crate::log::recover::{Damage, Floor};
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
    pub(super) newest_floor: Floor,
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
    let io = |cause: io::Error| match cause.kind() {
        io::ErrorKind::Unsupported => OpenError::Newer { folder: folder.clone(), version: 2 },
        _ => OpenError::Io { folder: folder.clone(), cause },
    };
    std::fs::create_dir_all(&place.folder).map_err(io)?;
    // What a killed process renamed must be durable before anything is built on it.
    std::fs::File::open(&place.folder).and_then(|f| f.sync_all()).map_err(io)?;
    let found = snapshot::newest(&place.folder).map_err(|e| match e {
        SnapshotError::Io(cause) => io(cause),
        SnapshotError::Newer(version) => OpenError::Newer { folder: folder.clone(), version },
    })?;
    let (packs, damaged) = pack::list(&place.folder).map_err(io)?;
    let mut report = Report { snapshots_passed: found.passed, packs_damaged: damaged.len(), ..Report::default() };
    let mut snapshot = found.newest.unwrap_or_default();
    let newest_floor = snapshot.floor;
    let keep = found.older_floor.unwrap_or(snapshot.floor);

    let (log, recovery) = Log::open(place.disk, epoch, &keep).map_err(|e| match e {
        LogError::Io(cause) => io(cause),
        LogError::Newer(version) => OpenError::Newer { folder: folder.clone(), version: u32::from(version) },
    })?;
    let records = decode(recovery.groups, &mut report).map_err(|version| OpenError::Newer { folder: folder.clone(), version })?;
    // Nothing is of a newer version: from here on files may be changed.
    for path in damaged {
        let _ = std::fs::rename(&path, path.with_extension("damaged"));
    }
    sweep(&place.folder);
    let first_in_log = records.iter().find_map(|r| if let Record::Entry(e) = &r.record { Some(e.seq) } else { None });
    catch_up_from_packs(&mut snapshot, &packs, first_in_log.unwrap_or(u64::MAX), &mut report);
    let packed = packs.last().map_or((0, Heads::default()), |p| (p.last, p.end));
    let tail = replay(records, &mut snapshot, &mut report);
    if let Some(Damage { epoch, last_seen_seq }) = recovery.damage {
        report.damage.push((epoch, snapshot.state.seq, last_seen_seq.max(snapshot.state.seq)));
    }
    for pair in packs.windows(2).filter(|p| p[1].first > p[0].last + 1) {
        report.damage.push((epoch, pair[0].last, pair[1].first - 1));
    }
    let known = snapshot.state.damage.clone();
    report.damage.retain(|(_, from, to)| !known.contains(&(*from, *to)));
    let history = Arc::new(History::new(tail, packs, snapshot.epochs.clone()));
    Ok(Opened { log, snapshot, history, packed, newest_floor, report })
}

/// Removes half-written files of a process that was killed.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == "new")) {
        let _ = std::fs::remove_file(path);
    }
}

/// One record of the log with its frame's epoch; `stamp` is set on the last record of a group.
struct Replayed {
    epoch: Epoch,
    bytes: Vec<u8>,
    record: Record,
    stamp: Option<Heads>,
}

fn decode(groups: Vec<Group>, report: &mut Report) -> Result<Vec<Replayed>, u32> {
    let mut out = Vec::new();
    for group in groups {
        for bytes in group.records {
            match codec::decode(&bytes) {
                Ok(record) => out.push(Replayed { epoch: group.epoch, bytes, record, stamp: None }),
                Err(codec::CodecError::Newer(version)) => return Err(version),
                Err(codec::CodecError::Shape(_)) => report.unread += 1,
            }
        }
        if group.stamp != [0; 128]
            && let Some(last) = out.last_mut()
        {
            last.stamp = Some(Heads::from_stamp(&group.stamp));
        }
    }
    Ok(out)
}

/// Entries that neither the snapshot nor the log (which begins with `log_from`) has are taken from packs.
fn catch_up_from_packs(snapshot: &mut Snapshot, packs: &[Pack], log_from: u64, report: &mut Report) {
    if snapshot.state.seq + 1 >= log_from || packs.last().is_none_or(|p| p.last <= snapshot.state.seq) {
        return;
    }
    let mut state = State::clone(&snapshot.state);
    let begin = state.seq;
    for pack in packs.iter().filter(|p| p.last > begin) {
        if state.seq < pack.first {
            snapshot.heads = pack.heads;
        }
        for block in pack.blocks.iter().filter(|b| b.last > begin && b.first < log_from) {
            if block.first > state.seq + 1 {
                report.damage.push((block.epoch, state.seq, block.first - 1));
            }
            let Ok(entries) = pack::read(&pack.path, block) else {
                report.damage.push((block.epoch, state.seq, block.last));
                state.seq = block.last;
                continue;
            };
            let from = state.seq;
            for stored in entries.iter().filter(|e| e.entry.seq > from && e.entry.seq < log_from) {
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

/// Applies the log to the snapshot; gives the entries that were new to it.
fn replay(records: Vec<Replayed>, snapshot: &mut Snapshot, report: &mut Report) -> VecDeque<Arc<Stored>> {
    let mut state = Arc::unwrap_or_clone(std::mem::take(&mut snapshot.state));
    let mut tail = VecDeque::new();
    let mut advanced = false;
    for Replayed { epoch, bytes, record, stamp } in records {
        match record {
            Record::Entry(entry) if entry.seq > state.seq => {
                if entry.seq > state.seq + 1 {
                    // The end of an epoch is gone without a trace in its own frames. What came later is kept.
                    report.damage.push((epoch, state.seq, entry.seq - 1));
                }
                let stored = Arc::new(Stored { epoch, bytes: bytes.into(), entry: *entry });
                note_span(&mut snapshot.epochs, &stored, &mut snapshot.heads);
                snapshot.heads.add(stored.entry.lane, &stored.bytes);
                state.apply(&stored.entry);
                tail.push_back(stored);
                advanced = true;
            }
            Record::Entry(_) => {}
            Record::Cursor(cursor) => {
                let at = snapshot.cursors.entry(cursor.feed).or_default();
                *at = (*at).max(cursor.seq);
            }
            Record::Outcome(outcome) => {
                let outcomes: &mut BTreeMap<CommandId, codec::Outcome> = Arc::make_mut(&mut snapshot.outcomes);
                outcomes.insert(outcome.id.clone(), outcome);
            }
        }
        if let Some(stamp) = stamp.filter(|_| std::mem::take(&mut advanced))
            && snapshot.heads != stamp
        {
            if report.damage.is_empty() {
                // The frame is whole but its content is not what the chain says: somebody changed it.
                report.damage.push((epoch, state.seq, state.seq));
            }
            snapshot.heads = stamp;
        }
    }
    snapshot.state = Arc::new(state);
    tail
}

/// The folder of a journal inside the data folder.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("journal")
}
