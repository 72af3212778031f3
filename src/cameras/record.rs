//! Recording of one camera: each GOP becomes a fragment, fragments become recording segments in the
//! ring.
//!
//! A segment begins with a keyframe. It ends after a minute, at a new connection, at new
//! parameters, after access units were missed, when nothing comes, or when the wall clock was set
//! back. A segment that continues the last one begins exactly where that ended: no two overlap, and
//! no gap is shown where none is. Only recordings from before and from after the clock was set back
//! may bear the same dates; neither is moved to a time that is not its own. A slow disk loses
//! access units here and never delays the RTSP session; a disk that fails is tried again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::loss_meter::LossMeter;
use crate::domain::id::CameraId;
use crate::live::pictures::{AccessUnit, LiveCamera};
use crate::protocol::fmp4::{self, Sample};
use crate::store::segments::{Ring, SegmentWriter};
use crate::supervisor::Stop;
use crate::supervisor::clock::{Clock, Trust};
use crate::time::{MonoMs, WallMs};

/// Length of a segment, ms.
const SEGMENT_MS: i64 = 60_000;
/// When nothing came for this long, the pending access units go to disk; the second time in a row
/// the segment ends. The network may delay access units for seconds that continue without a break
/// then.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pending access units are written after this long without a keyframe, ms.
const MAX_FRAGMENT_MS: i64 = 5_000;
/// Most bytes and access units that are pending.
const MAX_PENDING_BYTES: usize = 8 << 20;
const MAX_PENDING_FRAMES: usize = 600;
/// A segment ends after this time or at this size also without a keyframe, ms and bytes; access
/// units up to the next keyframe are lost then.
const MAX_SEGMENT_MS: u64 = 600_000;
const MAX_SEGMENT_BYTES: u64 = 256 << 20;
/// Shortest time between the beginnings of two segments, ms: a stream that breaks off each moment
/// would wear out the disk.
const MIN_SEGMENT_SPACING_MS: u64 = 1_000;
/// A larger step of time from one access unit to the next ends a segment, ms.
const MAX_FRAME_GAP_MS: i64 = 10_000;
/// A start of a segment that turns out to be earlier is corrected by less than this, ms.
const MAX_START_CORRECTION_MS: i64 = 30_000;
/// A larger step back in the times of access units comes from the wall clock and not from their
/// delays, ms.
const CLOCK_STEP_BACK_MS: i64 = 5_000;
/// Wait after a failed write, ms.
const RETRY_DELAY_MS: u64 = 10_000;

struct OpenSegment {
    writer: SegmentWriter,
    base_ticks: i64,
    base_came_at: MonoMs,
    sequence: u32,
    /// When the segment began, computed from the access unit with the shortest delay.
    began_ms: WallMs,
    /// The ring gave the segment another start than the requested one.
    is_moved: bool,
}

/// The recorder of one camera.
pub struct Recorder {
    camera: CameraId,
    ring: Ring,
    live_camera: Arc<LiveCamera>,
    clock: Clock,
    open: Option<OpenSegment>,
    pending: Vec<AccessUnit>,
    bytes: usize,
    retry_at: MonoMs,
    /// Where the last segment ended.
    ended_ms: WallMs,
    /// The wall clock was set back since the open segment began or the last one ended.
    is_set_back: bool,
    /// Access units that were dropped because the disk was too slow.
    dropped: LossMeter,
    /// The newest access unit that was taken.
    last: Option<AccessUnit>,
}

const fn ms(ticks: i64, timescale: u32) -> i64 {
    ticks.saturating_mul(1000)
        / if timescale == 0 {
            90_000
        } else {
            timescale as i64
        }
}

/// Whether `next` continues the run of access units that `last` belongs to.
fn is_contiguous(last: &AccessUnit, next: &AccessUnit) -> bool {
    let step = ms(next.ticks.saturating_sub(last.ticks), last.format.timescale);
    next.rtsp_session == last.rtsp_session
        && (Arc::ptr_eq(&next.format, &last.format) || next.format == last.format)
        && next.ticks > last.ticks
        && step <= MAX_FRAME_GAP_MS
}

