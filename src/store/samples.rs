//! Samples: the readings of the last 24 hours, in memory, flushed as `log/` frames every minute.
//!
//! Readings are not history: up to a minute may be lost in a power cut. Values are integers scaled
//! by the sensor's decimals. A record of a frame: length of the sensor id u8, id, count u32, then
//! (ms i64, value i64) each. Deliberately absent so far: hour chunks in redb, tiers, export.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::id::EntityId;
use crate::keys::secret;
use crate::log::disk::{DirDisk, Disk as _, write_atomic};
use crate::log::frame::{self, Epoch, Group};
use crate::log::recover::Floor;
use crate::log::segments::{Log, Recovery};
use crate::time::WallMs;

/// How long readings stay in memory, ms.
pub const RETENTION_MS: i64 = 24 * 3_600_000;
/// Most readings of one sensor in memory: one every 10 s for a day.
pub const MAX_SAMPLES_PER_SENSOR: usize = 8_640;
/// Readings of one sensor that are nearer to each other than this are stored as one, ms: otherwise
/// a malicious device writes 45 MB a day.
const MIN_SPACING_MS: i64 = 2_000;
/// Groups after which the watermark file is written again: about an hour.
const MARK_INTERVAL_GROUPS: u64 = 64;
/// Segments of readings on disk.
const MAX_SEGMENTS: usize = 16;

/// One reading: wall ms and value scaled by the sensor's decimals.
pub type Reading = (WallMs, i64);

/// Why readings of the last day are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingsLoss {
    /// Their files are gone or empty.
    Missing,
    /// Their files are damaged in part.
    Damaged,
    /// Their files are an old copy, or the end is missing.
    Outdated,
    /// There are files of another machine, which are not used.
    Foreign,
}

#[derive(Debug, Default)]
struct BufferedReadings {
    by_sensor: BTreeMap<EntityId, VecDeque<Reading>>,
    unflushed: BTreeMap<EntityId, Vec<Reading>>,
}

/// The readings; clones share them.
#[derive(Clone, Default)]
pub struct Samples {
    inner: Arc<Mutex<BufferedReadings>>,
    /// The log, the number of its last group, and the first segment that is needed; none = the log
    /// failed.
    log: Arc<Mutex<Option<(Log, u64, u64)>>>,
    place: Arc<Mutex<(PathBuf, Epoch)>>,
    loss: Option<ReadingsLoss>,
    /// The group that the watermark file names.
    marked: Arc<AtomicU64>,
}

fn mark_of(folder: &Path) -> PathBuf {
    folder.with_extension("mark")
}

/// The last group that the watermark file names, and the boot that wrote it. A file that cannot be
/// parsed proves only that there were readings: group 1, no boot.
fn read_mark(folder: &Path) -> Option<(u64, Option<Epoch>)> {
    let bytes = std::fs::read(mark_of(folder)).ok()?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let (number, boot) = text.split_once(' ').unwrap_or_default();
    let byte = |i: usize| {
        boot.get(i * 2..i * 2 + 2)
            .and_then(|b| u8::from_str_radix(b, 16).ok())
    };
    let boot = (0..16)
        .map(byte)
        .collect::<Option<Vec<u8>>>()
        .and_then(|b| b.try_into().ok());
    Some((number.parse().unwrap_or(1), boot))
}

/// Appends to `out` the groups in a file, with their offsets.
fn read_groups(content: &[u8], out: &mut Vec<(Group, usize)>) {
    let mut at = 0;
    while at < content.len() {
        match frame::decode(&content[at..]) {
            frame::BlockScan::Group(group, len) => {
                out.push((*group, at));
                at += len;
            }
            _ => at += frame::BLOCK_BYTES,
        }
    }
}

/// True when the boot wrote under this epoch: its own epoch, or one of those under which it went on
/// after a failure ([`Samples::reopen`]).
fn is_from_boot(epoch: &Epoch, boot: &Epoch) -> bool {
    let shape = |e: &Epoch| e.map(|byte| byte.wrapping_sub(e[0]));
    shape(epoch) == shape(boot)
}

/// Why readings are missing; none = none is. Segments are numbered from 2 without a hole; those
/// older than the first that is needed may be missing.
fn explain_loss(
    groups: &[(Group, usize)],
    found: &Recovery,
    reached: Option<u64>,
) -> Option<ReadingsLoss> {
    let segments: BTreeSet<u64> = groups
        .iter()
        .map(|(g, _)| g.segment)
        .filter(|s| *s >= found.first.max(2))
        .collect();
    let last = groups.iter().map(|(g, _)| g.first_seq).max().unwrap_or(0);
    if groups.is_empty() {
        reached.map(|_| ReadingsLoss::Missing)
    } else if found.damage.is_some()
        || segments
            .first()
            .is_some_and(|first| *first > found.first.max(2))
        || segments
            .last()
            .is_some_and(|last| last - segments.first().unwrap_or(last) >= segments.len() as u64)
    {
        Some(ReadingsLoss::Damaged)
    } else {
        reached
            .filter(|n| *n > last)
            .map(|_| ReadingsLoss::Outdated)
    }
}

