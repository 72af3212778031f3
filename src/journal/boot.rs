//! Opening: what lies here is read, sorted into ours and another's, and folded into the village as
//! it is.
//!
//! The same code runs after a clean stop, a kill and a power cut. Log and packs are the truth: a
//! snapshot is where folding begins when one is whole, and without one it begins at the oldest
//! pack, or at the first whole group of the log. The redb index is never needed here. Nothing is
//! changed before it is certain that nothing is of a newer program.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::Heads;
use super::damaged_ranges;
use super::fold;
use super::history::History;
use super::lineage;
use super::logged_records::ReplayLog;
use super::pack;
use super::snapshot::{self, Snapshot, SnapshotError, SnapshotFile};
use crate::domain::id::VillageId;
use crate::log::disk::Disk;
use crate::log::frame::Epoch;
use crate::log::recover::Floor;
use crate::log::segments::{Log, LogOpenError};

/// Where a journal lies: the folder of snapshots and packs, and the disk of the log.
pub struct JournalStorage {
    /// Folder of snapshots and packs; made when it is not there.
    pub folder: PathBuf,
    /// The log's disk.
    pub disk: Box<dyn Disk>,
    /// The village's name at the commune, as it is configured: files that say it are ours. None =
    /// not known here.
    pub village: Option<VillageId>,
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
    #[error(
        "the journal in {folder} was written by a newer version of this program (format {version})"
    )]
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
    pub(super) log_floor: Floor,
    /// The first segment that holds what could not be packed again: from it on nothing is released
    /// in this boot.
    pub(super) release_below: u64,
    /// Fewer whole snapshots lie here than there should be: another is written before anything is
    /// built on this start.
    pub(super) lacks_snapshot: bool,
    /// What could not be read, if anything.
    pub report: Report,
}

/// What was wrong, for doctor, health and `HistoryDamaged`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Damage: epoch, last good entry, last entry known to have existed.
    pub damage: Vec<(Epoch, u64, u64)>,
    /// Snapshots that were damaged.
    pub snapshots_damaged: usize,
    /// There are packs and no snapshot that can be used, or only one from long before them (a kill
    /// leaves at most one pack without): the village was made from its entries.
    pub is_folded: bool,
    /// Packs that were damaged (renamed aside).
    pub packs_damaged: usize,
    /// Packs that were gone, of which at least a part stands in the log and is packed again.
    pub packs_rebuilt: usize,
    /// Snapshots, packs and segments of the log that are another village's, or a twin's (renamed
    /// or copied aside).
    pub foreign: usize,
    /// Segments of the log that somebody cut short.
    pub segments_truncated: usize,
    /// Files of the log that somebody removed.
    pub segments_missing: usize,
    /// Files in the log's folder whose numbers the log never gave.
    pub segments_stray: usize,
    /// Records in whole frames that this program could not read, and groups of the log that are
    /// missing.
    pub records_unreadable: usize,
}

impl Report {
    /// True when nothing was wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// True when something that was there is not any more: told on the first page.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        !self.damage.is_empty()
            || self.packs_damaged
                + self.foreign
                + self.segments_truncated
                + self.segments_missing
                + self.records_unreadable
                > 0
    }

    /// What was wrong, in words for a technician; empty = nothing.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = Vec::new();
        for (_, from, to) in &self.damage {
            let last = (*to).max(*from);
            out.push(if from == to {
                format!("entry {last} is not what the chain says")
            } else {
                format!("entries {} to {last} are missing", from + 1)
            });
        }
        let mut count = |n: usize, what: &str| {
            if n > 0 {
                out.push(format!("{n} {what}"));
            }
        };
        count(
            self.packs_damaged,
            "packs of history are damaged and were set aside",
        );
        count(
            self.packs_rebuilt,
            "packs of history were gone or damaged; what of them stands in the log is written again",
        );
        count(
            self.foreign,
            "files are of another village or of a copy of this one, and were set aside",
        );
        count(
            self.segments_truncated,
            "segments of the log were cut short; what stood behind the cut is gone",
        );
        count(
            self.segments_missing,
            "files of the log were removed; what stood in them, if anything, is gone",
        );
        count(
            self.segments_stray,
            "files in the log's folder have numbers that this log never gave; they are read and left where they are, and may be moved away when “journal check” misses nothing without them",
        );
        count(
            self.records_unreadable,
            "groups or records of the log cannot be read",
        );
        count(
            self.snapshots_damaged,
            "snapshots were damaged and are made again",
        );
        count(
            usize::from(self.is_folded),
            "time the village was made from its entries, because its snapshots were gone or old",
        );
        out.join("; ")
    }
}

