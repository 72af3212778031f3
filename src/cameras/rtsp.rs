//! One RTSP session with a camera, from DESCRIBE to its end: packets come in, access units go out.
//!
//! The library `retina` speaks RTSP and orders packets. This code puts access units together
//! (`rtp`), tracks their parameter sets (`parameters`) and maps their times (`timing`). The library
//! has no time-outs: those are here too. Source: RFC 2326 (RTSP), RFC 3550 (RTP, RTCP).

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use retina::client::{
    Credentials, InitialSequenceNumberPolicy, PacketItem, PlayOptions, Session, SessionGroup,
    SessionOptions, SetupOptions, Stream, TcpTransportOptions, Transport,
};
use tokio::time::{Instant, timeout};

use super::loss_meter::LossMeter;
use super::parameters::ParameterTracker;
use super::rtp::{Depacketizer, MAX_UNIT_BYTES, RtpAccessUnit};
use super::timing::TimestampMapper;
use crate::live::pictures::{AccessUnit, LiveCamera, SourceStatus};
use crate::protocol::media::VideoCodec;
use crate::protocol::stream_loss::{StreamLoss, first_line};
use crate::supervisor::clock::Clock;
use crate::supervisor::standstill::Passes;
use crate::time::WallMs;

/// Longest wait for an answer of the camera.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time without an access unit.
const FRAME_TIMEOUT: Duration = Duration::from_secs(8);
/// Longest wait for a keyframe, at the beginning and after a loss. Otherwise keyframes may be as
/// rare as the camera likes: an unbroken sequence of access units can be decoded.
const KEYFRAME_TIMEOUT: Duration = Duration::from_secs(45);
/// Length of the window in which a camera's data is counted, and the most bytes and access units in
/// one window. More is a fault or an attack, and costs memory.
const RATE_WINDOW: Duration = Duration::from_secs(5);
const MAX_WINDOW_BYTES: usize = 20 << 20;
const MAX_WINDOW_FRAMES: u32 = 600;
/// RTCP packet type BYE: the camera ends its stream.
const RTCP_BYE: u8 = 203;

/// How a camera is reached.
#[derive(Debug, Clone)]
pub struct Source {
    /// `rtsp://…`, without user and password.
    pub url: String,
    /// User.
    pub user: Option<String>,
    /// File with the password; read at each connection, so that a new password takes effect.
    pub password_file: Option<PathBuf>,
}

impl Source {
    fn credentials(&self) -> anyhow::Result<Option<Credentials>> {
        let Some(username) = self.user.clone() else {
            return Ok(None);
        };
        let password = match &self.password_file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|cause| StreamLoss::PasswordUnreadable {
                    path: file.display().to_string(),
                    cause: cause.into(),
                })?
                .trim()
                .to_owned(),
            None => String::new(),
        };
        Ok(Some(Credentials { username, password }))
    }
}

/// The library's error as a reason; the library's own text may be long and is logged separately.
fn describe_error(request: &str, error: &retina::Error) -> StreamLoss {
    tracing::debug!(%error, request, "RTSP error");
    let first = first_line(&error.to_string());
    let request = request.to_owned();
    match error.status_code() {
        Some(401 | 403) => StreamLoss::CredentialsRefused,
        Some(404) => StreamLoss::PathUnknown,
        Some(453 | 503) => StreamLoss::TooManyClients,
        Some(461) => StreamLoss::TcpRefused,
        // The status means success, so the content of the answer is at fault.
        Some(200..300) => StreamLoss::AnswerUnreadable {
            request,
            error: first
                .split_once(": ")
                .map_or(first.clone(), |(_, why)| why.to_owned()),
        },
        Some(code) => StreamLoss::ErrorStatus {
            request,
            code: code.into(),
        },
        None => StreamLoss::RequestFailed {
            request,
            error: first,
        },
    }
}

