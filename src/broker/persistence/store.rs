//! The files of the persistence log: groups of records with their checksum tables, snapshots, the
//! watermark, and data loss.
//!
//! Invariants:
//!
//! - A file from which records were saved because it is damaged is not overwritten before a
//!   complete snapshot is on disk: it is set aside under another name, and still read from there.
//! - Data that was on disk and cannot be read any more is reported by
//!   [`PersistenceFiles::report_loss`] and recorded in the watermark from then on.
//! - Damage never keeps the broker from serving.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::checksum_table::{self, ChecksumTable, GroupPosition, LogId};
use super::record::PersistedChange;
use super::restore::RecoveredState;
use super::salvage::{AssembledLog, SalvagedFiles};
use super::snapshot::BrokerSnapshot;
use super::watermark::{WATERMARK_INTERVAL_GROUPS, Watermark, WatermarkFiles};
use crate::keys::secret;
use crate::log::disk::{DirDisk, Disk as _};
use crate::log::frame::{Epoch, Group, MAX_PAYLOAD};
use crate::log::recover::Floor;
use crate::log::segments::{Log, LogOpenError};
use crate::protocol::broker::{DataLoss, LossKind};

/// Most bytes of records and their table rows in one group.
const GROUP_PAYLOAD_MAX: usize = MAX_PAYLOAD - 8192;
/// Number of sealed segments at which a snapshot is written.
const SEALED_SEGMENTS_MAX: usize = 4;
/// How many files of each slot are set aside at most.
const DAMAGED_FILES_MAX: usize = 4;

/// The persistence log on disk, open for writing.
pub struct PersistenceFiles {
    log: Log,
    /// The last group, and the next number to give out.
    last_group: u64,
    next_group: u64,
    log_id: LogId,
    /// The group and the segment with which the last complete snapshot begins; group 0 when there
    /// is none.
    snapshot_start: (u64, u64),
    /// The contents of the disk are not as they should be; a snapshot repairs what can be
    /// repaired.
    needs_snapshot: bool,
    sealed_by_snapshot: usize,
    watermark_files: WatermarkFiles,
    watermark: Watermark,
    loss: Option<DataLoss>,
    /// Bytes written since it was opened.
    pub bytes_written: u64,
}

/// How the names of files begin that were set aside.
const DAMAGED_PREFIX: &str = "damaged-";

fn damaged_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let all = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    Ok(all
        .into_iter()
        .filter(|e| e.file_name().to_string_lossy().starts_with(DAMAGED_PREFIX))
        .map(|e| e.path())
        .collect())
}

/// Takes a file out of use, so that nothing is written over it.
fn move_aside(folder: &Path, slot: u32) -> io::Result<()> {
    let names: Vec<PathBuf> = (0..DAMAGED_FILES_MAX)
        .map(|n| folder.join(format!("{DAMAGED_PREFIX}{slot:04}-{n}")))
        .collect();
    let Some(to) = names.iter().find(|n| !n.exists()).or(names.last()) else {
        return Ok(());
    };
    std::fs::rename(folder.join(format!("{slot:04}.seg")), to)?;
    std::fs::File::open(folder)?.sync_all()
}

fn is_legacy_group(group: &Group) -> bool {
    group
        .records
        .first()
        .is_none_or(|r| ChecksumTable::read(r).is_none())
}