/// Opens the journal of `place` for the boot `epoch`.
///
/// # Errors
/// [`OpenError`] when the medium fails or was written by a newer program.
pub fn open(place: JournalStorage, epoch: Epoch) -> Result<Opened, OpenError> {
    let folder = place.folder.clone();
    let io = |cause: io::Error| match cause.kind() {
        io::ErrorKind::Unsupported => OpenError::Newer {
            folder: folder.clone(),
            version: 2,
        },
        _ => OpenError::Io {
            folder: folder.clone(),
            cause,
        },
    };
    std::fs::create_dir_all(&place.folder).map_err(io)?;
    // What a killed process renamed must be durable before anything is built on it.
    std::fs::File::open(&place.folder)
        .and_then(|f| f.sync_all())
        .map_err(io)?;
    let copies = snapshot::list(&folder).map_err(|e| match e {
        SnapshotError::Io(cause) => io(cause),
        SnapshotError::Newer(version) => OpenError::Newer {
            folder: folder.clone(),
            version,
        },
    })?;
    let (mut packs, damaged) = pack::list(&folder).map_err(io)?;
    let whole = Floor {
        allow_gaps: true,
        ..Floor::default()
    };
    let (mut log, recovery) = Log::open(place.disk, epoch, &whole).map_err(|e| match e {
        LogOpenError::Io(cause) => io(cause),
        LogOpenError::Newer(version) => OpenError::Newer {
            folder: folder.clone(),
            version: u32::from(version),
        },
    })?;
    let mut logged = ReplayLog::parse(recovery.groups).map_err(|version| OpenError::Newer {
        folder: folder.clone(),
        version,
    })?;
    let kin = lineage::classify(&copies, &packs, &logged.records, place.village.as_ref());
    // Nothing is of a newer version: from here on files may be changed.
    let mut report = Report {
        packs_damaged: damaged.len(),
        ..Report::default()
    };
    for path in damaged {
        let _ = std::fs::rename(&path, path.with_extension("damaged"));
    }
    remove_temporary_files(&folder);
    let mut ours = kin.packs.iter();
    packs.retain(|pack| {
        let stays = ours.next().copied().unwrap_or(true);
        if !stays {
            set_aside_foreign(&pack.path, &mut report);
        }
        stays
    });
    let mut chosen = select_snapshots(copies, &kin.copies, &mut report);
    let is_first_start =
        packs.is_empty() && logged.records.is_empty() && chosen.is_empty() && report.is_clean();
    let lacks_snapshot = !is_first_start
        && (chosen.len() < 2
            || chosen[0].1.state.seq != chosen.last().map_or(0, |c| c.1.state.seq)
            || report.snapshots_damaged + report.foreign > 0);
    chosen.sort_by_key(|(_, s)| std::cmp::Reverse(s.state.seq));
    let newest = chosen.first().map(|(_, s)| s.clone());
    // The log is kept from the older one on, so that the newest may rot.
    let keep = newest
        .as_ref()
        .and_then(|n| chosen.iter().find(|(_, s)| s.state.seq < n.state.seq))
        .or(chosen.first())
        .map(|(_, s)| s.floor)
        .unwrap_or_default();
    let is_none = newest.is_none();
    let mut snapshot = newest.unwrap_or_default();
    report.is_folded = packs
        .iter()
        .filter(|p| p.first > snapshot.state.seq)
        .count()
        > usize::from(!is_none);
    let newest_floor = snapshot.floor;
    for segment in logged.retain_epochs(|epoch| kin.log.contains(epoch)) {
        if segment >= newest_floor.segment {
            report.foreign += 1;
            let _ = log.set_aside(segment);
        }
    }
    let promised = (snapshot.first, snapshot.state.seq);
    let found = fold::fold(&mut snapshot, &packs, &logged, keep.segment);
    report.damage = found.damage;
    report.segments_truncated = recovery
        .truncated
        .iter()
        .filter(|s| **s >= newest_floor.segment)
        .count();
    report.segments_missing = recovery.missing;
    report.segments_stray = recovery.stray.len();
    log.skip_to(newest_floor.segment);

    let before = packs.len();
    let unwritten;
    (packs, unwritten) = fold::rebuild_missing_packs(&folder, packs, &logged);
    // A snapshot is written after its pack: entries that it knows and no pack has were packed, and
    // are packed again.
    report.packs_rebuilt =
        packs.len() - before + usize::from(packs.last().map_or(0, |p| p.last) < promised.1);
    let tail = fold::log_tail(&logged, &packs);
    // What is in no pack stays where it stands until it is in one: the tail until it was packed,
    // the rest in this boot.
    let kept = logged
        .first_segment_where(|seq| {
            unwritten
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&seq))
        })
        .unwrap_or(u64::MAX);
    let unpacked = tail
        .first()
        .and_then(|first| logged.first_segment_where(|seq| seq >= first.entry.seq))
        .unwrap_or(u64::MAX);
    log.release(keep.segment.min(kept).min(unpacked).saturating_sub(1));
    let oldest = packs
        .first()
        .map(|p| p.first)
        .or_else(|| tail.first().map(|e| e.entry.seq))
        .unwrap_or(0);
    let kept_from = if promised.0 > 0 {
        promised.0.max(found.trimmed + 1)
    } else {
        oldest
    };
    report.damage.extend(fold::missing_ranges(
        &packs,
        &tail,
        kept_from,
        snapshot.state.seq,
    ));
    advance_to_proven(&mut snapshot, &mut report);
    report.damage =
        damaged_ranges::new_ranges(std::mem::take(&mut report.damage), &snapshot.state.damage);
    if report.damage.is_empty() {
        report.records_unreadable = logged.count_missing(&newest_floor);
    } else {
        for segment in log
            .sealed()
            .iter()
            .map(|s| s.segment)
            .filter(|s| *s >= newest_floor.segment)
            .collect::<Vec<_>>()
        {
            let _ = log.set_aside(segment);
        }
    }
    let packed = packs
        .last()
        .map_or((0, Heads::default()), |p| (p.last, p.end));
    let history = Arc::new(History::new(tail.into(), packs, snapshot.epochs.clone()));
    Ok(Opened {
        log,
        snapshot,
        history,
        packed,
        log_floor: newest_floor,
        release_below: kept,
        lacks_snapshot,
        report,
    })
}