async fn with_timeout<T>(
    request: &str,
    step: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, StreamLoss> {
    match timeout(RESPONSE_TIMEOUT, step).await {
        Ok(done) => done.map_err(|e| describe_error(request, &e)),
        Err(_) => Err(StreamLoss::NoAnswer {
            request: request.to_owned(),
            seconds: RESPONSE_TIMEOUT.as_secs(),
        }),
    }
}

/// Finds the stream to record among those that the camera offers: its number and its coding.
fn choose_video(streams: &[Stream]) -> Result<(usize, VideoCodec), StreamLoss> {
    let video =
        streams
            .iter()
            .enumerate()
            .find_map(|(n, s)| match (s.media(), s.encoding_name()) {
                ("video", "h264") => Some((n, VideoCodec::H264)),
                ("video", "h265") => Some((n, VideoCodec::H265)),
                _ => None,
            });
    if let Some(video) = video {
        return Ok(video);
    }
    let offered: Vec<_> = streams
        .iter()
        .map(|s| format!("{} {}", s.media(), s.encoding_name()))
        .collect();
    if offered.is_empty() {
        return Err(StreamLoss::NothingOffered);
    }
    Err(StreamLoss::CodecUnsupported {
        offered: first_line(&offered.join(", ")),
    })
}

/// The state of one RTSP session behind the depacketizer: each access unit is checked, parsed,
/// placed in time and pushed to the live camera.
struct Reception<'a> {
    live_camera: &'a LiveCamera,
    clock: &'a Clock,
    runs: &'a mut u64,
    loss: &'a mut LossMeter,
    parameters: ParameterTracker,
    timing: TimestampMapper,
    /// The next access unit must come before this.
    frame_by: Instant,
    /// A keyframe must come before this; none = no keyframe is waited for.
    keyframe_by: Option<Instant>,
    /// A keyframe came: later access units can be decoded.
    has_begun: bool,
    /// The last keyframe was waited for, so its leading pictures cannot be decoded.
    leaves_out_leading: bool,
    /// The parameter sets are known.
    has_sets: bool,
    /// When the newest access unit was taken: times of a run only grow.
    at_least: WallMs,
    /// The window of the data rate: when it began, its bytes and its access units.
    window: (Instant, usize, u32),
}

impl Reception<'_> {
    /// When the session has failed unless something comes before.
    fn deadline(&self) -> Instant {
        self.keyframe_by
            .map_or(self.frame_by, |w| w.min(self.frame_by))
    }

    /// After a standstill of the gateway: what came meanwhile is read only now.
    fn begin_anew(&mut self) {
        let now = Instant::now();
        self.frame_by = now + FRAME_TIMEOUT;
        self.keyframe_by = self.keyframe_by.map(|_| now + KEYFRAME_TIMEOUT);
        self.window = (now, 0, 0);
    }

    /// Why the session fails at its [`Self::deadline`].
    fn timeout_error(&self) -> StreamLoss {
        let seconds = KEYFRAME_TIMEOUT.as_secs();
        if self.frame_by <= Instant::now() {
            StreamLoss::Frozen {
                seconds: FRAME_TIMEOUT.as_secs(),
            }
        } else if self.has_sets {
            StreamLoss::KeyframeMissing { seconds }
        } else {
            StreamLoss::ParametersMissing { seconds }
        }
    }

    /// Counts an access unit of so many bytes; fails when the camera sends too much.
    fn count_rate(&mut self, bytes: usize) -> anyhow::Result<()> {
        if self.window.0.elapsed() > RATE_WINDOW {
            self.window = (Instant::now(), 0, 0);
        }
        self.window.1 += bytes;
        self.window.2 += 1;
        anyhow::ensure!(
            self.window.1 <= MAX_WINDOW_BYTES && self.window.2 <= MAX_WINDOW_FRAMES,
            StreamLoss::TooMuchData {
                mb: (self.window.1 >> 20) as u64,
                pictures: self.window.2.into(),
                seconds: RATE_WINDOW.as_secs(),
            }
        );
        Ok(())
    }

    /// Takes an access unit; pushes it to the live camera when it can be decoded.
    fn take(&mut self, unit: RtpAccessUnit) -> anyhow::Result<()> {
        self.frame_by = Instant::now() + FRAME_TIMEOUT;
        self.count_rate(unit.bytes.len())?;
        let (raw, torn, follows_loss) = (unit.ticks, unit.is_incomplete, unit.follows_loss);
        let now = self.clock.mono_ms();
        let ready = self.parameters.parse_frame(unit, now)?;
        if torn || follows_loss {
            // Access units after a loss may refer to the lost one, up to the next keyframe.
            self.keyframe_by = self.keyframe_by.or(Some(Instant::now() + KEYFRAME_TIMEOUT));
        }
        if torn {
            if self.has_begun {
                let reported = self.loss.record_frame(now, true);
                self.live_camera.update_faults(|f| f.loss = reported);
            }
            return Ok(());
        }
        let Some(ready) = ready else { return Ok(()) };
        self.has_sets = true;
        if ready.keyframe {
            // Leading pictures of a first keyframe refer to access units that never came.
            self.leaves_out_leading = self.keyframe_by.take().is_some();
            self.has_begun = true;
        }
        // Before the first keyframe nothing can be decoded.
        if !self.has_begun || ready.is_leading && self.leaves_out_leading {
            return Ok(());
        }
        let follows_loss = self.keyframe_by.is_some();
        let reported = self.loss.record_frame(now, follows_loss);
        let placed = self.timing.map(
            raw,
            now,
            ready.keyframe,
            ready.is_reordered,
            self.parameters.reorder(),
        );
        if placed.is_discontinuity {
            *self.runs += 1;
        }
        self.at_least = self.at_least.max(self.clock.wall_ms() - placed.delay_ms);
        if self.clock.wall_ms() < self.at_least {
            // The wall clock was set back.
            self.at_least = self.clock.wall_ms();
        }
        self.live_camera.push(&AccessUnit {
            format: ready.format,
            rtsp_session: *self.runs,
            at_ms: self.at_least,
            came_at: now,
            ticks: placed.ticks,
            composition_offset: placed.composition_offset,
            keyframe: ready.keyframe,
            follows_loss,
            bytes: ready.bytes,
        });
        let clock_fault = self.timing.fault();
        self.live_camera
            .update_faults(|f| (f.clock, f.loss) = (clock_fault, reported));
        self.live_camera.set_source_status(&SourceStatus::Live);
        Ok(())
    }
}

