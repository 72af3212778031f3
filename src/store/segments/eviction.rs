//! Room for recordings: which segments are removed and when, and when nothing may be written.
//!
//! Invariants: the oldest segments are removed first, and when room is short the oldest of the
//! camera that holds most; a clock that jumped cannot empty the ring at once; recordings never take
//! the last free space of the disk.

use std::collections::BTreeSet;
use std::io;
use std::sync::PoisonError;

use super::{Ring, Segment};
use crate::domain::calendar::DAY_MS;
use crate::domain::id::CameraId;
use crate::store::disk_space;
use crate::time::WallMs;

/// Free space that the ring leaves, bytes; on a small disk a twentieth of the disk.
const RESERVED_FREE_BYTES: u64 = 1 << 30;
/// Additional room that one round makes, bytes, so that recordings find room for a while; on a
/// small disk a fiftieth of the disk.
const EVICT_AHEAD_BYTES: u64 = 256 << 20;
/// Most segments of the ring, so that a camera which starts a segment every second cannot fill
/// memory.
const MAX_SEGMENTS: usize = 1_000_000;
/// Most segments that one round removes because of their date, so that a clock which jumped cannot
/// empty the ring at once.
const MAX_EXPIRED_PER_ROUND: u32 = 100;
/// Most files whose removal may fail in one round.
const MAX_FAILED_DELETES: usize = 20;

impl Ring {
    /// Refuses when less is free than `1 / share` of the space that recordings leave free.
    pub(super) fn has_room(&self, share: u64) -> io::Result<()> {
        if let Some(why) = &*self
            .closed_reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            return Err(io::Error::other(why.clone()));
        }
        let (free, total) = disk_space::free_and_total(&self.folder)?;
        if free < reserved_free_bytes(total) / share {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!(
                    "{} MB are left on the disk of {}; pictures leave {} MB free",
                    free >> 20,
                    self.folder.display(),
                    reserved_free_bytes(total) >> 20
                ),
            ));
        }
        Ok(())
    }

    /// Removes the oldest segments until the ring is within its bytes and days and leaves the disk
    /// its free space; gives how many were removed. `now` is none while the clock is not synced:
    /// then no segment is too old. Blocks.
    ///
    /// # Errors
    /// When the free space cannot be read or too many files cannot be removed; the rest stays for
    /// the next round.
    pub fn evict(&self, now: Option<WallMs>) -> io::Result<u32> {
        self.retry_unfinished();
        let (free, total) = disk_space::free_and_total(&self.folder)?;
        let wanted = if free < reserved_free_bytes(total) {
            reserved_free_bytes(total) + EVICT_AHEAD_BYTES.min(total / 50)
        } else {
            0
        };
        let mut lacking = wanted.saturating_sub(free);
        let oldest = now
            .filter(|_| self.budget.days > 0)
            .map(|now| now - i64::from(self.budget.days) * DAY_MS);
        let (mut gone, mut aged) = (0, 0);
        let mut stuck: BTreeSet<(WallMs, CameraId)> = BTreeSet::new();
        loop {
            let next = {
                let index = self.lock();
                let full = index.bytes > self.budget.bytes
                    || index.segments.len() > MAX_SEGMENTS
                    || lacking > 0;
                let old = |s: &Segment| {
                    aged < MAX_EXPIRED_PER_ROUND && oldest.is_some_and(|o| s.start_ms < o)
                };
                // A segment that is dated more than a day ahead was written while the clock was
                // wrong: it is removed first.
                let ahead = |s: WallMs| {
                    now.is_some_and(|now| s > now + DAY_MS) && aged < MAX_EXPIRED_PER_ROUND
                };
                let future = index
                    .segments
                    .iter()
                    .rev()
                    .find(|(k, _)| !stuck.contains(k))
                    .filter(|((s, _), _)| ahead(*s));
                // A camera that sends much displaces its own recordings and not those of the
                // others.
                let greedy = index
                    .bytes_by_camera
                    .iter()
                    .max_by_key(|(_, b)| **b)
                    .map(|(c, _)| c.clone());
                let of = |c: &CameraId| !full || greedy.as_ref().is_none_or(|g| g == c);
                let first = || {
                    index
                        .segments
                        .iter()
                        .find(|(k, s)| !stuck.contains(k) && (of(&k.1) || old(s)))
                        .filter(|(_, s)| full || old(s))
                };
                future
                    .or_else(first)
                    .map(|((_, c), s)| (c.clone(), *s, full))
            };
            let Some((camera, segment, full)) = next else {
                return Ok(gone);
            };
            let path = self.path(&camera, segment);
            match std::fs::remove_file(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    // One bad file must not protect all others; many bad files mean that the disk
                    // refuses.
                    if stuck.len() >= MAX_FAILED_DELETES {
                        return Err(cause);
                    }
                    tracing::warn!(
                        %cause,
                        path = %path.display(),
                        "removing expired recording failed"
                    );
                    stuck.insert((segment.start_ms, camera));
                    continue;
                }
                _ => {}
            }
            // Removes the folder of a day with its last segment; on a folder that is not empty this
            // fails.
            path.parent().map(std::fs::remove_dir);
            let mut index = self.lock();
            index.bytes = index.bytes.saturating_sub(segment.bytes);
            if let Some(own) = index.bytes_by_camera.get_mut(&camera) {
                *own = own.saturating_sub(segment.bytes);
            }
            index.segments.remove(&(segment.start_ms, camera));
            lacking = lacking.saturating_sub(segment.bytes);
            gone += 1;
            aged += u32::from(!full);
        }
    }

    /// Tries again to end the segments that could not be ended when their writer was dropped.
    fn retry_unfinished(&self) {
        let torn = std::mem::take(&mut self.lock().unfinished);
        for (camera, start_ms, path) in torn {
            match self.recover_segment(&camera, start_ms, &path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(
                        %cause,
                        path = %path.display(),
                        "cannot finish recording segment"
                    );
                    self.lock().unfinished.push((camera, start_ms, path));
                }
                _ => {}
            }
        }
    }
}

/// Free bytes that stay on a disk of `total` bytes.
const fn reserved_free_bytes(total: u64) -> u64 {
    if total / 20 < RESERVED_FREE_BYTES {
        total / 20
    } else {
        RESERVED_FREE_BYTES
    }
}
