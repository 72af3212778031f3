//! Opening a journal: reads the stored files, sets aside those of another history, and folds the
//! rest into the village as it is now.
//!
//! The same code runs after a clean stop, a kill and a power cut. Log and packs are the truth.
//! Folding begins at a whole snapshot, and without one at the oldest pack, or at the first whole
//! group of the log. Invariant: no file is changed before it is certain that no file is of a newer
//! program. Deliberately absent: the redb index, which is never needed for a start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoredEntry;
use super::chain::Heads;
use super::damaged_ranges;
use super::fold;
use super::history::History;
use super::lineage::{self, Lineage};
use super::logged_records::ReplayLog;
use super::pack::{self, Pack};
use super::report::Report;
use super::snapshot::{self, Snapshot, SnapshotError, SnapshotFile};
use crate::domain::id::VillageId;
use crate::log::disk::Disk;
use crate::log::frame::Epoch;
use crate::log::recover::Floor;
use crate::log::segments::{Log, LogOpenError, Recovery};

/// Where a journal is stored: the folder of snapshots and packs, and the disk of the log.
pub struct JournalStorage {
    /// Folder of snapshots and packs; created when it does not exist.
    pub folder: PathBuf,
    /// The log's disk.
    pub disk: Box<dyn Disk>,
    /// The village's name at the commune, as it is configured: files that declare it are ours.
    /// None = not known here.
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
        /// The format of the newer file.
        version: u32,
    },
}

/// An opened journal, from which the writer goes on.
pub struct Opened {
    pub(super) log: Log,
    pub(super) snapshot: Snapshot,
    pub(super) history: Arc<History>,
    pub(super) packed: (u64, Heads),
    pub(super) log_floor: Floor,
    /// The first segment with entries that could not be packed again: from this segment on nothing
    /// is released in this boot.
    pub(super) release_below: u64,
    /// Fewer whole snapshots are stored than there should be: another is written before anything
    /// is built on this start.
    pub(super) lacks_snapshot: bool,
    /// The damage that was found, if any.
    pub report: Report,
}

/// The content of a journal's storage, decoded, and which of it is of this village's history.
struct StorageContents {
    copies: Vec<SnapshotFile>,
    packs: Vec<Pack>,
    damaged_packs: Vec<PathBuf>,
    log: Log,
    logged: ReplayLog,
    /// The findings from opening the log; its groups are in `logged`.
    recovery: Recovery,
    lineage: Lineage,
}

/// Opens the journal of `place` for the boot `epoch`.
///
/// # Errors
/// [`OpenError`] when the medium fails or was written by a newer program.
pub fn open(place: JournalStorage, epoch: Epoch) -> Result<Opened, OpenError> {
    let folder = place.folder.clone();
    let StorageContents {
        copies,
        mut packs,
        damaged_packs,
        mut log,
        mut logged,
        recovery,
        lineage,
    } = read_storage(place, epoch)?;
    // No file is of a newer program: from here on files may be changed.
    let mut report = Report {
        packs_damaged: damaged_packs.len(),
        ..Report::default()
    };
    for path in damaged_packs {
        let _ = std::fs::rename(&path, path.with_extension("damaged"));
    }
    remove_temporary_files(&folder);
    set_aside_foreign_packs(&mut packs, &lineage.packs, &mut report);
    let chosen = select_snapshots(copies, &lineage.copies, &mut report);
    let has_entries = !packs.is_empty() || !logged.records.is_empty();
    let base = FoldBase::choose(chosen, has_entries, &report);
    let mut snapshot = base.snapshot;
    report.is_folded = packs
        .iter()
        .filter(|p| p.first > snapshot.state.seq)
        .count()
        > usize::from(base.is_stored);
    let newest_floor = snapshot.floor;
    for segment in logged.retain_epochs(|epoch| lineage.log.contains(epoch)) {
        if segment >= newest_floor.segment {
            report.foreign += 1;
            let _ = log.set_aside(segment);
        }
    }
    let promised = (snapshot.first, snapshot.state.seq);
    let folded = fold::fold(&mut snapshot, &packs, &logged, base.older_floor.segment);
    report.damage = folded.damage;
    report.segments_truncated = recovery
        .truncated
        .iter()
        .filter(|s| **s >= newest_floor.segment)
        .count();
    report.segments_missing = recovery.missing;
    report.segments_stray = recovery.stray.len();
    log.skip_to(newest_floor.segment);

    let before = packs.len();
    let (packs, unwritten) = fold::rebuild_missing_packs(&folder, packs, &logged);
    // A snapshot is written after its pack. Entries that the snapshot knows and no pack has were
    // therefore packed once, and are packed again.
    report.packs_rebuilt =
        packs.len() - before + usize::from(packs.last().map_or(0, |p| p.last) < promised.1);
    let tail = fold::log_tail(&logged, &packs);
    let release_below = release_packed_segments(
        &mut log,
        &logged,
        &tail,
        &unwritten,
        base.older_floor.segment,
    );
    report.damage.extend(fold::missing_ranges(
        &packs,
        &tail,
        first_expected(&packs, &tail, promised.0, folded.trimmed),
        snapshot.state.seq,
    ));
    advance_to_proven(&mut snapshot, &mut report);
    report.damage =
        damaged_ranges::new_ranges(std::mem::take(&mut report.damage), &snapshot.state.damage);
    if report.damage.is_empty() {
        report.records_unreadable = logged.count_missing(&newest_floor);
    } else {
        set_aside_log(&mut log, newest_floor.segment);
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
        release_below,
        lacks_snapshot: base.lacks_snapshot,
        report,
    })
}

