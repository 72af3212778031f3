//! One RTSP session with a camera, from DESCRIBE to its end: frames come out as values.
//!
//! The library speaks RTSP and orders packets; putting pictures together, their parameter sets and
//! their times are ours (`rtp`, `parameters`, `timing`). It has no time-outs: those are here too.
//! Source: RFC 2326 (RTSP), RFC 3550 (RTP, RTCP).

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use retina::client::{
    Credentials, InitialSequenceNumberPolicy, PacketItem, PlayOptions, Session, SessionGroup,
    SessionOptions, SetupOptions, TcpTransportOptions, Transport,
};
use tokio::time::{Instant, timeout};

use super::loss_meter::LossMeter;
use super::parameters::ParameterTracker;
use super::rtp::{Depacketizer, MAX_UNIT_BYTES};
use super::timing::TimestampMapper;
use crate::live::pictures::{AccessUnit, LiveCamera, SourceStatus};
use crate::protocol::media::VideoCodec;
use crate::supervisor::clock::Clock;

/// Longest wait for an answer of the camera.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time without a frame.
const FRAME_TIMEOUT: Duration = Duration::from_secs(8);
/// Longest wait for a keyframe, at the beginning and after a loss. Later ones may be as rare as
/// they like: what follows an unbroken line of pictures can be decoded.
const KEYFRAME_TIMEOUT: Duration = Duration::from_secs(45);
/// What a camera may send in [`SPAN`]: bytes and frames. More is a fault or an attack, and costs
/// memory.
const RATE_WINDOW: Duration = Duration::from_secs(5);
const MAX_WINDOW_BYTES: usize = 20 << 20;
const MAX_WINDOW_FRAMES: u32 = 600;
/// RTCP packet type of a source that leaves.
const RTCP_BYE: u8 = 203;

/// How a camera is reached.
#[derive(Debug, Clone)]
pub struct Source {
    /// `rtsp://…`, without user and password.
    pub url: String,
    /// User.
    pub user: Option<String>,
    /// File with the password; read at each call, so that a new one is taken.
    pub password_file: Option<PathBuf>,
}

impl Source {
    fn credentials(&self) -> anyhow::Result<Option<Credentials>> {
        let Some(username) = self.user.clone() else {
            return Ok(None);
        };
        let password = match &self.password_file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|e| {
                    anyhow::anyhow!("the password file {} cannot be read: {e}", file.display())
                })?
                .trim()
                .to_owned(),
            None => String::new(),
        };
        Ok(Some(Credentials { username, password }))
    }
}

/// What the library's error means to a technician; its own text may be long and is logged apart.
fn describe_error(what: &str, error: &retina::Error) -> anyhow::Error {
    tracing::debug!(%error, what, "RTSP error");
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    match error.status_code() {
        Some(401 | 403) => anyhow::anyhow!("it refuses the user or the password"),
        Some(404) => anyhow::anyhow!("it knows no such picture; look at the path of its address"),
        Some(453 | 503) => anyhow::anyhow!("it serves too many already"),
        Some(461) => anyhow::anyhow!(
            "it does not send over TCP; allow “RTP over RTSP (TCP)” in its settings"
        ),
        // The answer itself was a yes: what it holds is the trouble.
        Some(200..300) => anyhow::anyhow!(
            "its answer to {what} cannot be read: {}",
            first.split_once(": ").map_or(first, |(_, why)| why)
        ),
        Some(code) => anyhow::anyhow!("it answered {code} to {what}"),
        None => anyhow::anyhow!("{what} failed: {first}"),
    }
}

async fn with_timeout<T>(
    what: &str,
    step: impl Future<Output = Result<T, retina::Error>>,
) -> anyhow::Result<T> {
    match timeout(RESPONSE_TIMEOUT, step).await {
        Ok(done) => done.map_err(|e| describe_error(what, &e)),
        Err(_) => anyhow::bail!(
            "it did not answer {what} within {} s",
            RESPONSE_TIMEOUT.as_secs()
        ),
    }
}

