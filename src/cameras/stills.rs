//! One still per camera: keyframes go to the `media` worker, which replies with JPEG images.
//!
//! At most one request is open. A worker that does not reply in time is killed and restarted. A
//! still is made every minute, and at once when somebody views the camera and the last still is
//! old.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::domain::id::CameraId;
use crate::live::pictures::{AccessUnit, LiveCamera, LiveCameras, Still};
use crate::protocol::media::{
    MAX_MESSAGE_BYTES, MediaWorkerEvent, StillError, StillImages, StillReply, StillRequest,
    VideoCodec,
};
use crate::supervisor::clock::Clock;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::helper;
use crate::supervisor::worker::{self, WorkerInit, WorkerLifecycle, WorkerSpec};
use crate::supervisor::{Stop, Supervisor};
use crate::time::WallMs;

/// Most memory of the worker, bytes of PSS.
const MAX_WORKER_BYTES: u64 = 256 << 20;
/// Width of a still in pixels.
const STILL_WIDTH: u16 = 640;
/// Width of a still on the wall: two tiles beside each other on a phone's sharp screen.
const TILE_WIDTH: u16 = 320;
/// How often the still of each camera is renewed, ms.
const STILL_INTERVAL_MS: i64 = 60_000;
/// Largest age of a still that somebody views, ms.
const VIEWED_STILL_MAX_AGE_MS: i64 = 5_000;
/// Wait after a failure before the next keyframe is tried, ms.
const RETRY_DELAY_MS: i64 = 3_000;
/// How long the worker may take for one still.
const DECODE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the probe of the decoders may take, on slow storage with many of them.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes the stills of all cameras; clones share everything.
#[derive(Clone)]
pub struct StillService {
    pictures: LiveCameras,
    cameras: Arc<Vec<CameraId>>,
    clock: Clock,
    socket: Arc<Mutex<Option<net::UnixStream>>>,
    started: watch::Sender<u64>,
    pid: watch::Sender<u32>,
}

impl StillService {
    /// A service for these cameras.
    #[must_use]
    pub fn new(pictures: LiveCameras, cameras: Vec<CameraId>, clock: Clock) -> Self {
        Self {
            pictures,
            cameras: Arc::new(cameras),
            clock,
            socket: Arc::default(),
            started: watch::Sender::new(0),
            pid: watch::Sender::new(0),
        }
    }

    /// Process id of the worker; 0 = none.
    #[must_use]
    pub fn pid(&self) -> u32 {
        *self.pid.borrow()
    }