/// Reads snapshots, packs and log. History is not changed here, because it may turn out to be of a
/// newer program.
fn read_storage(place: JournalStorage, epoch: Epoch) -> Result<StorageContents, OpenError> {
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
    // A killed process may have renamed files: the names must be durable before anything is built
    // on them.
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
    let (packs, damaged_packs) = pack::list(&folder).map_err(io)?;
    let whole = Floor {
        allow_gaps: true,
        ..Floor::default()
    };
    let (log, mut recovery) = Log::open(place.disk, epoch, &whole).map_err(|e| match e {
        LogOpenError::Io(cause) => io(cause),
        LogOpenError::Newer(version) => OpenError::Newer {
            folder: folder.clone(),
            version: u32::from(version),
        },
    })?;
    let groups = std::mem::take(&mut recovery.groups);
    let logged = ReplayLog::parse(groups).map_err(|version| OpenError::Newer {
        folder: folder.clone(),
        version,
    })?;
    let lineage = lineage::classify(&copies, &packs, &logged.records, place.village.as_ref());
    Ok(StorageContents {
        copies,
        packs,
        damaged_packs,
        log,
        logged,
        recovery,
        lineage,
    })
}

/// Renames aside the packs that are not of this village's history; `ours` has one flag for each.
fn set_aside_foreign_packs(packs: &mut Vec<Pack>, ours: &[bool], report: &mut Report) {
    let mut ours = ours.iter();
    packs.retain(|pack| {
        let stays = ours.next().copied().unwrap_or(true);
        if !stays {
            set_aside_foreign(&pack.path, report);
        }
        stays
    });
}

/// The snapshot from which folding begins.
struct FoldBase {
    snapshot: Snapshot,
    /// False = no snapshot can be used, and folding begins with an empty village.
    is_stored: bool,
    /// The floor of the next older snapshot. The log is kept from there on, so that the newest
    /// snapshot may be lost to corruption.
    older_floor: Floor,
    lacks_snapshot: bool,
}

impl FoldBase {
    /// Chooses the newest of the usable snapshots `chosen` (each with whether it is the spare).
    /// `has_entries` = packs or log hold anything; `report` is the damage that was found so far.
    fn choose(mut chosen: Vec<(bool, Snapshot)>, has_entries: bool, report: &Report) -> Self {
        let is_first_start = !has_entries && chosen.is_empty() && report.is_clean();
        let lacks_snapshot = !is_first_start
            && (chosen.len() < 2
                || chosen[0].1.state.seq != chosen.last().map_or(0, |c| c.1.state.seq)
                || report.snapshots_damaged + report.foreign > 0);
        chosen.sort_by_key(|(_, s)| std::cmp::Reverse(s.state.seq));
        let newest = chosen.first().map(|(_, s)| s.clone());
        let older_floor = newest
            .as_ref()
            .and_then(|n| chosen.iter().find(|(_, s)| s.state.seq < n.state.seq))
            .or(chosen.first())
            .map(|(_, s)| s.floor)
            .unwrap_or_default();
        Self {
            is_stored: newest.is_some(),
            snapshot: newest.unwrap_or_default(),
            older_floor,
            lacks_snapshot,
        }
    }
}

/// Releases the segments below `older_floor`, up to the first one with an entry that is in no pack:
/// the entries of `tail` stay in the log until they are packed, those of the `unwritten` ranges for
/// this whole boot. Gives the first segment with entries of `unwritten`.
fn release_packed_segments(
    log: &mut Log,
    logged: &ReplayLog,
    tail: &[Arc<StoredEntry>],
    unwritten: &[(u64, u64)],
    older_floor: u64,
) -> u64 {
    let first_unwritten = logged
        .first_segment_where(|seq| {
            unwritten
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&seq))
        })
        .unwrap_or(u64::MAX);
    let first_unpacked = tail
        .first()
        .and_then(|first| logged.first_segment_where(|seq| seq >= first.entry.seq))
        .unwrap_or(u64::MAX);
    log.release(
        older_floor
            .min(first_unwritten)
            .min(first_unpacked)
            .saturating_sub(1),
    );
    first_unwritten
}

/// The first entry that history should have. `promised` is the oldest entry that the snapshot knew
/// in history (0 = it does not say: then the oldest entry that is here), `trimmed` the last one
/// that was trimmed since.
fn first_expected(packs: &[Pack], tail: &[Arc<StoredEntry>], promised: u64, trimmed: u64) -> u64 {
    if promised > 0 {
        return promised.max(trimmed + 1);
    }
    packs
        .first()
        .map(|p| p.first)
        .or_else(|| tail.first().map(|e| e.entry.seq))
        .unwrap_or(0)
}

/// Keeps a copy of every finished segment from `from` on, for a person to look at.
fn set_aside_log(log: &mut Log, from: u64) {
    for segment in log
        .sealed()
        .iter()
        .map(|s| s.segment)
        .filter(|s| *s >= from)
        .collect::<Vec<_>>()
    {
        let _ = log.set_aside(segment);
    }
}

/// The whole snapshots that are ours, newest name first, the spare last; each with whether it is
/// the spare. Snapshots of another history are renamed aside. Damaged ones are removed, because a
/// whole one is written in their place; those that the medium could not read stay.
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

/// Records as missing the entries that cursors, outcomes and boots prove to have existed and that
/// are stored nowhere. Numbering goes on behind them, so that no number is given twice.
fn advance_to_proven(snapshot: &mut Snapshot, report: &mut Report) {
    let proven = snapshot.last_proven_seq();
    if proven > snapshot.state.seq {
        let epoch = snapshot.epochs.last().map(|e| e.epoch).unwrap_or_default();
        report.damage.push((epoch, snapshot.state.seq, proven));
        Arc::make_mut(&mut snapshot.state).seq = proven;
    }
}

/// Removes half-written files that a killed process left.
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
