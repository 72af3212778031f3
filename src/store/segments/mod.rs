//! The ring of recordings: segments of about a minute, of which the oldest are removed first.
//!
//! `<folder>/<camera>/<yyyy-mm-dd>/<start ms>-<duration ms>-<bytes>.mp4`; while it is written
//! `<start ms>.part`. Invariants: the name is the index entry and is given only when the data is on
//! disk; a `.part` that a power cut left is kept up to its last whole fragment; the ring never
//! takes the last free space of its disk. Deliberately absent: a database. The index is rebuilt
//! from the names, so there is no second truth that could be lost.

mod eviction;
mod recover;
mod segment;
mod write;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use self::segment::{name, parse};
use crate::domain::calendar::{self, DAY_MS};
use crate::domain::id::CameraId;
use crate::time::WallMs;

pub use segment::Segment;
pub use write::SegmentWriter;

/// The limits of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Bytes.
    pub bytes: u64,
    /// Days after which recordings are removed; 0 = they stay as long as there is room.
    pub days: u32,
}

#[derive(Default)]
struct SegmentIndex {
    segments: BTreeMap<(WallMs, CameraId), Segment>,
    bytes: u64,
    /// Bytes of each camera: when room is short, the oldest segment of the camera that holds most
    /// is removed.
    bytes_by_camera: BTreeMap<CameraId, u64>,
    /// Segments that could not be ended; [`Ring::evict`] tries again.
    unfinished: Vec<(CameraId, WallMs, PathBuf)>,
}