    fn worker_init(&self) -> std::io::Result<WorkerInit> {
        let (ours, theirs) = net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ours);
        self.started.send_modify(|n| *n += 1);
        Ok(WorkerInit {
            fds: vec![OwnedFd::from(theirs)],
            settings: "{}".into(),
            orders: Vec::new(),
        })
    }

    /// Runs the worker until `stop`. `registry` is the file with GStreamer's list of plugins.
    ///
    /// # Errors
    /// None of its own; a service has this return type.
    pub async fn run_worker(
        self,
        registry: &Path,
        supervisor: Supervisor,
        stop: Stop,
    ) -> anyhow::Result<()> {
        let (_orders, inbox) = mpsc::channel(1);
        let (say, mut lifecycle) = mpsc::channel(16);
        let spec = WorkerSpec {
            part: HealthPart::Media,
            program: "/proc/self/exe".into(),
            args: vec!["worker".into(), "media".into()],
            // The process that handles pictures reads the list of decoders and never writes it.
            env: vec![
                ("GST_REGISTRY".into(), registry.display().to_string()),
                ("GST_REGISTRY_UPDATE".into(), "no".into()),
                ("GST_REGISTRY_FORK".into(), "no".into()),
            ],
            max_memory_bytes: MAX_WORKER_BYTES,
            max_silence: Duration::from_secs(10),
        };
        let this = self.clone();
        // A process of its own writes the list; it has ended before the first picture comes.
        let list = registry.display().to_string();
        if let Err(cause) = helper::run(
            "/proc/self/exe",
            &["worker", "plugins"],
            &[("GST_REGISTRY", &list)],
            b"",
            PROBE_TIMEOUT,
            4096,
        )
        .await
        {
            tracing::error!(%cause, "decoder probe failed; stills may be unavailable");
        }
        let health = supervisor.health().clone();
        let listen = async {
            while let Some(change) = lifecycle.recv().await {
                let WorkerLifecycle::Output(line) = change else {
                    continue;
                };
                match serde_json::from_str(&line) {
                    Ok(MediaWorkerEvent::Sandboxed { whole: true }) => {
                        health.set_green(&HealthPart::Pictures);
                    }
                    Ok(MediaWorkerEvent::Sandboxed { whole: false }) => {
                        health.set_amber(&HealthPart::Pictures, HealthReason::NotSandboxed);
                    }
                    Ok(MediaWorkerEvent::Beat) | Err(_) => {
                        tracing::debug!(line, "unexpected line from media worker");
                    }
                }
            }
            std::future::pending::<()>().await;
        };
        let process = worker::run_worker(
            &spec,
            move || this.worker_init(),
            inbox,
            say,
            stop,
            supervisor.health().clone(),
            self.pid.clone(),
        );
        tokio::select! {
            ended = process => ended,
            () = listen => Ok(()),
        }
    }

    /// Requests stills until `stop`.
    ///
    /// # Errors
    /// When the socket of a new worker cannot be used. A worker that ended or did not reply in time
    /// is no error here: it is killed, and the next one brings a new socket.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut started = self.started.subscribe();
        let mut wanted = self.pictures.wanted();
        let mut id = 0;
        loop {
            let taken = self
                .socket
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let Some(socket) = taken else {
                tokio::select! {
                    changed = started.changed() => changed?,
                    () = stop.soft.cancelled() => return Ok(()),
                }
                continue;
            };
            let socket = UnixStream::from_std(socket)?;
            tokio::select! {
                ended = self.run_session(socket, &mut wanted, &mut id) => {
                    if let Err(cause) = ended {
                        tracing::warn!(%cause, "media worker restarting");
                        worker::kill(self.pid());
                    }
                }
                changed = started.changed() => changed?,
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
    }

    /// Requests stills from one run of the worker.
    async fn run_session(
        &self,
        mut socket: UnixStream,
        wanted: &mut watch::Receiver<u64>,
        id: &mut u64,
    ) -> anyhow::Result<()> {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = second.tick() => {}
                changed = wanted.changed() => changed?,
            }
            let mut due: VecDeque<_> = self.cameras.iter().filter_map(|c| self.due(c)).collect();
            while let Some((camera, frame)) = due.pop_front() {
                *id += 1;
                let Some(picture) = self.pictures.get(&camera) else {
                    continue;
                };
                // A keyframe that crashes the worker is not tried again, so that the other cameras
                // get their stills.
                picture.set_still_tried(frame.at_ms);
                let (coding, at_ms) = (
                    if frame.format.codec.starts_with("avc") {
                        VideoCodec::H264
                    } else {
                        VideoCodec::H265
                    },
                    frame.at_ms,
                );
                let ask = StillRequest {
                    id: *id,
                    coding,
                    width: STILL_WIDTH.min(frame.format.width),
                    tile_width: TILE_WIDTH.min(frame.format.width),
                    decoder: frame.format.decoder.clone(),
                    frame: frame.bytes.to_vec(),
                };
                let Ok(answer) = timeout(DECODE_TIMEOUT, exchange(&mut socket, &ask)).await else {
                    picture.set_still_timed_out(
                        "the program that decodes pictures gave no answer in time",
                    );
                    anyhow::bail!("no reply for a picture of {camera} in {DECODE_TIMEOUT:?}");
                };
                let answer = answer.inspect_err(|_| {
                    picture.set_still_failed("the program that decodes pictures ended over it");
                })?;
                report_result(&camera, &picture, at_ms, answer.still);
            }
        }
    }

    /// The camera and the keyframe to decode, when its still is too old.
    fn due(&self, camera: &CameraId) -> Option<(CameraId, AccessUnit)> {
        let picture = self.pictures.get(camera)?;
        let frame = picture.keyframe()?;
        let now = self.clock.wall_ms();
        let most = if picture.is_unverified() {
            RETRY_DELAY_MS
        } else if picture.is_wanted(now) {
            VIEWED_STILL_MAX_AGE_MS
        } else {
            STILL_INTERVAL_MS
        };
        let last = picture.tried_at();
        // After the clock was set back, stills must not pause for as long as it jumped.
        (frame.at_ms != last && (now < last || now.since(last) >= most))
            .then(|| (camera.clone(), frame))
    }
}