/// Runs one RTSP session until something ends it; returns the reason. `runs` counts the unbroken
/// runs of access units, `loss` the access units that packet loss damaged.
///
/// # Errors
/// Always: the reason of the end, a [`StreamLoss`] if it was foreseen.
pub async fn stream_frames(
    source: &Source,
    picture: &LiveCamera,
    clock: &Clock,
    runs: &mut u64,
    loss: &mut LossMeter,
    group: &Arc<SessionGroup>,
) -> anyhow::Result<()> {
    let options = SessionOptions::default()
        .creds(source.credentials()?)
        .user_agent("conglang".into())
        .session_group(group.clone());
    let mut session = with_timeout(
        "DESCRIBE",
        Session::describe(url::Url::parse(&source.url)?, options),
    )
    .await?;
    let (video, coding) = choose_video(session.streams())?;
    with_timeout(
        "SETUP",
        session.setup(
            video,
            SetupOptions::default().transport(Transport::Tcp(TcpTransportOptions::default())),
        ),
    )
    .await?;
    let stream = &session.streams()[video];
    let timescale = stream.clock_rate_hz();
    let mut parameters = ParameterTracker::new(coding, timescale);
    parameters.parse_sdp(session.sdp(), stream.rtp_payload_type());
    // Some cameras announce a first packet that never comes; the first that comes is the first.
    let mut items = pin!(
        with_timeout(
            "PLAY",
            session.play(PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore))
        )
        .await?
    );

    *runs += 1;
    let mut assembler = Depacketizer::new(coding);
    let mut reception = Reception {
        live_camera: picture,
        clock,
        runs,
        loss,
        parameters,
        timing: TimestampMapper::new(timescale),
        frame_by: Instant::now() + FRAME_TIMEOUT,
        keyframe_by: Some(Instant::now() + KEYFRAME_TIMEOUT),
        has_begun: false,
        leaves_out_leading: true,
        has_sets: false,
        at_least: WallMs::MIN,
        window: (Instant::now(), 0, 0),
    };
    let mut passes = Passes::begin();
    loop {
        let item = tokio::select! {
            item = items.next() => item,
            () = tokio::time::sleep_until(reception.deadline().min(passes.due())) => {
                if passes.pass().is_some() {
                    reception.begin_anew();
                } else if reception.deadline() <= Instant::now() {
                    return Err(reception.timeout_error().into());
                }
                continue;
            }
        };
        match item {
            Some(Ok(PacketItem::Rtp(packet))) => {
                anyhow::ensure!(
                    assembler.push(
                        packet.payload(),
                        packet.timestamp().elapsed(),
                        packet.mark(),
                        packet.loss() > 0
                    ),
                    StreamLoss::PictureTooLarge {
                        mb: (MAX_UNIT_BYTES >> 20) as u64,
                    }
                );
            }
            Some(Ok(PacketItem::Rtcp(report))) => anyhow::ensure!(
                report.pkts().all(|p| p.payload_type() != RTCP_BYE),
                StreamLoss::SessionEnded
            ),
            Some(Ok(_)) => continue,
            Some(Err(error)) => {
                tracing::debug!(%error, "RTSP error");
                let error = first_line(&error.to_string());
                return Err(StreamLoss::ReceiveFailed { error }.into());
            }
            None => return Err(StreamLoss::ConnectionEnded.into()),
        }
        while let Some(unit) = assembler.pop() {
            reception.take(unit)?;
        }
    }
}