/// The ring; clones share it.
#[derive(Clone)]
pub struct Ring {
    folder: Arc<PathBuf>,
    budget: RetentionPolicy,
    index: Arc<Mutex<SegmentIndex>>,
    ready: watch::Sender<bool>,
    /// Why nothing may be written now; none = writing is allowed.
    closed_reason: Arc<Mutex<Option<String>>>,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Ring {
    /// A ring in `folder`; [`Ring::load`] reads the existing segments.
    #[must_use]
    pub fn new(folder: &Path, budget: RetentionPolicy) -> Self {
        Self {
            folder: Arc::new(folder.to_owned()),
            budget,
            index: Arc::default(),
            ready: watch::Sender::new(false),
            closed_reason: Arc::default(),
        }
    }

    /// The folder of the ring.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the names of all segments and closes those that a power cut left open; gives how many
    /// of these were kept. A second load of the same ring changes nothing. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read; a single bad file is logged and left.
    pub fn load(&self) -> io::Result<u32> {
        if *self.ready.borrow() {
            return Ok(0);
        }
        let (mut segments, mut open, mut doubles) = (BTreeMap::new(), Vec::new(), Vec::new());
        for camera in std::fs::read_dir(&*self.folder)? {
            let camera = camera?;
            let Some(id) = camera
                .file_name()
                .to_str()
                .and_then(|n| CameraId::new(n).ok())
            else {
                continue;
            };
            for day in subfolders(&camera.path()) {
                for file in std::fs::read_dir(&day).into_iter().flatten().flatten() {
                    let name = file.file_name();
                    let Some(name) = name.to_str() else { continue };
                    if let Some(segment) = parse(name).filter(|s| self.path(&id, *s) == file.path())
                    {
                        match segments.entry((segment.start_ms, id.clone())) {
                            Entry::Vacant(free) => {
                                free.insert(segment);
                            }
                            Entry::Occupied(_) => doubles.push((id.clone(), file.path(), segment)),
                        }
                    } else if let Some(start) =
                        name.strip_suffix(".part").and_then(|n| n.parse().ok())
                    {
                        open.push((id.clone(), WallMs::new(start), file.path()));
                    }
                }
            }
        }
        let bytes = segments
            .values()
            .fold(0, |sum: u64, s| sum.saturating_add(s.bytes));
        let mut by: BTreeMap<CameraId, u64> = BTreeMap::new();
        for ((_, camera), segment) in &segments {
            *by.entry(camera.clone()).or_default() += segment.bytes;
        }
        *self.lock() = SegmentIndex {
            segments,
            bytes,
            bytes_by_camera: by,
            unfinished: Vec::new(),
        };
        for (camera, path, segment) in doubles {
            if let Err(cause) = self.finish(&camera, &path, segment) {
                tracing::warn!(
                    %cause,
                    path = %path.display(),
                    "renaming recording with duplicate start failed"
                );
            }
        }
        let mut repaired = 0;
        for (camera, start_ms, path) in open {
            match self.recover_segment(&camera, start_ms, &path) {
                Ok(true) => repaired += 1,
                Ok(false) => {}
                Err(cause) => {
                    tracing::warn!(
                        %cause,
                        path = %path.display(),
                        "cannot repair recording segment"
                    );
                }
            }
        }
        self.ready.send_replace(true);
        Ok(repaired)
    }

    /// Waits until [`Ring::load`] has read the existing segments.
    pub async fn loaded(&self) {
        let _ = self.ready.subscribe().wait_for(|r| *r).await;
    }

    /// Truncates an open segment behind its last whole fragment and gives it its name; false = it
    /// had no whole fragment and was removed.
    fn recover_segment(
        &self,
        camera: &CameraId,
        start_ms: WallMs,
        path: &Path,
    ) -> io::Result<bool> {
        let mut file = File::options().read(true).write(true).open(path)?;
        let whole = recover::intact_prefix(&mut file)?;
        if whole.fragments == 0 {
            std::fs::remove_file(path)?;
            return Ok(false);
        }
        file.set_len(whole.bytes)?;
        file.sync_all()?;
        let segment = Segment {
            start_ms,
            duration_ms: u32::try_from(whole.duration_ms).unwrap_or(u32::MAX),
            bytes: whole.bytes,
        };
        self.finish(camera, path, segment)?;
        Ok(true)
    }

    /// Gives a synced file its name and adds it to the index; gives the segment as it was named. A
    /// clock that was set back shows the same moment twice. No segment may replace another, so the
    /// new one is named after the nearest free moment of its day.
    fn finish(&self, camera: &CameraId, path: &Path, segment: Segment) -> io::Result<Segment> {
        let segment = Segment {
            start_ms: self.next_free_start(camera, path, segment.start_ms),
            ..segment
        };
        std::fs::rename(path, path.with_file_name(name(segment)))?;
        if let Some(day) = path.parent() {
            File::open(day)?.sync_all()?;
        }
        let mut index = self.lock();
        index
            .segments
            .insert((segment.start_ms, camera.clone()), segment);
        index.bytes += segment.bytes;
        *index.bytes_by_camera.entry(camera.clone()).or_default() += segment.bytes;
        Ok(segment)
    }

    /// The moment nearest to `start_ms` at which no other segment of the camera begins, within the
    /// day in whose folder the file `path` is.
    fn next_free_start(&self, camera: &CameraId, path: &Path, start_ms: WallMs) -> WallMs {
        let index = self.lock();
        let is_free = |s: &WallMs| !index.segments.contains_key(&(*s, camera.clone()));
        let lies_there = |s: &WallMs| path.parent() == Some(&self.day(camera, *s));
        if is_free(&start_ms) || !lies_there(&start_ms) {
            return start_ms;
        }
        (1..DAY_MS)
            .flat_map(|n| [start_ms + n, start_ms - n])
            .find(|s| is_free(s) && lies_there(s))
            .unwrap_or(start_ms)
    }

    /// Forbids writing, with the reason; none = allows it again.
    pub fn close(&self, why: Option<String>) {
        *self
            .closed_reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn day(&self, camera: &CameraId, start_ms: WallMs) -> PathBuf {
        let day = calendar::day(start_ms);
        self.folder
            .join(camera.as_str())
            .join(format!("{:04}-{:02}-{:02}", day.year, day.month, day.day))
    }

    fn defer_finish(&self, camera: &CameraId, start_ms: WallMs, path: &Path) {
        self.lock()
            .unfinished
            .push((camera.clone(), start_ms, path.to_owned()));
    }

    /// The file of a segment.
    #[must_use]
    pub fn path(&self, camera: &CameraId, segment: Segment) -> PathBuf {
        self.day(camera, segment.start_ms).join(name(segment))
    }

    /// A camera's segments, oldest first.
    #[must_use]
    pub fn list(&self, camera: &CameraId) -> Vec<Segment> {
        self.lock()
            .segments
            .iter()
            .filter(|((_, c), _)| c == camera)
            .map(|(_, s)| *s)
            .collect()
    }

    /// The cameras that have segments.
    #[must_use]
    pub fn cameras(&self) -> Vec<CameraId> {
        self.lock()
            .bytes_by_camera
            .iter()
            .filter(|(_, bytes)| **bytes > 0)
            .map(|(c, _)| c.clone())
            .collect()
    }

    /// Segments, their bytes, and when the oldest begins.
    #[must_use]
    pub fn totals(&self) -> (usize, u64, Option<WallMs>) {
        let index = self.lock();
        (
            index.segments.len(),
            index.bytes,
            index.segments.keys().next().map(|(s, _)| *s),
        )
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SegmentIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn subfolders(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.is_dir())
        .collect()
}

#[cfg(test)]
mod tests;
