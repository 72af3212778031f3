//! Writing one segment: whole fragments, one write each, to disk every few seconds and at its end.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Ring, Segment};
use crate::domain::id::CameraId;

/// Longest time that a written fragment may not be on disk yet, ms.
const SYNC_MS: u64 = 5_000;

/// An open segment.
pub struct Writer {
    ring: Ring,
    camera: CameraId,
    file: File,
    path: PathBuf,
    start_ms: i64,
    bytes: u64,
    duration_ms: u32,
    synced_mono: u64,
    synced_ms: u32,
}

impl Writer {
    pub(super) fn create(ring: Ring, camera: CameraId, day: &Path, start_ms: i64, init: &[u8], mono_ms: u64) -> io::Result<Self> {
        if !day.is_dir() {
            std::fs::create_dir_all(day)?;
            for folder in day.ancestors().skip(1).take(2) {
                File::open(folder)?.sync_all()?;
            }
        }
        let path = day.join(format!("{start_ms}.part"));
        let mut file = File::options().write(true).create_new(true).open(&path)?;
        file.write_all(init)?;
        File::open(day)?.sync_all()?;
        Ok(Self { ring, camera, file, path, start_ms, bytes: init.len() as u64, duration_ms: 0, synced_mono: mono_ms, synced_ms: 0 })
    }

    /// When its first frame came, wall ms.
    #[must_use]
    pub const fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// How much of it is on disk, ms from its start.
    #[must_use]
    pub const fn on_disk_ms(&self) -> u32 {
        self.synced_ms
    }

    /// Writes a fragment that ends `ends_ms` after the start. Blocks.
    ///
    /// # Errors
    /// When the disk refuses; what was whole before stays whole.
    pub fn append(&mut self, fragment: &[u8], ends_ms: u32, mono_ms: u64) -> io::Result<()> {
        self.file.write_all(fragment)?;
        self.bytes += fragment.len() as u64;
        self.duration_ms = ends_ms;
        if mono_ms.saturating_sub(self.synced_mono) >= SYNC_MS {
            self.file.sync_data()?;
            self.synced_mono = mono_ms;
            self.synced_ms = ends_ms;
        }
        Ok(())
    }

    /// Ends the segment: to disk, then its name. Blocks.
    ///
    /// # Errors
    /// When the disk refuses; the next start mends it.
    pub fn close(self) -> io::Result<Segment> {
        if self.duration_ms == 0 {
            std::fs::remove_file(&self.path)?;
            return Ok(Segment { start_ms: self.start_ms, duration_ms: 0, bytes: 0 });
        }
        self.file.sync_all()?;
        let segment = Segment { start_ms: self.start_ms, duration_ms: self.duration_ms, bytes: self.bytes };
        self.ring.finish(&self.camera, &self.path, segment)?;
        Ok(segment)
    }

    /// Ends a segment whose last write failed: what is whole of it is kept. Blocks.
    ///
    /// # Errors
    /// When the disk refuses; the next start mends it.
    pub fn abandon(self) -> io::Result<bool> {
        self.ring.close_torn(&self.camera, self.start_ms, &self.path)
    }
}
