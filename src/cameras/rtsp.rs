//! One RTSP session with a camera, from DESCRIBE to its end: frames come out as values.
//!
//! The library has no time-outs and passes on whatever time the camera claims: both are watched here.
//! Source: RFC 2326 (RTSP), RFC 6184 (H.264 over RTP), RFC 7798 (H.265).

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use retina::client::{Credentials, PlayOptions, Session, SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions, Transport};
use retina::codec::{CodecItem, FrameFormat, ParametersRef, VideoParametersCodec};
use tokio::time::{Instant, timeout};

use crate::live::pictures::{AccessUnit, Format, Picture, Pull};
use crate::supervisor::clock::Clock;

/// Longest wait for an answer of the camera.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest time without a frame.
const FRAME: Duration = Duration::from_secs(8);
/// Longest time without a keyframe: nothing can be recorded without one.
const KEYFRAME: Duration = Duration::from_secs(20);
/// Largest frame.
const FRAME_MAX: usize = 2 << 20;
/// Largest jump of the camera's clock, seconds.
const JUMP: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// What a camera may send in [`SPAN`]: bytes and frames. More is a fault or an attack, and costs memory.
const SPAN: Duration = Duration::from_secs(5);
const SPAN_BYTES: usize = 20 << 20;
const SPAN_FRAMES: u32 = 600;
/// Largest side and area of a picture, pixels.
const SIDE: u32 = 8_192;
const AREA: u32 = 36_000_000;

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
        let Some(username) = self.user.clone() else { return Ok(None) };
        let password = match &self.password_file {
            Some(file) => std::fs::read_to_string(file).map_err(|e| anyhow::anyhow!("the password file {} cannot be read: {e}", file.display()))?.trim().to_owned(),
            None => String::new(),
        };
        Ok(Some(Credentials { username, password }))
    }
}

/// What the library's error means to a technician; its own text may be long and is logged apart.
fn explain(what: &str, error: &retina::Error) -> anyhow::Error {
    tracing::debug!(%error, what, "rtsp");
    match error.status_code() {
        Some(401 | 403) => anyhow::anyhow!("it refuses the user or the password"),
        Some(404) => anyhow::anyhow!("it knows no such picture; look at the path of its address"),
        Some(453 | 503) => anyhow::anyhow!("it serves too many already"),
        Some(code) => anyhow::anyhow!("it answered {code} to {what}"),
        None if error.to_string().contains("timestamp") => anyhow::anyhow!("its clock jumps, or it sends B-frames; switch those off"),
        None => anyhow::anyhow!("{what} failed: {}", error.to_string().lines().next().unwrap_or_default()),
    }
}

async fn within<T>(what: &str, step: impl Future<Output = Result<T, retina::Error>>) -> anyhow::Result<T> {
    match timeout(ANSWER, step).await {
        Ok(done) => done.map_err(|e| explain(what, &e)),
        Err(_) => anyhow::bail!("it did not answer {what} within {} s", ANSWER.as_secs()),
    }
}

/// Pulls until something ends it; gives why. `run` numbers this session.
///
/// # Errors
/// Always: the reason of the end, for the technician.
pub async fn pull(source: &Source, picture: &Picture, clock: &Clock, run: u64, group: &Arc<SessionGroup>) -> anyhow::Result<()> {
    let options = SessionOptions::default().creds(source.credentials()?).user_agent("conglang".into()).session_group(group.clone());
    let mut session = within("DESCRIBE", Session::describe(url::Url::parse(&source.url)?, options)).await?;
    let video = session.streams().iter().position(|s| s.media() == "video" && matches!(s.encoding_name(), "h264" | "h265"));
    let Some(video) = video else {
        let offered: Vec<_> = session.streams().iter().map(|s| format!("{} {}", s.media(), s.encoding_name())).collect();
        anyhow::bail!("it sends neither H.264 nor H.265, but {}", if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") });
    };
    let setup = SetupOptions::default().transport(Transport::Tcp(TcpTransportOptions::default())).frame_format(FrameFormat::MP4);
    within("SETUP", session.setup(video, setup)).await?;
    let timescale = session.streams()[video].clock_rate_hz();
    let playing = within("PLAY", session.play(PlayOptions::default().enforce_timestamps_with_max_jump_secs(JUMP))).await?;
    let mut items = pin!(playing.demuxed().map_err(|e| explain("PLAY", &e))?);

    let mut format: Option<Arc<Format>> = None;
    let (mut frame_by, mut key_by) = (Instant::now() + FRAME, Instant::now() + KEYFRAME);
    let mut waits_for_key = true;
    let mut last_ticks = i64::MIN;
    let mut span = (Instant::now(), 0, 0);
    loop {
        let item = tokio::select! {
            item = items.next() => item,
            () = tokio::time::sleep_until(frame_by.min(key_by)) => {
                anyhow::ensure!(frame_by > Instant::now(), "it froze: no picture for {} s, the connection stands", FRAME.as_secs());
                anyhow::bail!("pictures come, but no keyframe for {} s; set its keyframe interval to 1–2 s and “smart codec” off", KEYFRAME.as_secs());
            }
        };
        let frame = match item {
            Some(Ok(CodecItem::VideoFrame(frame))) => frame,
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Err(explain("receiving", &error)),
            None => anyhow::bail!("it ended the connection"),
        };
        frame_by = Instant::now() + FRAME;
        anyhow::ensure!(frame.data().len() <= FRAME_MAX, "it sent a picture of {} MB", frame.data().len() >> 20);
        if span.0.elapsed() > SPAN {
            span = (Instant::now(), 0, 0);
        }
        span.1 += frame.data().len();
        span.2 += 1;
        anyhow::ensure!(span.1 <= SPAN_BYTES && span.2 <= SPAN_FRAMES, "it sends too much: {} MB and {} pictures in {} s", span.1 >> 20, span.2, SPAN.as_secs());
        if frame.has_new_parameters() || (format.is_none() && frame.is_random_access_point()) {
            if let Some(ParametersRef::Video(p)) = items.streams()[video].parameters() {
                format = Some(Arc::new(format_of(p, timescale)?));
            }
            waits_for_key = true;
        }
        let Some(format) = &format else { continue };
        let keyframe = frame.is_random_access_point();
        if frame.loss() > 0 {
            // What follows a loss refers to what was lost.
            waits_for_key = true;
        }
        if keyframe {
            key_by = Instant::now() + KEYFRAME;
            waits_for_key = false;
        }
        // Two pictures of one moment: the second cannot be shown.
        let ticks = frame.timestamp().elapsed();
        if !waits_for_key && ticks > last_ticks {
            last_ticks = ticks;
            picture.push(&AccessUnit { format: format.clone(), run, at_ms: clock.wall_ms(), mono_ms: clock.mono_ms(), ticks, keyframe, bytes: frame.into_data().into() });
            picture.set_pull(&Pull::Live);
        }
    }
}

fn format_of(p: &retina::codec::VideoParameters, timescale: u32) -> anyhow::Result<Format> {
    anyhow::ensure!(!matches!(p.codec_params(), VideoParametersCodec::Jpeg), "it sends JPEG");
    let (width, height) = p.pixel_dimensions();
    anyhow::ensure!(width <= SIDE && height <= SIDE && width.saturating_mul(height) <= AREA, "its pictures are {width}×{height}");
    let sample_entry = p.mp4_sample_entry().build().map_err(|e| explain("its parameters", &e))?;
    Ok(Format { codec: p.rfc6381_codec().to_owned(), sample_entry, decoder: p.extra_data().to_vec(), width: u16::try_from(width)?, height: u16::try_from(height)?, timescale })
}
