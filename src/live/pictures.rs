//! The live state of each camera: its access units since the last keyframe, its newest still, and
//! its status.
//!
//! One RTSP session fills it, however many viewers there are. All readers share the same access
//! units. A slow reader loses access units up to the next keyframe and never holds up the camera.
//! The GOP is bounded in number and bytes: a camera without keyframes has none, and its viewers
//! wait for a keyframe.

mod stills;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

use super::faults::Faults;
use crate::domain::id::CameraId;
use crate::protocol::stream_loss::StreamLoss;
use crate::time::{AtomicWallMs, MonoMs, WallMs};

/// Most access units of a GOP.
const MAX_GOP_FRAMES: usize = 600;
/// Most bytes of a GOP.
const MAX_GOP_BYTES: usize = 8 << 20;
/// How many access units a reader may lag behind.
const MAX_READER_LAG: usize = 128;
/// How long a request for a still waits for a fresh one.
const FRESH_STILL_TIMEOUT: Duration = Duration::from_millis(1_500);
/// A still of this age is fresh, ms.
const FRESH_STILL_AGE_MS: u64 = 10_000;

/// The parameters that a decoder or a player needs before the first access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// RFC 6381 name, `avc1.4d401e`.
    pub codec: String,
    /// The sample entry box of an MP4 file (ISO/IEC 14496-12 §12.1.3).
    pub sample_entry: Vec<u8>,
    /// `AVCDecoderConfigurationRecord` or `HEVCDecoderConfigurationRecord`.
    pub decoder: Vec<u8>,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Ticks per second.
    pub timescale: u32,
}

impl Format {
    /// True when browsers everywhere can play it.
    #[must_use]
    pub fn plays_in_browsers(&self) -> bool {
        self.codec.starts_with("avc1")
    }
}

/// One access unit as the camera sent it: NAL units with lengths of four bytes.
#[derive(Debug, Clone)]
pub struct AccessUnit {
    /// Its format.
    pub format: Arc<Format>,
    /// The unbroken RTSP session that it belongs to; ticks of two sessions cannot be compared.
    pub rtsp_session: u64,
    /// When it was taken, as far as that is known.
    pub at_ms: WallMs,
    /// When it came.
    pub came_at: MonoMs,
    /// When it is decoded, in ticks since the first access unit of the RTSP session.
    pub ticks: i64,
    /// Time from then until it is shown, ticks; not 0 where the camera sends access units out of
    /// order.
    pub composition_offset: i32,
    /// It can be decoded without any other.
    pub keyframe: bool,
    /// Packets were lost since the last keyframe: it is whole itself, but the access units it
    /// refers to may not be.
    pub follows_loss: bool,
    /// The NAL units.
    pub bytes: Bytes,
}

/// A still picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// When it was taken.
    pub at_ms: WallMs,
    /// JPEG.
    pub jpeg: Bytes,
    /// The same as a small JPEG, for a tile of the wall.
    pub tile: Bytes,
}

/// Status of the RTSP session with a camera.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SourceStatus {
    /// It has no address.
    #[default]
    NoAddress,
    /// The gateway is connecting.
    Connecting,
    /// Access units come.
    Live,
    /// No access units come, and why.
    Lost(StreamLoss),
}

/// Status of the recording of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recording {
    /// Moment up to which the recording is on disk; 0 = nothing in this boot.
    pub until_ms: WallMs,
    /// When `until_ms` was last reported.
    pub reported_at: MonoMs,
    /// Why nothing is recorded now, for the technician; empty = it is recorded, or no access units
    /// come.
    pub error: String,
}

#[derive(Default)]
struct Gop {
    frames: Vec<AccessUnit>,
    bytes: usize,
}

/// One camera, now.
pub struct LiveCamera {
    frames: broadcast::Sender<AccessUnit>,
    gop: Mutex<Gop>,
    still: watch::Sender<Option<Still>>,
    still_tried_at: AtomicWallMs,
    still_failures: AtomicU32,
    still_timeouts: AtomicU32,
    last_viewed: AtomicWallMs,
    source_status: watch::Sender<SourceStatus>,
    recording: watch::Sender<Recording>,
    faults: watch::Sender<Faults>,
}

