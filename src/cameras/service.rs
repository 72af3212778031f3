//! Keeping one camera: calling it again for ever, recording it, and telling the village when its
//! picture comes and goes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use retina::client::SessionGroup;
use tokio::time::timeout;

use super::loss_meter::LossMeter;
use super::record::Recorder;
use super::rtsp;
pub use super::rtsp::Source;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::device::Availability;
use crate::domain::id::CameraId;
use crate::domain::text;
use crate::journal::{CommandRequest, Journal, SubmitError};
use crate::live::pictures::{LiveCamera, SourceStatus};
use crate::store::segments::Ring;
use crate::supervisor::Stop;
use crate::supervisor::backoff::{Backoff, jitter};
use crate::supervisor::clock::Clock;

/// A picture that is away for so long is told as lost.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// Longest wait for the camera to let go of the last session.
const TEARDOWN_TIMEOUT: Duration = Duration::from_millis(1_500);

/// What the keeper of a camera works with.
#[derive(Clone)]
pub struct CameraService {
    /// Which camera.
    pub camera: CameraId,
    /// How it is reached.
    pub source: Source,
    /// Where its frames go.
    pub live_camera: Arc<LiveCamera>,
    /// Where they are kept.
    pub ring: Ring,
    /// The journal.
    pub journal: Journal,
    /// The clock.
    pub clock: Clock,
}

impl CameraService {
    /// Keeps the camera until `stop`.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let recorder = Recorder::new(
            self.camera.clone(),
            self.ring.clone(),
            self.live_camera.clone(),
            self.clock.clone(),
        );
        let group = Arc::new(SessionGroup::default().named(self.camera.to_string()));
        let pulling = async {
            tokio::select! {
                () = self.connect_loop(&group) => {}
                () = stop.soft.cancelled() => {}
            }
            // A camera that is not told keeps the session for a minute and may refuse the next.
            let _ = timeout(
                TEARDOWN_TIMEOUT,
                AssertUnwindSafe(group.await_teardown()).catch_unwind(),
            )
            .await;
        };
        let telling = async {
            tokio::select! {
                told = self.report_signal() => told,
                () = stop.soft.cancelled() => Ok(()),
            }
        };
        let ((), (), told) = tokio::join!(pulling, recorder.run(&stop), telling);
        told
    }

    /// Calls the camera again and again.
    async fn connect_loop(&self, group: &Arc<SessionGroup>) {
        let mut backoff = Backoff::new(1_000, 30_000);
        let (mut runs, mut loss) = (0, LossMeter::default());
        loop {
            if !matches!(self.live_camera.source_status(), SourceStatus::Lost(_)) {
                self.live_camera
                    .set_source_status(&SourceStatus::Connecting);
            }
            // What a camera sends may make the library panic; that ends this session and no other.
            let ended = AssertUnwindSafe(rtsp::stream_frames(
                &self.source,
                &self.live_camera,
                &self.clock,
                &mut runs,
                &mut loss,
                group,
            ))
            .catch_unwind()
            .await;
            let why = match ended {
                Ok(Ok(())) => "it ended by itself".to_owned(),
                Ok(Err(cause)) => format!("{cause:#}"),
                Err(_) => "it sent something that could not be read".to_owned(),
            };
            // Part of it may be the camera's own words.
            let why = text::line(&why, 300);
            self.live_camera.clear_gop();
            let gave = matches!(self.live_camera.source_status(), SourceStatus::Live);
            let lost = SourceStatus::Lost(why.clone());
            if self.live_camera.source_status() != lost {
                tracing::warn!(camera = %self.camera, why, "camera stream lost; reconnecting");
            }
            self.live_camera.set_source_status(&lost);
            // One that gives pictures for a moment at a time must not be called more seldom than
            // one that is dead.
            if gave {
                backoff.reset();
            }
            // Some cameras serve few sessions: the last one is given back first.
            let _ = timeout(
                TEARDOWN_TIMEOUT,
                AssertUnwindSafe(group.await_teardown()).catch_unwind(),
            )
            .await;
            tokio::time::sleep(backoff.next(jitter())).await;
        }
    }

    /// Tells the journal when the picture came and went, for good.
    async fn report_signal(&self) -> anyhow::Result<()> {
        let mut pull = self.live_camera.watch_source_status();
        loop {
            let live = matches!(*pull.borrow_and_update(), SourceStatus::Live);
            let known = self
                .journal
                .state()
                .cameras
                .get(&self.camera)
                .map(|c| c.signal);
            let told = match known {
                Some(Availability::Online { .. }) => Some(true),
                Some(Availability::Offline { .. }) => Some(false),
                _ => None,
            };
            if told != Some(live) {
                // A picture that comes and goes by the moment is not news each time; the first one
                // is.
                if known != Some(Availability::Unknown) || !live {
                    let turned = |p: &SourceStatus| matches!(p, SourceStatus::Live) != live;
                    if timeout(LOST_AFTER, pull.wait_for(turned)).await.is_ok() {
                        continue;
                    }
                }
                let wish = CommandRequest::new(
                    Actor::System,
                    Command::ReportCamera {
                        camera: self.camera.clone(),
                        here: live,
                    },
                );
                if let Err(SubmitError::Closed(closed)) = self.journal.submit(wish).await {
                    return Err(closed.into());
                }
            }
            pull.changed().await?;
        }
    }
}