/// Reports the result for the keyframe of `at_ms`.
fn report_result(
    camera: &CameraId,
    picture: &LiveCamera,
    at_ms: WallMs,
    still: Result<StillImages, StillError>,
) {
    match still {
        Ok(StillImages { full, tile }) => picture.set_still(Still {
            at_ms,
            jpeg: Bytes::from(full),
            tile: Bytes::from(tile),
        }),
        Err(StillError::UnsupportedCodec(why)) => {
            if picture.faults().unchecked.as_ref() != Some(&why) {
                tracing::warn!(%camera, why, "still failed: codec not supported on this machine");
            }
            picture.set_unverifiable(&why);
        }
        Err(StillError::TimedOut(why)) => {
            tracing::warn!(%camera, why, "still timed out");
            picture.set_still_timed_out(&why);
        }
        Err(StillError::Undecodable(why)) => {
            tracing::debug!(%camera, why, "still failed: frame not decodable");
            picture.set_still_failed(&why);
        }
    }
}

async fn exchange(socket: &mut UnixStream, ask: &StillRequest) -> anyhow::Result<StillReply> {
    socket.write_all(&ask.encode()).await?;
    let len = socket.read_u32().await? as usize;
    anyhow::ensure!(len <= MAX_MESSAGE_BYTES, "a reply of {len} bytes");
    let mut body = vec![0; len];
    socket.read_exact(&mut body).await?;
    let answer = StillReply::decode(&body).ok_or_else(|| anyhow::anyhow!("a malformed reply"))?;
    anyhow::ensure!(answer.id == ask.id, "a reply to another request");
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_the_decoder_is_told_and_a_late_answer_is_neither_good_nor_bad() {
        let (camera, picture) = (CameraId::new("cam-01").expect("id"), LiveCamera::default());
        report_result(
            &camera,
            &picture,
            WallMs::new(1),
            Err(StillError::UnsupportedCodec("install it".to_owned())),
        );
        assert_eq!(picture.faults().unchecked.as_deref(), Some("install it"));
        let images = StillImages {
            full: vec![0xff, 0xd8],
            tile: vec![0xff, 0xd8],
        };
        report_result(&camera, &picture, WallMs::new(2), Ok(images));
        assert_eq!(
            (picture.faults().unchecked, picture.still().map(|s| s.at_ms)),
            (None, Some(WallMs::new(2)))
        );
        for n in 0..10 {
            report_result(
                &camera,
                &picture,
                WallMs::new(3 + n),
                Err(StillError::TimedOut("too slow".to_owned())),
            );
            assert!(picture.faults().undecodable.is_none() && !picture.is_unverified());
        }
        assert_eq!(picture.faults().unchecked.as_deref(), Some("too slow"));
        for n in 0..3 {
            report_result(
                &camera,
                &picture,
                WallMs::new(20 + n),
                Err(StillError::Undecodable("broken".to_owned())),
            );
        }
        assert_eq!(picture.faults().undecodable.as_deref(), Some("broken"));
    }
}
