//! Recording one camera: groups of frames become fragments, fragments become segments of the ring.
//!
//! A segment begins with a keyframe and ends after a minute, at a new connection, at new parameters, at a jump
//! of the camera's clock, after frames were missed, or when nothing comes. A disk that is slow loses frames here,
//! never the pull; a disk that refuses is tried again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use crate::domain::id::CameraId;
use crate::live::pictures::{AccessUnit, Picture};
use crate::protocol::fmp4::{self, Sample};
use crate::store::segments::{Ring, Writer};
use crate::supervisor::Stop;
use crate::supervisor::clock::{Clock, Trust};

/// Length of a segment, ms.
const SEGMENT_MS: i64 = 60_000;
/// Nothing came for so long: what is pending goes to disk.
const IDLE: Duration = Duration::from_secs(5);
/// A group without a keyframe is written after so long, ms.
const GROUP_MS: i64 = 5_000;
/// Most bytes and frames of a pending group.
const GROUP_BYTES: usize = 8 << 20;
const GROUP_FRAMES: usize = 600;
/// A segment ends after so long or so much whatever the camera's clock says: ms, bytes.
const SEGMENT_MOST_MS: u64 = 90_000;
const SEGMENT_MOST_BYTES: u64 = 256 << 20;
/// How far the camera's clock may leave ours within a segment, ms.
const DRIFT_MS: i64 = 10_000;
/// After a segment shorter than this the recorder rests as long: one that breaks off each moment wears the disk, ms.
const SHORT_MS: u32 = 5_000;
/// A jump of the camera's clock, ms.
const JUMP_MS: i64 = 10_000;
/// Pause after the disk refused, ms.
const PAUSE_MS: u64 = 10_000;

struct Open {
    writer: Writer,
    base_ticks: i64,
    base_mono: u64,
    sequence: u32,
}

/// The recorder of one camera.
pub struct Recorder {
    camera: CameraId,
    ring: Ring,
    picture: Arc<Picture>,
    clock: Clock,
    open: Option<Open>,
    pending: Vec<AccessUnit>,
    bytes: usize,
    rest_until: u64,
}

const fn ms(ticks: i64, timescale: u32) -> i64 {
    ticks.saturating_mul(1000) / if timescale == 0 { 90_000 } else { timescale as i64 }
}

/// Whether `next` goes on where `last` was.
fn follows(last: &AccessUnit, next: &AccessUnit) -> bool {
    let step = ms(next.ticks.saturating_sub(last.ticks), last.format.timescale);
    next.run == last.run && (Arc::ptr_eq(&next.format, &last.format) || next.format == last.format) && next.ticks > last.ticks && step <= JUMP_MS
}

impl Recorder {
    /// Records nothing yet.
    pub const fn new(camera: CameraId, ring: Ring, picture: Arc<Picture>, clock: Clock) -> Self {
        Self { camera, ring, picture, clock, open: None, pending: Vec::new(), bytes: 0, rest_until: 0 }
    }

    /// Records until `stop`.
    pub async fn run(mut self, stop: &Stop) {
        tokio::select! {
            () = self.ring.loaded() => {}
            () = stop.soft.cancelled() => return,
        }
        let (_, mut frames) = self.picture.join();
        loop {
            let next = tokio::select! {
                next = timeout(IDLE, frames.recv()) => next,
                () = stop.soft.cancelled() => break,
            };
            match next {
                Ok(Ok(frame)) => self.take(frame).await,
                Ok(Err(RecvError::Lagged(missed))) => {
                    tracing::warn!(camera = %self.camera, missed, "the disk was too slow for pictures");
                    self.end().await;
                }
                Ok(Err(RecvError::Closed)) => break,
                // Nothing comes: what is there goes to disk, and nothing is missing.
                Err(_) => {
                    self.end().await;
                    self.picture.record(|r| r.trouble.clear());
                }
            }
        }
        self.end().await;
    }

    async fn take(&mut self, frame: AccessUnit) {
        let drifts = self.open.as_ref().is_some_and(|o| {
            let ours = i64::try_from(frame.mono_ms.saturating_sub(o.base_mono)).unwrap_or(i64::MAX);
            ms(frame.ticks - o.base_ticks, frame.format.timescale).saturating_sub(ours).abs() > DRIFT_MS
        });
        if drifts || self.pending.last().is_some_and(|last| !follows(last, &frame)) {
            self.end().await;
        }
        let first = self.pending.first();
        let full = self.bytes > GROUP_BYTES || self.pending.len() >= GROUP_FRAMES || first.is_some_and(|f| ms(frame.ticks - f.ticks, f.format.timescale) > GROUP_MS);
        if frame.keyframe || full {
            self.write(Some(frame.ticks)).await;
        }
        let ends = |o: &Open| {
            let due = ms(frame.ticks - o.base_ticks, frame.format.timescale) >= SEGMENT_MS;
            frame.keyframe && due || frame.mono_ms.saturating_sub(o.base_mono) > SEGMENT_MOST_MS || o.writer.bytes() > SEGMENT_MOST_BYTES
        };
        if self.open.as_ref().is_some_and(ends) {
            self.close().await;
        }
        // A segment begins with a keyframe; frames before it are of no use.
        if frame.keyframe || self.open.is_some() || !self.pending.is_empty() {
            self.bytes += frame.bytes.len();
            self.pending.push(frame);
        }
    }