impl Default for LiveCamera {
    fn default() -> Self {
        Self {
            frames: broadcast::channel(MAX_READER_LAG).0,
            gop: Mutex::default(),
            still: watch::Sender::default(),
            still_tried_at: AtomicWallMs::default(),
            still_failures: AtomicU32::new(0),
            still_timeouts: AtomicU32::new(0),
            last_viewed: AtomicWallMs::new(WallMs::MIN),
            source_status: watch::Sender::default(),
            recording: watch::Sender::default(),
            faults: watch::Sender::default(),
        }
    }
}

impl LiveCamera {
    /// Takes an access unit.
    pub fn push(&self, frame: &AccessUnit) {
        let mut group = self.gop.lock().unwrap_or_else(PoisonError::into_inner);
        if frame.keyframe {
            *group = Gop::default();
        }
        // Access units without the keyframe before them are of no use to a new reader.
        if frame.keyframe || !group.frames.is_empty() {
            group.bytes += frame.bytes.len();
            group.frames.push(frame.clone());
            if group.frames.len() > MAX_GOP_FRAMES || group.bytes > MAX_GOP_BYTES {
                *group = Gop::default();
            }
        }
        // Sent under the lock, so that a new reader misses no access unit and gets none twice.
        let _ = self.frames.send(frame.clone());
    }

    /// Drops the GOP, because no access units come for now.
    pub fn clear_gop(&self) {
        *self.gop.lock().unwrap_or_else(PoisonError::into_inner) = Gop::default();
    }

    /// The access units since the last keyframe, and a receiver of all that follow.
    #[must_use]
    pub fn subscribe(&self) -> (Vec<AccessUnit>, broadcast::Receiver<AccessUnit>) {
        let group = self.gop.lock().unwrap_or_else(PoisonError::into_inner);
        (group.frames.clone(), self.frames.subscribe())
    }

    /// The last keyframe, while its GOP is held.
    #[must_use]
    pub fn keyframe(&self) -> Option<AccessUnit> {
        self.gop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .frames
            .first()
            .cloned()
    }

    /// Number of readers of its access units: viewers, and the recording.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.frames.receiver_count()
    }

    /// Sets the status of the RTSP session.
    pub fn set_source_status(&self, pull: &SourceStatus) {
        self.source_status.send_if_modified(|p| {
            let changes = p != pull;
            if changes {
                p.clone_from(pull);
            }
            changes
        });
    }

    /// Status of the RTSP session.
    #[must_use]
    pub fn source_status(&self) -> SourceStatus {
        self.source_status.borrow().clone()
    }

    /// Wakes when the status of the RTSP session changes.
    #[must_use]
    pub fn watch_source_status(&self) -> watch::Receiver<SourceStatus> {
        self.source_status.subscribe()
    }

    /// Updates the status of the recording.
    pub fn update_recording(&self, how: impl FnOnce(&mut Recording)) {
        self.recording.send_modify(how);
    }

    /// Updates the known faults.
    pub fn update_faults(&self, how: impl FnOnce(&mut Faults)) {
        self.faults.send_if_modified(|f| {
            let before = f.clone();
            how(f);
            *f != before
        });
    }

    /// The known faults.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.borrow().clone()
    }

    /// Status of the recording.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.recording.borrow().clone()
    }
}

/// All cameras; clones share them.
#[derive(Clone, Default)]
pub struct LiveCameras {
    cameras: Arc<RwLock<BTreeMap<CameraId, Arc<LiveCamera>>>>,
    wanted: watch::Sender<u64>,
}