fn parse_log_id(hex: &str) -> Option<LogId> {
    let bytes = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(hex.get(i * 2..i * 2 + 2)?, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    bytes.try_into().ok()
}

/// Reads everything that is there, also the segments that an earlier start set aside.
///
/// # Errors
/// When the medium fails or a newer program wrote it.
fn salvage(folder: &Path, disk: &mut DirDisk) -> io::Result<SalvagedFiles> {
    let mut files = SalvagedFiles::default();
    for slot in disk.slots()? {
        files.add(Some(slot), &disk.read(slot)?);
    }
    if let Some(version) = files.newer_version {
        return Err(io::Error::other(LogOpenError::Newer(version)));
    }
    for path in damaged_files(folder)? {
        files.add(None, &std::fs::read(&path).unwrap_or_default());
    }
    Ok(files)
}

impl PersistenceFiles {
    /// Opens the folder and reads its contents. `served_before`: a broker is known to have served
    /// from this folder.
    ///
    /// # Errors
    /// When the medium fails or a newer program wrote it.
    pub fn open(
        folder: &Path,
        epoch: Epoch,
        served_before: bool,
    ) -> io::Result<(Self, RecoveredState)> {
        let mut disk = DirDisk::open(folder)?;
        let marks = WatermarkFiles::for_folder(folder);
        let was_marked = marks.any_exists();
        let files = salvage(folder, &mut disk)?;
        let (ours, mark) =
            marks.resolve(files.dominant_log().map(|id| secret::hex(&id)).as_deref());
        let known = ours.as_deref().and_then(parse_log_id);
        let log_id = match known.or_else(|| files.dominant_log()) {
            Some(id) => id,
            None => secret::random()?,
        };
        let reached = mark
            .as_ref()
            .filter(|_| known.is_some())
            .map_or(0, |m| m.group_number);
        let (assembled, foreign) = (
            files.assemble(&log_id, reached),
            files.foreign_slots(&log_id),
        );
        for slot in assembled.damaged_slots.union(&foreign) {
            // Without space for another name, or on storage that can only be read, it stays where
            // it is.
            if let Err(cause) = move_aside(folder, *slot) {
                tracing::warn!(
                    %cause,
                    slot,
                    "broker persistence: cannot set a damaged segment aside"
                );
            }
        }
        let (log, found) = Log::open(
            Box::new(disk),
            epoch,
            &Floor {
                any_start: true,
                ..Floor::default()
            },
        )
        .map_err(io::Error::other)?;
        // Groups of versions without tables are older than those of this version, or newer if such
        // a version was installed again.
        let legacy_groups: Vec<&Group> =
            found.groups.iter().filter(|g| is_legacy_group(g)).collect();
        let is_behind = |g: &Group| assembled.first_segment.is_some_and(|s| g.segment > s);
        let old = |behind: bool| {
            legacy_groups
                .iter()
                .filter(move |g| is_behind(g) == behind && (behind || assembled.first_needed == 0))
                .flat_map(|g| &g.records)
                .map(|r| Some(r.as_slice()))
        };
        let records = old(false)
            .chain(assembled.records.iter().map(Option::as_deref))
            .chain(old(true));
        let all = RecoveredState::from_damaged_records(records);
        let is_damaged =
            found.damage.is_some() && (!legacy_groups.is_empty() || assembled.highest_seen == 0);
        let is_empty = assembled.last_complete == 0 && legacy_groups.is_empty();
        let expected = reached > 0 || mark.is_none() && (was_marked || served_before);
        let loss =
            loss_kind(&assembled, &foreign, is_damaged, is_empty && expected).map(|how| DataLoss {
                kind: how,
                lost_groups: assembled.missing_groups + u64::from(is_damaged),
                lost_records: assembled.lost_records,
                ..DataLoss::default()
            });
        let renew = loss.is_some()
            || assembled.is_torn
            || found.damage.is_some()
            || !legacy_groups.is_empty();
        let first = (assembled.first_needed, found.first);
        let marked = Watermark {
            log_id: secret::hex(&log_id),
            group_number: assembled.last_complete,
            ..mark.unwrap_or_default()
        };
        Ok((
            Self {
                log,
                last_group: assembled.last_complete,
                next_group: assembled.highest_seen + 1,
                log_id,
                snapshot_start: first,
                needs_snapshot: renew,
                sealed_by_snapshot: 0,
                watermark_files: marks,
                watermark: marked,
                loss,
                bytes_written: 0,
            },
            all,
        ))
    }

    /// Reports data that was on disk and is missing, in the log and in the watermark, and writes
    /// the watermark for the current position.
    pub fn report_loss(&mut self, found: &RecoveredState, wall: u64) -> Option<DataLoss> {
        let (retained_left, sessions_left) = found.counts();
        if let Some(loss) = self.loss.take() {
            let (retained, sessions) = (self.watermark.retained, self.watermark.sessions);
            let loss = DataLoss {
                found_at_s: wall,
                retained,
                retained_recovered: retained_left,
                sessions,
                sessions_recovered: sessions_left,
                ..loss
            };
            tracing::error!(
                ?loss,
                "broker persistence: data lost; serving what was recovered"
            );
            self.watermark.loss = Some(loss);
        }
        self.write_watermark((retained_left, sessions_left));
        self.watermark.loss.clone()
    }

    /// True when the log is far ahead of its watermark, or the watermark says that there is nothing
    /// although there is something.
    pub fn wants_watermark(&self) -> bool {
        self.last_group >= self.watermark.group_number + WATERMARK_INTERVAL_GROUPS
            || self.watermark.group_number < self.snapshot_start.0
            || self.watermark.group_number == 0 && self.last_group > 0
    }

    /// Writes how far the log has come, and its numbers of retained messages and persistent
    /// sessions.
    pub fn write_watermark(&mut self, (retained, sessions): (u64, u64)) {
        self.watermark = Watermark {
            group_number: self.last_group,
            retained,
            sessions,
            ..self.watermark.clone()
        };
        if let Err(cause) = self.watermark_files.write(&self.watermark) {
            tracing::warn!(%cause, "broker persistence: cannot write watermark");
        }
    }

    /// Writes records durably, in as few groups as they need.
    ///
    /// # Errors
    /// When the medium fails; these files are unusable then.
    pub fn write(&mut self, records: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
        let mut part: Vec<Vec<u8>> = Vec::new();
        let mut size = 0;
        for record in records {
            let takes = record.len() + 4 + 2 * checksum_table::ROW_BYTES;
            if size + takes > GROUP_PAYLOAD_MAX && !part.is_empty() {
                self.append(&std::mem::take(&mut part))?;
                size = 0;
            }
            if takes > GROUP_PAYLOAD_MAX {
                // A record that is larger than a group is written in pieces: `<` begins, `-`
                // continues, `>` ends.
                let most = GROUP_PAYLOAD_MAX - 4 - 2 * checksum_table::ROW_BYTES;
                let count = record.len().div_ceil(most);
                for (n, chunk) in record.chunks(most).enumerate() {
                    let sign: &[u8] = if n == 0 {
                        b"<"
                    } else if n + 1 == count {
                        b">"
                    } else {
                        b"-"
                    };
                    self.append(&[[sign, chunk].concat()])?;
                }
                continue;
            }
            size += takes;
            part.push(record);
        }
        if part.is_empty() {
            Ok(())
        } else {
            self.append(&part)
        }
    }

    fn append(&mut self, part: &[Vec<u8>]) -> io::Result<()> {
        let stand = GroupPosition {
            log_id: self.log_id,
            number: self.next_group,
            previous: self.last_group,
            first_needed: self.snapshot_start.0,
        };
        let (before, behind) = (
            checksum_table::encode(&stand, false, part),
            checksum_table::encode(&stand, true, part),
        );
        let all: Vec<&[u8]> = std::iter::once(&before)
            .chain(part)
            .chain(std::iter::once(&behind))
            .map(Vec::as_slice)
            .collect();
        self.bytes_written += crate::log::frame::size_of(&all) as u64;
        self.log
            .append_from(self.snapshot_start.1, stand.number, &all)?;
        (self.last_group, self.next_group) = (stand.number, stand.number + 1);
        Ok(())
    }

    /// The broker begins to serve the recovered messages: from now on they may have been sent.
    pub fn record_serving_started(&mut self, found: &mut RecoveredState) {
        if found.has_never_sent()
            && let Err(cause) =
                self.write(std::iter::once(PersistedChange::ServingStarted.encode()))
        {
            tracing::warn!(%cause, "broker persistence: cannot record start; resending with DUP");
            found.clear_never_sent();
        }
    }

    /// True when a snapshot is due.
    pub fn wants_snapshot(&self) -> bool {
        self.needs_snapshot
            || self.log.sealed().len() >= SEALED_SEGMENTS_MAX + 2 * self.sealed_by_snapshot
    }

    /// Bytes on disk.
    #[cfg(test)]
    pub fn size(&self) -> u64 {
        self.log.size()
    }

    /// Writes a snapshot and releases the segments before it.
    ///
    /// # Errors
    /// As [`PersistenceFiles::write`].
    pub fn write_snapshot(&mut self, snapshot: &BrokerSnapshot) -> io::Result<()> {
        self.log.seal();
        let first = (self.next_group, self.log.next_segment());
        self.write(snapshot.records())?;
        // The group with the end record says where the snapshot begins: with it, every group before
        // that is obsolete.
        self.snapshot_start = first;
        self.write(std::iter::once(PersistedChange::SnapshotEnd.encode()))?;
        self.needs_snapshot = false;
        // A large snapshot seals segments itself: those are no reason for the next one.
        self.sealed_by_snapshot = self.log.sealed().len();
        // Only now may the groups behind damage be removed.
        self.log.remove_orphaned()
    }
}

/// The kind of data loss; `None` when nothing was lost.
fn loss_kind(
    row: &AssembledLog,
    foreign: &BTreeSet<u32>,
    is_damaged: bool,
    is_gone: bool,
) -> Option<LossKind> {
    if !foreign.is_empty() {
        Some(LossKind::Foreign)
    } else if is_gone {
        Some(LossKind::Missing)
    } else if row.missing_groups + row.lost_records > 0 || is_damaged {
        Some(LossKind::Damaged)
    } else {
        row.is_truncated.then_some(LossKind::Outdated)
    }
}