    /// Writes what is pending as one fragment that ends at `until` ticks.
    async fn write(&mut self, until: Option<i64>) {
        let group = std::mem::take(&mut self.pending);
        self.bytes = 0;
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
        let now = self.clock.mono_ms();
        if self.open.is_none() && (!first.keyframe || now < self.rest_until) {
            return;
        }
        let usual = group.iter().zip(group.iter().skip(1)).map(|(a, b)| b.ticks - a.ticks).next_back().unwrap_or(i64::from(last.format.timescale / 15));
        let ends = until.unwrap_or(last.ticks + usual);
        let nexts = group.iter().skip(1).map(|f| f.ticks).chain([ends]);
        let samples: Vec<Sample> = group
            .iter()
            .zip(nexts)
            .map(|(f, next)| Sample { duration: u32::try_from(next - f.ticks).unwrap_or(1).max(1), size: u32::try_from(f.bytes.len()).unwrap_or(0), keyframe: f.keyframe })
            .collect();
        let (open, ring, camera) = (self.open.take(), self.ring.clone(), self.camera.clone());
        let (format, at_ms, base, base_mono, came) = (first.format.clone(), first.at_ms, first.ticks, first.mono_ms, last.at_ms);
        let dated = self.clock.trust() == Trust::Synced;
        let written = tokio::task::spawn_blocking(move || -> (Option<Open>, std::io::Result<()>) {
            let mut open = match open {
                Some(open) => open,
                None => match ring.begin(&camera, at_ms, dated, &fmp4::init(format.timescale, &format.sample_entry, format.width, format.height), now) {
                    Ok(writer) => Open { writer, base_ticks: base, base_mono, sequence: 0 },
                    Err(cause) => return (None, Err(cause)),
                },
            };
            open.sequence += 1;
            let start = u64::try_from(base - open.base_ticks).unwrap_or(0);
            let fragment = fmp4::fragment(open.sequence, start, &samples, group.iter().map(|f| &*f.bytes));
            let ends_ms = u32::try_from(ms(ends - open.base_ticks, format.timescale)).unwrap_or(u32::MAX);
            match open.writer.append(&fragment, ends_ms, now) {
                Ok(()) => (Some(open), Ok(())),
                Err(cause) => (None, Err(cause)),
            }
        });
        match written.await {
            Ok((open, Ok(()))) => {
                if let Some(open) = &open {
                    // Never later than the last picture came, whatever the camera's clock says.
                    self.told(came.min(open.writer.start_ms() + i64::from(open.writer.on_disk_ms())), open.writer.on_disk_ms() > 0);
                }
                self.open = open;
            }
            Ok((_, Err(cause))) => self.refused(&cause.to_string()),
            Err(panic) => self.refused(&panic.to_string()),
        }
    }

    fn told(&self, until_ms: i64, on_disk: bool) {
        let now = self.clock.mono_ms();
        self.picture.record(|r| {
            if on_disk {
                r.until_ms = until_ms;
                r.told_mono = now;
            }
            r.trouble.clear();
        });
    }

    fn refused(&mut self, why: &str) {
        self.rest_until = self.clock.mono_ms() + PAUSE_MS;
        if self.picture.recording().trouble != why {
            tracing::error!(camera = %self.camera, why, "pictures cannot be recorded");
            self.picture.record(|r| why.clone_into(&mut r.trouble));
        }
    }

    async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let closed = tokio::task::spawn_blocking(move || open.writer.close());
        match closed.await {
            Ok(Ok(segment)) => {
                self.told(self.clock.wall_ms().min(segment.start_ms + i64::from(segment.duration_ms)), segment.duration_ms > 0);
                if segment.duration_ms < SHORT_MS {
                    self.rest_until = self.clock.mono_ms() + u64::from(SHORT_MS);
                }
            }
            Ok(Err(cause)) => self.refused(&cause.to_string()),
            Err(panic) => self.refused(&panic.to_string()),
        }
    }

    /// Writes what is pending and ends the segment.
    async fn end(&mut self) {
        self.write(None).await;
        self.close().await;
    }
}