impl Samples {
    /// Opens the folder and reads the stored readings. `boots` are the boots that history knows,
    /// whose readings are ours (none = history does not say). A damaged file costs its readings and
    /// nothing else, because each group can be read by itself.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn open(folder: &Path, epoch: Epoch, boots: &[Epoch]) -> io::Result<Self> {
        let mut disk = DirDisk::open(folder)?;
        let mut groups = Vec::new();
        for slot in disk.slots()? {
            read_groups(&disk.read(slot)?, &mut groups);
        }
        groups.sort_by_key(|(group, at)| (group.segment, *at));
        let mark = read_mark(folder);
        let is_ours = |group: &Group| {
            boots.is_empty()
                || boots
                    .iter()
                    .chain(mark.as_ref().and_then(|(_, boot)| boot.as_ref()))
                    .any(|boot| is_from_boot(&group.epoch, boot))
        };
        let (groups, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(group, _)| is_ours(group));
        // Boots that were trimmed from history wrote long ago. Readings of an unknown boot that are
        // newer than ours, or less than [`RETENTION_MS`] older, are therefore of another machine.
        let newest = |groups: &[(Group, usize)]| {
            groups
                .iter()
                .flat_map(|(g, _)| &g.records)
                .filter_map(|r| decode(r)?.1.last().map(|r| r.0))
                .max()
        };
        let is_foreign = newest(&others)
            .is_some_and(|theirs| newest(&groups).is_none_or(|ours| theirs > ours - RETENTION_MS));
        let floor = Floor {
            any_start: true,
            ..Floor::default()
        };
        let (mut log, found) =
            Log::open(Box::new(disk), epoch, &floor).map_err(io::Error::other)?;
        let out = Self::default();
        let reached = mark.as_ref().map(|(number, _)| *number);
        let last = found.groups.last().map_or(0, |g| g.first_seq);
        let lost = if is_foreign {
            Some(ReadingsLoss::Foreign)
        } else {
            explain_loss(&groups, &found, reached)
        };
        if let Some(loss) = lost {
            tracing::warn!(?loss, "samples of the last day lost; valid ones used");
        }
        {
            let mut inner = out.inner.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, readings) in groups
                .iter()
                .flat_map(|(group, _)| &group.records)
                .filter_map(|r| decode(r))
            {
                inner.by_sensor.entry(id).or_default().extend(readings);
            }
            for readings in inner.by_sensor.values_mut() {
                trim(readings);
            }
            // Groups behind damage are made invalid below ([`Log::remove_orphaned`]), so their
            // readings are written again.
            let stays: BTreeSet<(u64, u64)> =
                found.groups.iter().map(|g| (g.segment, g.number)).collect();
            let behind = groups.iter().filter(|(g, _)| {
                found.damage.is_some()
                    && g.segment >= found.first
                    && !stays.contains(&(g.segment, g.number))
            });
            for (id, readings) in behind
                .flat_map(|(group, _)| &group.records)
                .filter_map(|r| decode(r))
            {
                inner.unflushed.entry(id).or_default().extend(readings);
            }
        }
        if let Err(cause) = log.remove_orphaned() {
            tracing::warn!(%cause, "marking damaged sample groups failed; will be found again");
        }
        let marked = reached.filter(|n| *n <= last).unwrap_or(0);
        *out.log.lock().unwrap_or_else(PoisonError::into_inner) = Some((log, last, found.first));
        *out.place.lock().unwrap_or_else(PoisonError::into_inner) = (folder.to_owned(), epoch);
        Ok(Self {
            loss: lost,
            marked: Arc::new(AtomicU64::new(marked)),
            ..out
        })
    }

    /// Why readings of the last day are missing; none = none is missing, as far as is known.
    #[must_use]
    pub const fn loss(&self) -> Option<ReadingsLoss> {
        self.loss
    }

    /// Writes the watermark file beside the folder, now and then: with it the next start tells an
    /// empty or older folder from a first start.
    fn write_mark(&self, last: u64) -> io::Result<()> {
        let marked = self.marked.load(Ordering::SeqCst);
        if marked > 0 && last < marked + MARK_INTERVAL_GROUPS {
            return Ok(());
        }
        let (folder, boot) = self
            .place
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        write_atomic(
            &mark_of(&folder),
            format!("{last} {}", secret::hex(&boot)).as_bytes(),
        )?;
        self.marked.store(last, Ordering::SeqCst);
        Ok(())
    }

    /// Opens the log again under another epoch, because a log that failed refuses everything.
    fn reopen(&self) -> io::Result<(Log, u64, u64)> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in &mut place.1 {
            *byte = byte.wrapping_add(1);
        }
        let floor = Floor {
            any_start: true,
            ..Floor::default()
        };
        let (mut log, found) = Log::open(Box::new(DirDisk::open(&place.0)?), place.1, &floor)
            .map_err(io::Error::other)?;
        log.remove_orphaned()?;
        Ok((
            log,
            found.groups.last().map_or(0, |g| g.first_seq),
            found.first,
        ))
    }

    /// Takes a reading. The age of readings counts from the newest one taken: after a bad clock was
    /// set back, earlier readings with later times are not removed because of their age.
    pub fn add(&self, sensor: &EntityId, at: WallMs, value: i64) {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let BufferedReadings {
            by_sensor: readings,
            unflushed: fresh,
        } = &mut *guard;
        let readings = readings.entry(sensor.clone()).or_default();
        // A sensor that chatters must not wear out the storage: within [`MIN_SPACING_MS`] the
        // newest value replaces the first one.
        if let Some(last) = readings
            .back_mut()
            .filter(|last| (0..MIN_SPACING_MS).contains(&at.since(last.0)))
        {
            last.1 = value;
            if let Some(waiting) = fresh
                .get_mut(sensor)
                .and_then(|f| f.last_mut())
                .filter(|f| f.0 == last.0)
            {
                waiting.1 = value;
            }
            return;
        }
        readings.push_back((at, value));
        trim(readings);
        fresh.entry(sensor.clone()).or_default().push((at, value));
    }

    /// The readings of a sensor, oldest first.
    #[must_use]
    pub fn of(&self, sensor: &EntityId) -> Vec<Reading> {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .by_sensor
            .get(sensor)
            .map(|k| k.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Writes the readings that are not written yet. Blocks; call it every minute.
    ///
    /// # Errors
    /// An error of the medium; the readings wait for the next flush.
    pub fn flush(&self) -> io::Result<()> {
        let fresh = std::mem::take(
            &mut self
                .inner
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .unflushed,
        );
        if fresh.is_empty() {
            return Ok(());
        }
        let mut guard = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.write(&mut guard, &fresh);
        if written.is_err() {
            *guard = None;
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, mut readings) in fresh {
                let later = inner.unflushed.remove(&id).unwrap_or_default();
                readings.extend(later);
                // A disk that refuses for a day costs the oldest readings, not the memory.
                let over = readings.len().saturating_sub(MAX_SAMPLES_PER_SENSOR);
                readings.drain(..over);
                inner.unflushed.insert(id, readings);
            }
        }
        written
    }

    fn write(
        &self,
        guard: &mut Option<(Log, u64, u64)>,
        fresh: &BTreeMap<EntityId, Vec<Reading>>,
    ) -> io::Result<()> {
        if guard.is_none() {
            *guard = Some(self.reopen()?);
        }
        let Some((log, number, first)) = guard.as_mut() else {
            return Ok(());
        };
        let mut records: Vec<Vec<u8>> = Vec::new();
        for (id, readings) in fresh {
            records.extend(readings.chunks(1000).map(|part| encode(id, part)));
        }
        for part in records.chunks(16) {
            *number += 1;
            *first = log
                .sealed()
                .iter()
                .rev()
                .nth(MAX_SEGMENTS)
                .map_or(*first, |s| s.segment + 1);
            log.append_from(
                *first,
                *number,
                &part.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            )?;
        }
        let last = *number;
        self.write_mark(last)
    }
}

