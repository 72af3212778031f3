//! Writing one recording segment: whole fragments, one write for each, synced every few seconds and
//! at the end.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::segment::MAX_START_MS;
use super::{Ring, Segment};
use crate::domain::id::CameraId;
use crate::time::{MonoMs, WallMs};

/// Longest time until a written fragment is synced, ms.
const SYNC_INTERVAL_MS: u64 = 5_000;
/// When the next segment begins less than this after the end of a segment, the segment's name fills
/// the gap, ms.
const MAX_JOIN_GAP_MS: u32 = 10_000;

/// An open segment. A writer that is dropped without [`SegmentWriter::close`] leaves its file to
/// the ring, which later keeps the whole fragments.
pub struct SegmentWriter {
    ring: Ring,
    camera: CameraId,
    file: File,
    path: PathBuf,
    start_ms: WallMs,
    bytes: u64,
    duration_ms: u32,
    synced_at: MonoMs,
    /// The part that is certainly on disk: bytes, and ms from the start.
    synced: (u64, u32),
    ended: bool,
}

impl SegmentWriter {
    fn create(
        ring: Ring,
        camera: CameraId,
        day: &Path,
        start_ms: WallMs,
        init: &[u8],
        now: MonoMs,
    ) -> io::Result<Self> {
        if !day.is_dir() {
            std::fs::create_dir_all(day)?;
            for folder in day.ancestors().skip(1).take(2) {
                File::open(folder)?.sync_all()?;
            }
        }
        let path = day.join(format!("{}.part", start_ms.ms()));
        let mut file = File::options().write(true).create_new(true).open(&path)?;
        if let Err(cause) = file
            .write_all(init)
            .and_then(|()| File::open(day)?.sync_all())
        {
            let _ = std::fs::remove_file(&path);
            return Err(cause);
        }
        Ok(Self {
            ring,
            camera,
            file,
            path,
            start_ms,
            bytes: init.len() as u64,
            duration_ms: 0,
            synced_at: now,
            synced: (0, 0),
            ended: false,
        })
    }

    /// When its first access unit arrived.
    #[must_use]
    pub const fn start_ms(&self) -> WallMs {
        self.start_ms
    }

    /// How much of it is on disk, ms from its start.
    #[must_use]
    pub const fn on_disk_ms(&self) -> u32 {
        self.synced.1
    }

    /// Bytes written.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a fragment that ends `ends_ms` after the start. Blocks.
    ///
    /// # Errors
    /// When the disk refuses or the write would take its last free space. Drop the writer then:
    /// whole fragments are kept.
    pub fn append(&mut self, fragment: &[u8], ends_ms: u32, now: MonoMs) -> io::Result<()> {
        self.ring.has_room(2)?;
        self.file.write_all(fragment)?;
        self.bytes += fragment.len() as u64;
        self.duration_ms = ends_ms;
        if now.since(self.synced_at) >= SYNC_INTERVAL_MS {
            self.sync()?;
            self.synced_at = now;
        }
        Ok(())
    }

    /// Syncs the file. After a failed sync it is unknown what is on disk, so everything since the
    /// last good sync is given up.
    fn sync(&mut self) -> io::Result<()> {
        match self.file.sync_all() {
            Ok(()) => self.synced = (self.bytes, self.duration_ms),
            Err(cause) => {
                let _ = self.file.set_len(self.synced.0);
                return Err(cause);
            }
        }
        Ok(())
    }

    /// Ends the segment: syncs it, then gives it its name. `start_ms` is when it really began, as
    /// far as that is known now. `next_ms` is when the segment that continues it begins; the name
    /// leaves no hole and no overlap between the two. Where the camera's timestamps run ahead of
    /// our clock, our clock counts: otherwise the next segment, and all that follow, would be named
    /// later than they began. Blocks.
    ///
    /// # Errors
    /// When the disk refuses; the ring tries again later.
    pub fn close(mut self, start_ms: WallMs, next_ms: Option<WallMs>) -> io::Result<Segment> {
        if self.duration_ms == 0 {
            self.ended = true;
            std::fs::remove_file(&self.path)?;
            return Ok(Segment {
                start_ms: self.start_ms,
                duration_ms: 0,
                bytes: 0,
            });
        }
        self.sync()?;
        // The segment stays in the folder of its day.
        let day = self.ring.day(&self.camera, start_ms);
        let start_ms = if self.path.parent() == Some(&day) {
            start_ms
        } else {
            self.start_ms
        };
        let until = next_ms
            .and_then(|n| u32::try_from(n.since(start_ms)).ok())
            .filter(|d| *d > 0 && d.saturating_sub(self.duration_ms) < MAX_JOIN_GAP_MS);
        let segment = Segment {
            start_ms,
            duration_ms: until.unwrap_or(self.duration_ms),
            bytes: self.bytes,
        };
        let named = self.ring.finish(&self.camera, &self.path, segment)?;
        self.ended = true;
        Ok(named)
    }
}

impl Ring {
    /// Begins a segment whose first access unit arrived at `start_ms`. While the clock is not
    /// synced (`dated` is false), the segment begins after the newest existing one: segments are
    /// removed in the order of their names. Blocks.
    ///
    /// # Errors
    /// When there is no room that recordings may take, or the disk refuses.
    pub fn begin(
        &self,
        camera: &CameraId,
        start_ms: WallMs,
        dated: bool,
        init: &[u8],
        now: MonoMs,
    ) -> io::Result<SegmentWriter> {
        self.has_room(1)?;
        let newest = if dated {
            None
        } else {
            self.lock()
                .segments
                .last_key_value()
                .map(|((s, _), _)| *s + 1)
        };
        let mut start_ms = newest
            .map_or(start_ms, |n| n.max(start_ms))
            .clamp(WallMs::default(), WallMs::new(MAX_START_MS));
        loop {
            match SegmentWriter::create(
                self.clone(),
                camera.clone(),
                &self.day(camera, start_ms),
                start_ms,
                init,
                now,
            ) {
                // A segment that could not be ended yet began at the same moment.
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => start_ms += 1,
                made => return made,
            }
        }
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if !self.ended {
            self.ring
                .defer_finish(&self.camera, self.start_ms, &self.path);
        }
    }
}