/// Pulls until something ends it; gives why. `runs` counts the unbroken stretches of pictures,
/// `loss` those that packets were missing for.
///
/// # Errors
/// Always: the reason of the end, for the technician.
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
    let video = session.streams().iter().enumerate().find_map(|(n, s)| {
        match (s.media(), s.encoding_name()) {
            ("video", "h264") => Some((n, VideoCodec::H264)),
            ("video", "h265") => Some((n, VideoCodec::H265)),
            _ => None,
        }
    });
    let Some((video, coding)) = video else {
        let offered: Vec<_> = session
            .streams()
            .iter()
            .map(|s| format!("{} {}", s.media(), s.encoding_name()))
            .collect();
        anyhow::bail!(
            "it sends neither H.264 nor H.265, but {}",
            if offered.is_empty() {
                "nothing".to_owned()
            } else {
                offered.join(", ")
            }
        );
    };
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
    // Some name a first packet that never comes; what comes first is first.
    let mut items = pin!(
        with_timeout(
            "PLAY",
            session.play(PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore))
        )
        .await?
    );

    *runs += 1;
    let (mut assembler, mut timing) = (Depacketizer::new(coding), TimestampMapper::new(timescale));
    let mut frame_by = Instant::now() + FRAME_TIMEOUT;
    let mut waits = Some(Instant::now() + KEYFRAME_TIMEOUT);
    let mut has_begun = false;
    let mut leaves_out_leading = true;
    let mut has_sets = false;
    let mut at_least = i64::MIN;
    let mut span = (Instant::now(), 0, 0);
    loop {
        let item = tokio::select! {
            item = items.next() => item,
            () = tokio::time::sleep_until(waits.map_or(frame_by, |w| w.min(frame_by))) => {
                anyhow::ensure!(frame_by > Instant::now(), "it froze: no picture for {} s, the connection stands", FRAME_TIMEOUT.as_secs());
                anyhow::ensure!(has_sets, "pictures come, but no keyframe with its parameter sets (SPS, PPS) for {} s; set its keyframe interval to 1–2 s and “smart codec” off", KEYFRAME_TIMEOUT.as_secs());
                anyhow::bail!("pictures come, but no whole keyframe for {} s; set its keyframe interval to 1–2 s and “smart codec” off", KEYFRAME_TIMEOUT.as_secs());
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
                    "it sent a picture of more than {} MB",
                    MAX_UNIT_BYTES >> 20
                );
            }
            Some(Ok(PacketItem::Rtcp(report))) => anyhow::ensure!(
                report.pkts().all(|p| p.payload_type() != RTCP_BYE),
                "it said goodbye"
            ),
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Err(describe_error("receiving", &error)),
            None => anyhow::bail!("it ended the connection"),
        }
        while let Some(unit) = assembler.pop() {
            frame_by = Instant::now() + FRAME_TIMEOUT;
            if span.0.elapsed() > RATE_WINDOW {
                span = (Instant::now(), 0, 0);
            }
            span.1 += unit.bytes.len();
            span.2 += 1;
            anyhow::ensure!(
                span.1 <= MAX_WINDOW_BYTES && span.2 <= MAX_WINDOW_FRAMES,
                "it sends too much: {} MB and {} pictures in {} s",
                span.1 >> 20,
                span.2,
                RATE_WINDOW.as_secs()
            );
            let (raw, torn, follows_loss) = (unit.ticks, unit.is_incomplete, unit.follows_loss);
            let mono_ms = clock.mono_ms();
            let ready = parameters.parse_frame(unit, mono_ms)?;
            if torn || follows_loss {
                // What follows a loss may refer to what was lost.
                waits = waits.or(Some(Instant::now() + KEYFRAME_TIMEOUT));
            }
            if torn {
                if has_begun {
                    let told = loss.record_frame(mono_ms, true);
                    picture.update_faults(|f| f.loss = told);
                }
                continue;
            }
            let Some(ready) = ready else { continue };
            has_sets = true;
            if ready.keyframe {
                // What leads a first keyframe refers to what nobody has.
                leaves_out_leading = waits.take().is_some();
                has_begun = true;
            }
            // Before the first keyframe nothing can be decoded.
            if !has_begun || ready.is_leading && leaves_out_leading {
                continue;
            }
            let follows_loss = waits.is_some();
            let told = loss.record_frame(mono_ms, follows_loss);
            let placed = timing.map(
                raw,
                mono_ms,
                ready.keyframe,
                ready.is_reordered,
                parameters.reorder(),
            );
            if placed.is_discontinuity {
                *runs += 1;
            }
            at_least = at_least.max(clock.wall_ms().saturating_sub(placed.delay_ms));
            if clock.wall_ms() < at_least {
                // Somebody set the clock back.
                at_least = clock.wall_ms();
            }
            picture.push(&AccessUnit {
                format: ready.format,
                rtsp_session: *runs,
                at_ms: at_least,
                mono_ms,
                ticks: placed.ticks,
                composition_offset: placed.composition_offset,
                keyframe: ready.keyframe,
                follows_loss,
                bytes: ready.bytes,
            });
            picture.update_faults(|f| (f.clock, f.loss) = (timing.fault(), told));
            picture.set_source_status(&SourceStatus::Live);
        }
    }
}
