//! The service of one camera: it reconnects for ever, records, and reports to the journal when the
//! signal is lost and restored.

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
use crate::domain::camera;
use crate::domain::device::Availability;
use crate::domain::id::CameraId;
use crate::journal::{CommandRequest, Journal, SubmitError};
use crate::live::pictures::{LiveCamera, SourceStatus};
use crate::protocol::stream_loss::{StreamLoss, first_line};
use crate::store::segments::Ring;
use crate::supervisor::Stop;
use crate::supervisor::backoff::{Backoff, jitter};
use crate::supervisor::clock::Clock;

/// A signal must be lost, or restored, for this long before that is reported.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// Longest wait until the camera has ended the last RTSP session.
const TEARDOWN_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The service of one camera, and what it works with.
#[derive(Clone)]
pub struct CameraService {
    /// Which camera.
    pub camera: CameraId,
    /// How it is reached.
    pub source: Source,
    /// Where its access units go.
    pub live_camera: Arc<LiveCamera>,
    /// Where they are recorded.
    pub ring: Ring,
    /// The journal.
    pub journal: Journal,
    /// The clock.
    pub clock: Clock,
}

impl CameraService {
    /// Runs the service until `stop`.
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
            // Without a TEARDOWN a camera keeps the session for a minute and may refuse the next
            // one.
            let _ = timeout(
                TEARDOWN_TIMEOUT,
                AssertUnwindSafe(group.await_teardown()).catch_unwind(),
            )
            .await;
        };
        let telling = async {
            tokio::select! {
                reported = self.report_signal() => reported,
                () = stop.soft.cancelled() => Ok(()),
            }
        };
        let ((), (), reported) = tokio::join!(pulling, recorder.run(&stop), telling);
        reported
    }

    /// Connects to the camera again and again.
    async fn connect_loop(&self, group: &Arc<SessionGroup>) {
        let mut backoff = Backoff::new(1_000, 30_000);
        let (mut runs, mut loss) = (0, LossMeter::default());
        loop {
            if !matches!(self.live_camera.source_status(), SourceStatus::Lost(_)) {
                self.live_camera
                    .set_source_status(&SourceStatus::Connecting);
            }
            // Data from a camera may make the library panic; that ends this RTSP session and no
            // other.
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
            let reason = match ended {
                Ok(Ok(())) => StreamLoss::ConnectionEnded,
                Ok(Err(cause)) => {
                    cause
                        .downcast::<StreamLoss>()
                        .unwrap_or_else(|cause| StreamLoss::Other {
                            error: first_line(&format!("{cause:#}")),
                        })
                }
                Err(_) => StreamLoss::DataUnreadable,
            };
            self.live_camera.clear_gop();
            let gave = matches!(self.live_camera.source_status(), SourceStatus::Live);
            let lost = SourceStatus::Lost(reason.clone());
            if self.live_camera.source_status() != lost {
                tracing::warn!(camera = %self.camera, %reason, "camera stream lost; reconnecting");
            }
            self.live_camera.set_source_status(&lost);
            // A camera that streams for a moment at a time must not be reconnected less often than
            // one that is dead.
            if gave {
                backoff.reset();
            }
            // Some cameras serve few RTSP sessions: the last one is ended first.
            let _ = timeout(
                TEARDOWN_TIMEOUT,
                AssertUnwindSafe(group.await_teardown()).catch_unwind(),
            )
            .await;
            tokio::time::sleep(backoff.next(jitter())).await;
        }
    }

    /// Reports to the journal when the signal is lost or restored, once that lasts.
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
            let reported = match known {
                Some(Availability::Online { .. }) => Some(true),
                Some(Availability::Offline { .. }) => Some(false),
                _ => None,
            };
            if reported != Some(live) {
                // A signal that changes every moment is not news each time; the first signal is.
                if known != Some(Availability::Unknown) || !live {
                    let turned = |p: &SourceStatus| matches!(p, SourceStatus::Live) != live;
                    if timeout(LOST_AFTER, pull.wait_for(turned)).await.is_ok() {
                        continue;
                    }
                }
                let request = CommandRequest::new(
                    Actor::System,
                    camera::Command::Report {
                        camera: self.camera.clone(),
                        here: live,
                    },
                );
                if let Err(SubmitError::Closed(closed)) = self.journal.submit(request).await {
                    return Err(closed.into());
                }
            }
            pull.changed().await?;
        }
    }
}