impl LiveCameras {
    /// Wakes when a still is requested.
    #[must_use]
    pub fn wanted(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// Requests fresh stills of all cameras, because a page shows them.
    pub fn request_all_stills(&self, now_ms: WallMs) {
        for (_, picture) in self.all() {
            picture.last_viewed.store(now_ms);
        }
        self.wanted.send_modify(|n| *n += 1);
    }

    /// The newest still of a camera: a fresh one if it is made within `FRESH_STILL_TIMEOUT`.
    pub async fn fresh_still(&self, camera: &CameraId, now_ms: WallMs) -> Option<Still> {
        let picture = self.get(camera)?;
        picture.last_viewed.store(now_ms);
        // A still that is dated long after now was made before the clock was set back.
        let fresh = |s: &Option<Still>| {
            s.as_ref()
                .is_some_and(|s| now_ms.distance(s.at_ms) < FRESH_STILL_AGE_MS)
        };
        let mut still = picture.still.subscribe();
        if !fresh(&still.borrow_and_update()) && picture.keyframe().is_some() {
            self.wanted.send_modify(|n| *n += 1);
            let _ = tokio::time::timeout(FRESH_STILL_TIMEOUT, still.wait_for(fresh)).await;
        }
        picture.still()
    }

    /// The camera; created when the camera service first asks for it.
    #[must_use]
    pub fn get_or_create(&self, camera: &CameraId) -> Arc<LiveCamera> {
        self.cameras
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(camera.clone())
            .or_default()
            .clone()
    }

    /// All cameras.
    #[must_use]
    pub fn all(&self) -> Vec<(CameraId, Arc<LiveCamera>)> {
        self.cameras
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(id, p)| (id.clone(), p.clone()))
            .collect()
    }

    /// The camera; none = no such camera is configured.
    #[must_use]
    pub fn get(&self, camera: &CameraId) -> Option<Arc<LiveCamera>> {
        self.cameras
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(camera)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ticks: i64, keyframe: bool, len: usize) -> AccessUnit {
        let format = Format {
            codec: "avc1.4d401e".into(),
            sample_entry: Vec::new(),
            decoder: Vec::new(),
            width: 640,
            height: 360,
            timescale: 90_000,
        };
        AccessUnit {
            format: Arc::new(format),
            rtsp_session: 1,
            at_ms: WallMs::new(ticks),
            came_at: MonoMs::START,
            ticks,
            composition_offset: 0,
            keyframe,
            follows_loss: false,
            bytes: vec![0; len].into(),
        }
    }

    #[test]
    fn who_joins_begins_with_a_keyframe_and_misses_nothing() {
        let picture = LiveCamera::default();
        picture.push(&frame(0, false, 1));
        assert!(picture.subscribe().0.is_empty(), "no keyframe yet");
        for n in 1..20 {
            picture.push(&frame(n, n % 8 == 1, 1));
        }
        let (group, mut rest) = picture.subscribe();
        assert_eq!(
            group.iter().map(|f| f.ticks).collect::<Vec<_>>(),
            [17, 18, 19]
        );
        assert!(group[0].keyframe);
        picture.push(&frame(20, false, 1));
        assert_eq!(rest.try_recv().expect("the next").ticks, 20);
        picture.clear_gop();
        assert!(picture.keyframe().is_none());
    }

    #[test]
    fn a_camera_without_keyframes_holds_no_memory() {
        let picture = LiveCamera::default();
        picture.push(&frame(0, true, 1000));
        for n in 1..2000 {
            picture.push(&frame(n, false, 1000));
        }
        assert!(
            picture.subscribe().0.is_empty(),
            "the group outgrew its bound and was given up"
        );
        picture.push(&frame(3000, true, MAX_GOP_BYTES + 1));
        assert!(picture.subscribe().0.is_empty());
    }

    #[tokio::test]
    async fn a_still_of_before_the_clock_was_set_back_is_not_taken_for_a_fresh_one() {
        let (pictures, camera, now) = (
            LiveCameras::default(),
            CameraId::new("cam-01").expect("id"),
            WallMs::new(1_795_232_640_000),
        );
        let picture = pictures.get_or_create(&camera);
        picture.push(&frame(0, true, 1));
        picture.set_still(Still {
            at_ms: now + 3_600_000,
            jpeg: Bytes::new(),
            tile: Bytes::new(),
        });
        let mut wanted = pictures.wanted();
        let makes = async {
            if tokio::time::timeout(Duration::from_secs(1), wanted.changed())
                .await
                .is_ok()
            {
                picture.set_still(Still {
                    at_ms: now,
                    jpeg: Bytes::new(),
                    tile: Bytes::new(),
                });
            }
        };
        let (seen, ()) = tokio::join!(pictures.fresh_still(&camera, now), makes);
        assert_eq!(seen.map(|s| s.at_ms), Some(now));
    }
}
