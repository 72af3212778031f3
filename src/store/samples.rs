//! Readings of the last 24 hours, in memory, flushed as `log/` frames every minute.
//!
//! Readings are not history: up to a minute may be lost in a power cut. Integers scaled by the sensor's
//! decimals. A frame's record: sensor id length u8, id, count u32, then (ms i64, value i64) each.
//! Deliberately absent so far: hour chunks in redb, tiers, export.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::id::EntityId;
use crate::log::disk::Folder;
use crate::log::frame::Epoch;
use crate::log::recover::Floor;
use crate::log::segments::Log;

/// How long readings are kept in memory, ms.
pub const KEPT_MS: i64 = 24 * 3_600_000;
/// Readings kept per sensor: one every 10 s for a day.
pub const KEPT: usize = 8_640;
/// Readings of one sensor that are nearer to each other than this are one: a device in the wrong hands writes 45 MB a day, ms.
const MOMENT_MS: i64 = 2_000;
/// Segments of readings on disk.
const SEGMENTS: usize = 16;

/// One reading: wall ms and value scaled by the sensor's decimals.
pub type Reading = (i64, i64);

#[derive(Debug, Default)]
struct Inner {
    kept: BTreeMap<EntityId, VecDeque<Reading>>,
    fresh: BTreeMap<EntityId, Vec<Reading>>,
}

/// The readings; clones are the same.
#[derive(Clone, Default)]
pub struct Samples {
    inner: Arc<Mutex<Inner>>,
    /// The log, its last number, and the first segment that is needed.
    log: Arc<Mutex<Option<(Log, u64, u64)>>>,
    place: Arc<Mutex<(PathBuf, Epoch)>>,
}

