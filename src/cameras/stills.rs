//! One still per camera: keyframes go to the `media` worker, JPEG comes back.
//!
//! One question is open at a time; a worker that does not answer in time is ended and started
//! again. A still is made every minute, and at once when somebody asks and the last one is old.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::domain::id::CameraId;
use crate::live::pictures::{AccessUnit, Picture, Pictures, Still};
use crate::protocol::media::{Answer, Ask, Coding, Fact, MESSAGE_MAX, Refusal};
use crate::supervisor::clock::Clock;
use crate::supervisor::health::Light;
use crate::supervisor::helper;
use crate::supervisor::worker::{self, Fact as Life, Spec, Start};
use crate::supervisor::{Stop, Supervisor};

/// Most memory of the worker, bytes of PSS.
const MEMORY_MAX: u64 = 256 << 20;
/// Width of a still in pixels.
const WIDTH: u16 = 640;
/// How often each camera's still is made anew, ms.
const EVERY_MS: i64 = 60_000;
/// A still that somebody looks at is not older, ms.
const FRESH_MS: i64 = 5_000;
/// After a failure the next keyframe is tried so soon, ms.
const AGAIN_MS: i64 = 3_000;
/// How long the worker may take for one still.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long looking through the decoders may take, on a slow card with many of them.
const LOOK: Duration = Duration::from_secs(60);
/// What is said of a kernel that keeps no files from the worker.
const NOT_SHUT: &str = "the program that decodes pictures is not shut in as it should be (Landlock or seccomp is missing or refused); everything works";

/// The stills; clones are the same.
#[derive(Clone)]
pub struct Stills {
    pictures: Pictures,
    cameras: Arc<Vec<CameraId>>,
    clock: Clock,
    socket: Arc<Mutex<Option<Pair>>>,
    started: watch::Sender<u64>,
    pid: watch::Sender<u32>,
}

impl Stills {
    /// For these cameras.
    #[must_use]
    pub fn new(pictures: Pictures, cameras: Vec<CameraId>, clock: Clock) -> Self {
        Self {
            pictures,
            cameras: Arc::new(cameras),
            clock,
            socket: Arc::default(),
            started: watch::Sender::new(0),
            pid: watch::Sender::new(0),
        }
    }

    /// The worker's process; 0 = none.
    #[must_use]
    pub fn pid(&self) -> u32 {
        *self.pid.borrow()
    }

    fn start(&self) -> std::io::Result<Start> {
        let (ours, theirs) = Pair::pair()?;
        ours.set_nonblocking(true)?;
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ours);
        self.started.send_modify(|n| *n += 1);
        Ok(Start {
            fds: vec![OwnedFd::from(theirs)],
            settings: "{}".into(),
            orders: Vec::new(),
        })
    }

    /// Keeps the worker until `stop`. `registry` is where it keeps what it knows of its plugins.
    ///
    /// # Errors
    /// Never by itself; the type fits a service.
    pub async fn keep(self, registry: &Path, house: Supervisor, stop: Stop) -> anyhow::Result<()> {
        let (_orders, inbox) = mpsc::channel(1);
        let (say, mut facts) = mpsc::channel(16);
        let spec = Spec {
            name: "media",
            program: "/proc/self/exe".into(),
            args: vec!["worker".into(), "media".into()],
            // The list of decoders is read and never written by who sees pictures.
            env: vec![
                ("GST_REGISTRY".into(), registry.display().to_string()),
                ("GST_REGISTRY_UPDATE".into(), "no".into()),
                ("GST_REGISTRY_FORK".into(), "no".into()),
            ],
            memory_max: MEMORY_MAX,
            silence_max: Duration::from_secs(10),
        };
        let this = self.clone();
        // In a process of its own that has ended before the first picture comes.
        let list = registry.display().to_string();
        if let Err(cause) = helper::run(
            "/proc/self/exe",
            &["worker", "plugins"],
            &[("GST_REGISTRY", &list)],
            b"",
            LOOK,
            4096,
        )
        .await
        {
            tracing::error!(%cause, "the decoders of this machine could not be listed; there may be no stills");
        }
        let health = house.health().clone();
        let listen = async {
            while let Some(fact) = facts.recv().await {
                let Life::Line(line) = fact else { continue };
                match serde_json::from_str(&line) {
                    Ok(Fact::ShutIn { whole: true }) => health.set("pictures", Light::Green, ""),
                    Ok(Fact::ShutIn { whole: false }) => {
                        health.set("pictures", Light::Amber, NOT_SHUT);
                    }
                    Ok(Fact::Beat) | Err(_) => tracing::debug!(line, "the media worker says"),
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = worker::keep(&spec, move || this.start(), inbox, say, stop, house.health().clone(), self.pid.clone()) => ended,
            () = listen => Ok(()),
        }
    }

    /// Asks for stills until `stop`.
    ///
    /// # Errors
    /// When the worker ended or did not answer: a new run begins with a new socket.
    pub async fn ask(self, stop: Stop) -> anyhow::Result<()> {
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
                ended = self.talk(socket, &mut wanted, &mut id) => if let Err(cause) = ended {
                    tracing::warn!(%cause, "the media worker is started again");
                    worker::kill(self.pid());
                },
                changed = started.changed() => changed?,
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
    }

    /// Talks with one life of the worker.
    async fn talk(
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
                // A picture that ends the worker is not tried again: the others have their turn.
                picture.try_still(frame.at_ms);
                let (coding, at_ms) = (
                    if frame.format.codec.starts_with("avc") {
                        Coding::H264
                    } else {
                        Coding::H265
                    },
                    frame.at_ms,
                );
                let ask = Ask {
                    id: *id,
                    coding,
                    width: WIDTH.min(frame.format.width),
                    decoder: frame.format.decoder.clone(),
                    frame: frame.bytes.to_vec(),
                };
                let Ok(answer) = timeout(PATIENCE, exchange(&mut socket, &ask)).await else {
                    picture.late_still("the program that decodes pictures gave no answer in time");
                    anyhow::bail!("no answer for a picture of {camera} in {PATIENCE:?}");
                };
                let answer = answer.inspect_err(|_| {
                    picture.no_still("the program that decodes pictures ended over it");
                })?;
                tell(&camera, &picture, at_ms, answer.still);
            }
        }
    }

    /// A camera whose still is too old, and the frame to make it of.
    fn due(&self, camera: &CameraId) -> Option<(CameraId, AccessUnit)> {
        let picture = self.pictures.get(camera)?;
        let frame = picture.keyframe()?;
        let now = self.clock.wall_ms();
        let most = if picture.is_in_doubt() {
            AGAIN_MS
        } else if picture.is_wanted(now) {
            FRESH_MS
        } else {
            EVERY_MS
        };
        let last = picture.tried_at();
        // A clock that was set back must not stop stills for as long as it jumped.
        (frame.at_ms != last && (now < last || now - last >= most)).then(|| (camera.clone(), frame))
    }
}