/// Whether the wall clock was set back between two access units. Within a run the times only grow;
/// the first access unit of a run is dated by its arrival.
fn is_clock_stepped_back(last: &AccessUnit, next: &AccessUnit) -> bool {
    let passed = if next.rtsp_session == last.rtsp_session {
        0
    } else {
        next.came_at.signed_since(last.came_at)
    };
    (last.at_ms + passed).since(next.at_ms) > CLOCK_STEP_BACK_MS
}

/// The samples of a fragment that holds `group` with its last access unit `last`, and where the
/// fragment ends in ticks: at `until`, or when that is not known, one usual step after `last`.
fn fragment_samples(
    group: &[AccessUnit],
    last: &AccessUnit,
    until: Option<i64>,
) -> (Vec<Sample>, i64) {
    let usual = group
        .iter()
        .zip(group.iter().skip(1))
        .map(|(a, b)| b.ticks - a.ticks)
        .next_back()
        .unwrap_or(i64::from(last.format.timescale / 15));
    let ends = until.unwrap_or(last.ticks + usual);
    let nexts = group.iter().skip(1).map(|f| f.ticks).chain([ends]);
    let samples = group
        .iter()
        .zip(nexts)
        .map(|(f, next)| Sample {
            duration: u32::try_from(next - f.ticks).unwrap_or(1).max(1),
            composition_offset: f.composition_offset,
            size: u32::try_from(f.bytes.len()).unwrap_or(0),
            keyframe: f.keyframe,
        })
        .collect();
    (samples, ends)
}

impl Recorder {
    /// A recorder that has recorded nothing yet.
    pub fn new(camera: CameraId, ring: Ring, live_camera: Arc<LiveCamera>, clock: Clock) -> Self {
        Self {
            camera,
            ring,
            live_camera,
            clock,
            open: None,
            pending: Vec::new(),
            bytes: 0,
            retry_at: MonoMs::START,
            ended_ms: WallMs::MIN,
            is_set_back: false,
            dropped: LossMeter::default(),
            last: None,
        }
    }

    /// Records until `stop`.
    pub async fn run(mut self, stop: &Stop) {
        tokio::select! {
            () = self.ring.loaded() => {}
            () = stop.soft.cancelled() => return,
        }
        let (group, mut frames) = self.live_camera.subscribe();
        // The keyframe may have come before the ring was loaded.
        for frame in group {
            self.handle_frame(frame).await;
        }
        let mut idle = false;
        loop {
            let next = tokio::select! {
                next = timeout(IDLE_TIMEOUT, frames.recv()) => next,
                () = stop.soft.cancelled() => break,
            };
            let was_idle = std::mem::replace(&mut idle, next.is_err());
            match next {
                Ok(Ok(frame)) => self.handle_frame(frame).await,
                Ok(Err(RecvError::Lagged(missed))) => {
                    tracing::warn!(
                        camera = %self.camera,
                        missed,
                        "recorder dropped frames: disk too slow"
                    );
                    let missed = missed + frames.len() as u64;
                    let (group, rest) = self.live_camera.subscribe();
                    frames = rest;
                    self.catch_up(missed, group).await;
                }
                Ok(Err(RecvError::Closed)) => break,
                // Nothing comes: the pending access units go to disk, and nothing is missing.
                Err(_) => {
                    self.write(None).await;
                    if was_idle {
                        self.close(None).await;
                    }
                    self.live_camera.update_recording(|r| r.error.clear());
                }
            }
        }
        self.finish_segment().await;
    }