impl Samples {
    /// Opens the folder and reads back what is there. A damaged file costs readings, nothing else.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(folder: &Path, epoch: Epoch) -> io::Result<Self> {
        let disk = Folder::open(folder)?;
        let floor = Floor { any_start: true, ..Floor::default() };
        let (mut log, found) = Log::open(Box::new(disk), epoch, &floor).map_err(io::Error::other)?;
        log.heal()?;
        let (out, found_first) = (Self::default(), found.first);
        let mut last = 0;
        {
            let mut inner = out.inner.lock().unwrap_or_else(PoisonError::into_inner);
            for group in found.groups {
                last = group.first_seq;
                for (id, readings) in group.records.iter().filter_map(|r| parse(r)) {
                    inner.kept.entry(id).or_default().extend(readings);
                }
            }
            for kept in inner.kept.values_mut() {
                trim(kept);
            }
        }
        *out.log.lock().unwrap_or_else(PoisonError::into_inner) = Some((log, last, found_first));
        *out.place.lock().unwrap_or_else(PoisonError::into_inner) = (folder.to_owned(), epoch);
        Ok(out)
    }

    /// A log that failed refuses everything: it is opened again, under another epoch.
    fn reopen(&self) -> io::Result<(Log, u64, u64)> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in &mut place.1 {
            *byte = byte.wrapping_add(1);
        }
        let floor = Floor { any_start: true, ..Floor::default() };
        let (mut log, found) = Log::open(Box::new(Folder::open(&place.0)?), place.1, &floor).map_err(io::Error::other)?;
        log.heal()?;
        Ok((log, found.groups.last().map_or(0, |g| g.first_seq), found.first))
    }

    /// Takes a reading. Without a good clock readings of before are not judged by time.
    pub fn add(&self, sensor: &EntityId, at: i64, value: i64) {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { kept, fresh } = &mut *guard;
        let kept = kept.entry(sensor.clone()).or_default();
        // One that chatters wears no card: what it says within a moment stands in for what it said at its beginning.
        if let Some(last) = kept.back_mut().filter(|last| (0..MOMENT_MS).contains(&(at - last.0))) {
            last.1 = value;
            if let Some(waiting) = fresh.get_mut(sensor).and_then(|f| f.last_mut()).filter(|f| f.0 == last.0) {
                waiting.1 = value;
            }
            return;
        }
        kept.push_back((at, value));
        trim(kept);
        fresh.entry(sensor.clone()).or_default().push((at, value));
    }

    /// The readings of a sensor, oldest first.
    #[must_use]
    pub fn of(&self, sensor: &EntityId) -> Vec<Reading> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).kept.get(sensor).map(|k| k.iter().copied().collect()).unwrap_or_default()
    }

    /// Writes what is new; blocks. Call it every minute.
    ///
    /// # Errors
    /// Whatever the medium says; the readings wait for the next flush.
    pub fn flush(&self) -> io::Result<()> {
        let fresh = std::mem::take(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner).fresh);
        if fresh.is_empty() {
            return Ok(());
        }
        let mut guard = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.write(&mut guard, &fresh);
        if written.is_err() {
            *guard = None;
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, mut readings) in fresh {
                let later = inner.fresh.remove(&id).unwrap_or_default();
                readings.extend(later);
                // A disk that refuses for a day costs the oldest readings, not the memory.
                let over = readings.len().saturating_sub(KEPT);
                readings.drain(..over);
                inner.fresh.insert(id, readings);
            }
        }
        written
    }

    fn write(&self, guard: &mut Option<(Log, u64, u64)>, fresh: &BTreeMap<EntityId, Vec<Reading>>) -> io::Result<()> {
        if guard.is_none() {
            *guard = Some(self.reopen()?);
        }
        let Some((log, number, first)) = guard.as_mut() else { return Ok(()) };
        let mut records: Vec<Vec<u8>> = Vec::new();
        for (id, readings) in fresh {
            records.extend(readings.chunks(1000).map(|part| record(id, part)));
        }
        for part in records.chunks(16) {
            *number += 1;
            *first = log.sealed().iter().rev().nth(SEGMENTS).map_or(*first, |s| s.segment + 1);
            log.append_from(*first, *number, &part.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

fn trim(kept: &mut VecDeque<Reading>) {
    let newest = kept.back().map_or(0, |r| r.0);
    while kept.len() > KEPT || kept.front().is_some_and(|r| r.0 < newest - KEPT_MS) {
        kept.pop_front();
    }
}

fn record(id: &EntityId, readings: &[Reading]) -> Vec<u8> {
    let mut out = vec![u8::try_from(id.as_str().len()).unwrap_or(u8::MAX)];
    out.extend_from_slice(id.as_str().as_bytes());
    out.extend_from_slice(&u32::try_from(readings.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (at, value) in readings {
        out.extend_from_slice(&at.to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    }
    out
}

fn parse(record: &[u8]) -> Option<(EntityId, Vec<Reading>)> {
    let (len, rest) = record.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*len))?;
    let id = EntityId::new(std::str::from_utf8(id).ok()?).ok()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let readings = rest.chunks_exact(16).filter_map(|c| Some((i64::from_le_bytes(c[..8].try_into().ok()?), i64::from_le_bytes(c[8..].try_into().ok()?)))).collect();
    Some((id, readings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_that_chatters_costs_a_reading_in_two_seconds_and_its_last_word_is_kept() {
        let folder = std::env::temp_dir().join(format!("conglang-samples-{}", getrandom::u64().expect("random")));
        let id = EntityId::new("cb-01.level").expect("id");
        let samples = Samples::open(&folder, [1; 16]).expect("opens");
        for ms in 0..60_000 {
            samples.add(&id, 1_000_000 + ms, ms);
        }
        let of = samples.of(&id);
        assert_eq!((of.len(), of.last()), (30, Some(&(1_058_000, 59_999))));
        assert_eq!(samples.inner.lock().expect("lock").fresh[&id], of, "and so much goes to the card");
        samples.flush().expect("written");
        samples.add(&id, 1_059_999, 7);
        assert_eq!(samples.of(&id).last(), Some(&(1_058_000, 7)));
        // A clock that was set back begins anew.
        samples.add(&id, 1_000, 8);
        assert_eq!(samples.of(&id).last(), Some(&(1_000, 8)));
        std::fs::remove_dir_all(folder).expect("clean");
    }

    #[test]
    fn rot_never_makes_a_reading_that_nobody_took() {
        let folder = std::env::temp_dir().join(format!("conglang-samples-{}", getrandom::u64().expect("random")));
        let id = EntityId::new("cb-01.level").expect("id");
        let samples = Samples::open(&folder, [1; 16]).expect("opens");
        for i in 0..600 {
            samples.add(&id, i * 10_000, i * 7);
            if i % 20 == 0 {
                samples.flush().expect("written");
            }
        }
        drop(samples);
        let segment = std::fs::read_dir(&folder).expect("dir").filter_map(Result::ok).map(|e| e.path()).find(|p| std::fs::read(p).is_ok_and(|b| b.starts_with(b"CLGP"))).expect("a segment");
        let whole = std::fs::read(&segment).expect("read");
        let cases = crate::log::sim::cases(100);
        for case in 0..cases {
            let bytes = crate::log::sim::spoilt(&whole, case, cases);
            let spoilt = folder.with_extension(case.to_string());
            std::fs::create_dir_all(&spoilt).expect("folder");
            std::fs::write(spoilt.join(segment.file_name().expect("name")), &bytes).expect("write");
            let samples = Samples::open(&spoilt, [2; 16]).expect("opens");
            assert!(samples.of(&id).iter().all(|(at, v)| *v == at / 10_000 * 7), "case {case}");
            std::fs::remove_dir_all(spoilt).expect("clean");
        }
        std::fs::remove_dir_all(folder).expect("clean");
    }

    #[test]
    fn readings_survive_a_flush_and_are_bounded() {
        let folder = std::env::temp_dir().join(format!("conglang-samples-{}", getrandom::u64().expect("random")));
        let id = EntityId::new("cb-01.level").expect("id");
        let samples = Samples::open(&folder, [1; 16]).expect("opens");
        for i in 0..10_000 {
            samples.add(&id, i * 10_000, i);
        }
        assert_eq!(samples.of(&id).len(), KEPT);
        samples.flush().expect("written");
        samples.add(&id, 100_000_001, 5);
        drop(samples);
        let samples = Samples::open(&folder, [2; 16]).expect("opens");
        assert_eq!(samples.of(&id).last(), Some(&(99_990_000, 9_999)), "the unflushed minute is lost, no more");
        assert_eq!(samples.of(&id).len(), KEPT);
        assert!(parse(&[200, 1, 2]).is_none());
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