fn trim(readings: &mut VecDeque<Reading>) {
    let newest = readings.back().map_or(WallMs::default(), |r| r.0);
    while readings.len() > MAX_SAMPLES_PER_SENSOR
        || readings
            .front()
            .is_some_and(|r| r.0 < newest - RETENTION_MS)
    {
        readings.pop_front();
    }
}

fn encode(id: &EntityId, readings: &[Reading]) -> Vec<u8> {
    let mut out = vec![u8::try_from(id.as_str().len()).unwrap_or(u8::MAX)];
    out.extend_from_slice(id.as_str().as_bytes());
    out.extend_from_slice(
        &u32::try_from(readings.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    for (at, value) in readings {
        out.extend_from_slice(&at.ms().to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    }
    out
}

fn decode(record: &[u8]) -> Option<(EntityId, Vec<Reading>)> {
    let (len, rest) = record.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*len))?;
    let id = EntityId::new(std::str::from_utf8(id).ok()?).ok()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let readings = rest
        .chunks_exact(16)
        .filter_map(|c| {
            Some((
                WallMs::new(i64::from_le_bytes(c[..8].try_into().ok()?)),
                i64::from_le_bytes(c[8..].try_into().ok()?),
            ))
        })
        .collect();
    Some((id, readings))
}

#[cfg(test)]
mod tests;