    /// Continues after `missed` access units were not taken in time. Those since the last keyframe
    /// are still buffered for viewers: they are recorded too.
    async fn catch_up(&mut self, missed: u64, group: Vec<AccessUnit>) {
        if !group.iter().any(|f| self.has_taken(f)) {
            self.finish_segment().await;
        }
        let mut lost = missed;
        for frame in group {
            if !self.has_taken(&frame) {
                self.handle_frame(frame).await;
                lost = lost.saturating_sub(1);
            }
        }
        self.dropped.record_missing(lost);
    }

    fn has_taken(&self, frame: &AccessUnit) -> bool {
        self.last
            .as_ref()
            .is_some_and(|l| (frame.rtsp_session, frame.ticks) <= (l.rtsp_session, l.ticks))
    }

    async fn handle_frame(&mut self, frame: AccessUnit) {
        let (goes_on, set_back) = self.last.as_ref().map_or((true, false), |last| {
            (
                is_contiguous(last, &frame),
                is_clock_stepped_back(last, &frame),
            )
        });
        if !goes_on {
            self.finish_segment().await;
        }
        if set_back {
            // The pending access units are dated by the old clock and are written first. The
            // segment ends at the next keyframe, so that nothing is lost.
            self.write(Some(frame.ticks)).await;
            self.is_set_back = true;
        }
        self.last = Some(frame.clone());
        let missed = self.dropped.record_frame(frame.came_at, false);
        self.live_camera.update_faults(|f| f.missed = missed);
        let first = self.pending.first();
        let full = self.bytes > MAX_PENDING_BYTES
            || self.pending.len() >= MAX_PENDING_FRAMES
            || first
                .is_some_and(|f| ms(frame.ticks - f.ticks, f.format.timescale) > MAX_FRAGMENT_MS);
        if frame.keyframe || full {
            self.write(Some(frame.ticks)).await;
        }
        let ends = |o: &OpenSegment| {
            let due = ms(frame.ticks - o.base_ticks, frame.format.timescale) >= SEGMENT_MS;
            frame.keyframe && (due || self.is_set_back)
                || frame.came_at.since(o.base_came_at) > MAX_SEGMENT_MS
                || o.writer.bytes() > MAX_SEGMENT_BYTES
        };
        if self.open.as_ref().is_some_and(ends) {
            self.close(Some(frame.at_ms)).await;
        }
        // A segment begins with a keyframe; access units before it cannot be decoded.
        if frame.keyframe || self.open.is_some() || !self.pending.is_empty() {
            self.bytes += frame.bytes.len();
            self.pending.push(frame);
        }
    }