/// Says what came of the keyframe of that time.
fn tell(camera: &CameraId, picture: &Picture, at_ms: i64, still: Result<Vec<u8>, Refusal>) {
    match still {
        Ok(jpeg) => picture.set_still(Still {
            at_ms,
            jpeg: Bytes::from(jpeg),
        }),
        Err(Refusal::Lacks(why)) => {
            if picture.faults().unchecked.as_ref() != Some(&why) {
                tracing::warn!(%camera, why, "no still could be made on this machine");
            }
            picture.cannot_check(&why);
        }
        Err(Refusal::Late(why)) => {
            tracing::warn!(%camera, why, "no still was made in time");
            picture.late_still(&why);
        }
        Err(Refusal::Undecodable(why)) => {
            tracing::debug!(%camera, why, "no still could be made");
            picture.no_still(&why);
        }
    }
}

async fn exchange(socket: &mut UnixStream, ask: &Ask) -> anyhow::Result<Answer> {
    socket.write_all(&ask.encode()).await?;
    let len = socket.read_u32().await? as usize;
    anyhow::ensure!(len <= MESSAGE_MAX, "an answer of {len} bytes");
    let mut body = vec![0; len];
    socket.read_exact(&mut body).await?;
    let answer = Answer::decode(&body).ok_or_else(|| anyhow::anyhow!("an answer that is none"))?;
    anyhow::ensure!(answer.id == ask.id, "an answer to another question");
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_the_decoder_is_told_and_a_late_answer_is_neither_good_nor_bad() {
        let (camera, picture) = (CameraId::new("cam-01").expect("id"), Picture::default());
        tell(
            &camera,
            &picture,
            1,
            Err(Refusal::Lacks("install it".to_owned())),
        );
        assert_eq!(picture.faults().unchecked.as_deref(), Some("install it"));
        tell(&camera, &picture, 2, Ok(vec![0xff, 0xd8]));
        assert_eq!(
            (picture.faults().unchecked, picture.still().map(|s| s.at_ms)),
            (None, Some(2))
        );
        for n in 0..10 {
            tell(
                &camera,
                &picture,
                3 + n,
                Err(Refusal::Late("too slow".to_owned())),
            );
            assert!(picture.faults().undecodable.is_none() && !picture.is_in_doubt());
        }
        assert_eq!(picture.faults().unchecked.as_deref(), Some("too slow"));
        for n in 0..3 {
            tell(
                &camera,
                &picture,
                20 + n,
                Err(Refusal::Undecodable("broken".to_owned())),
            );
        }
        assert_eq!(picture.faults().undecodable.as_deref(), Some("broken"));
    }
}