/// The whole snapshots that are ours, as they lie, the spare last. What is another's is renamed
/// aside, and what is damaged goes: a whole one is written in its place.
fn select_snapshots(
    copies: Vec<SnapshotFile>,
    ours: &[bool],
    report: &mut Report,
) -> Vec<(bool, Snapshot)> {
    let mut out = Vec::new();
    for (copy, is_ours) in copies.into_iter().zip(ours) {
        match copy.snapshot {
            Some(snapshot) if *is_ours => out.push((copy.is_spare, snapshot)),
            Some(_) => set_aside_foreign(&copy.path, report),
            None => {
                report.snapshots_damaged += 1;
                if !copy.is_io_error {
                    let _ = std::fs::remove_file(&copy.path);
                }
            }
        }
    }
    out
}

fn set_aside_foreign(path: &Path, report: &mut Report) {
    report.foreign += 1;
    tracing::error!(path = %path.display(), "foreign history file set aside");
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let kind = path.extension().unwrap_or_default().to_string_lossy();
    let _ = std::fs::rename(path, path.with_file_name(format!("{name}-{kind}.foreign")));
}

/// What feeds, outcomes and boots say has been, and is nowhere, is missing: no number is given
/// twice.
fn advance_to_proven(snapshot: &mut Snapshot, report: &mut Report) {
    let proven = snapshot.last_proven_seq();
    if proven > snapshot.state.seq {
        let epoch = snapshot.epochs.last().map(|e| e.epoch).unwrap_or_default();
        report.damage.push((epoch, snapshot.state.seq, proven));
        Arc::make_mut(&mut snapshot.state).seq = proven;
    }
}

/// Removes half-written files of a process that was killed.
fn remove_temporary_files(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|x| x == "new"))
    {
        let _ = std::fs::remove_file(path);
    }
}

/// The folder of a journal inside the data folder.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("journal")
}