    /// Writes the pending access units as one fragment that ends at `until` ticks.
    async fn write(&mut self, until: Option<i64>) {
        let group = std::mem::take(&mut self.pending);
        self.bytes = 0;
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return;
        };
        let now = self.clock.mono_ms();
        if self.open.is_none() && (!first.keyframe || now < self.retry_at) {
            return;
        }
        if self.open.is_none() && std::mem::take(&mut self.is_set_back) {
            self.ended_ms = WallMs::MIN;
        }
        // The access unit with the shortest delay tells best when the first one was taken.
        let began = |base: i64| {
            group
                .iter()
                .map(|f| f.at_ms - ms(f.ticks - base, f.format.timescale))
                .min()
                .unwrap_or(first.at_ms)
        };
        let at_ms = clamp_start(began(first.ticks), self.ended_ms);
        if let Some(open) = &mut self.open
            && !self.is_set_back
        {
            open.began_ms = open.began_ms.min(began(open.base_ticks));
        }
        let (samples, ends) = fragment_samples(&group, last, until);
        let (open, ring, camera) = (self.open.take(), self.ring.clone(), self.camera.clone());
        let (format, base, base_came_at, came) =
            (first.format.clone(), first.ticks, first.came_at, last.at_ms);
        let dated = self.clock.trust() == Trust::Synced;
        let written =
            tokio::task::spawn_blocking(move || -> (Option<OpenSegment>, std::io::Result<()>) {
                let mut open = match open {
                    Some(open) => open,
                    None => match ring.begin(
                        &camera,
                        at_ms,
                        dated,
                        &fmp4::init(
                            format.timescale,
                            &format.sample_entry,
                            format.width,
                            format.height,
                        ),
                        now,
                    ) {
                        Ok(writer) => OpenSegment {
                            is_moved: writer.start_ms() != at_ms,
                            writer,
                            base_ticks: base,
                            base_came_at,
                            sequence: 0,
                            began_ms: at_ms,
                        },
                        Err(cause) => return (None, Err(cause)),
                    },
                };
                open.sequence += 1;
                let start = u64::try_from(base - open.base_ticks).unwrap_or(0);
                let fragment = fmp4::fragment(
                    open.sequence,
                    start,
                    &samples,
                    group.iter().map(|f| &*f.bytes),
                );
                let ends_ms =
                    u32::try_from(ms(ends - open.base_ticks, format.timescale)).unwrap_or(u32::MAX);
                match open.writer.append(&fragment, ends_ms, now) {
                    Ok(()) => (Some(open), Ok(())),
                    Err(cause) => (None, Err(cause)),
                }
            });
        match written.await {
            Ok((open, Ok(()))) => {
                if let Some(open) = &open {
                    // Never later than the last access unit, whatever the camera's clock shows.
                    self.report_progress(
                        came.min(open.writer.start_ms() + i64::from(open.writer.on_disk_ms())),
                        open.writer.on_disk_ms() > 0,
                    );
                }
                self.open = open;
            }
            Ok((_, Err(cause))) => self.report_failure(&cause.to_string()),
            Err(panic) => self.report_failure(&panic.to_string()),
        }
    }

    fn report_progress(&self, until_ms: WallMs, on_disk: bool) {
        let now = self.clock.mono_ms();
        self.live_camera.update_recording(|r| {
            if on_disk {
                r.until_ms = until_ms;
                r.reported_at = now;
            }
            r.error.clear();
        });
    }

    fn report_failure(&mut self, why: &str) {
        self.retry_at = self.clock.mono_ms() + RETRY_DELAY_MS;
        if self.live_camera.recording().error != why {
            tracing::error!(camera = %self.camera, why, "recording failed");
            self.live_camera
                .update_recording(|r| why.clone_into(&mut r.error));
        }
    }

    /// Ends the segment. `next_ms` = when the segment that continues it begins.
    async fn close(&mut self, next_ms: Option<WallMs>) {
        let Some(open) = self.open.take() else { return };
        let next_ms = next_ms.filter(|_| !self.is_set_back);
        let named = open.writer.start_ms();
        // A start stays as it is when the ring moved it, or when the correction would be too large.
        let later =
            !open.is_moved && (1..MAX_START_CORRECTION_MS).contains(&named.since(open.began_ms));
        let start_ms = if later {
            clamp_start(open.began_ms, self.ended_ms).min(named)
        } else {
            named
        };
        self.retry_at = self
            .retry_at
            .max(open.base_came_at + MIN_SEGMENT_SPACING_MS);
        let closed = tokio::task::spawn_blocking(move || open.writer.close(start_ms, next_ms));
        match closed.await {
            Ok(Ok(segment)) => {
                self.ended_ms = segment.start_ms + i64::from(segment.duration_ms);
                self.report_progress(
                    self.clock.wall_ms().min(self.ended_ms),
                    segment.duration_ms > 0,
                );
            }
            Ok(Err(cause)) => self.report_failure(&cause.to_string()),
            Err(panic) => self.report_failure(&panic.to_string()),
        }
    }

    /// Writes the pending access units and ends the segment.
    async fn finish_segment(&mut self) {
        self.write(None).await;
        self.close(None).await;
    }
}

/// A start that lies less than the length of a segment before the last end is moved to that end.
fn clamp_start(start_ms: WallMs, ended_ms: WallMs) -> WallMs {
    if ended_ms.since(start_ms) < SEGMENT_MS {
        start_ms.max(ended_ms)
    } else {
        start_ms
    }
}

#[cfg(test)]
mod tests;
