//! Live video over a WebSocket: a text about the stream, its beginning, then a fragment per access
//! unit.
//!
//! A text message (`{"codec":…}`) begins a stream and is followed by the beginning of the MP4; each
//! further message is one fragment. A new stream begins whenever the camera was reconnected or
//! changed its format. The phone reports every second how many messages it has taken. A phone that
//! is behind loses access units up to the next keyframe, so that “trực tiếp” is live; nobody waits
//! for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::cameras::record_view;
use crate::domain::id::CameraId;
use crate::http::address::PathId;
use crate::http::page_error::{PageError, PageResult};
use crate::live::pictures::{AccessUnit, LiveCamera};
use crate::protocol::fmp4::{self, Sample};
use crate::supervisor::meter::Meter;
use crate::supervisor::standstill::Passes;
use crate::web::kit::app::{App, RequestContext};

/// Most viewers at once, in the whole gateway; one more evicts a viewer of the sign-in that holds
/// the most.
pub const MAX_VIEWERS: usize = 40;
/// A phone that takes nothing for this long is disconnected.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Most of them by one sign-in.
const MAX_VIEWERS_PER_SESSION: usize = 6;
/// How often a viewer's sign-in is checked.
const SESSION_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// A phone reports every second how much it has taken; one that reports nothing for this long is
/// disconnected, ms.
const VIEWER_TIMEOUT_MS: u64 = 15_000;
/// A view that goes on is recorded in the access log this often, ms; the log joins entries that are
/// nearer.
const VIEW_LOG_INTERVAL_MS: u64 = 600_000;
/// An access unit that waited this long is not sent, ms.
const MAX_FRAME_AGE_MS: u64 = 2_000;
/// How many messages a phone may be behind, beside the GOP that it begins with: some seconds of
/// video.
const MAX_UNACKED_MESSAGES: u64 = 75;

/// The live video of a camera.
pub async fn live(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<CameraId>,
    upgrade: WebSocketUpgrade,
) -> PageResult {
    let picture = app.live.pictures.get(&id).ok_or(PageError::NotFound)?;
    record_view(&app, &visit, vec![id.clone()]).await?;
    let Some(permit) = app.viewer_slots.acquire(
        visit.token.clone(),
        MAX_VIEWERS_PER_SESSION,
        &Meter::start(),
    ) else {
        return Err(PageError::Unavailable);
    };
    Ok(upgrade
        .max_message_size(1024)
        .max_frame_size(1024)
        .on_upgrade(move |socket| async move {
            tokio::select! {
                () = permit.evicted() => {}
                () = run_viewer(app, visit, id, picture, socket) => {}
            }
        }))
}

/// Makes the messages for one viewer, access unit by access unit.
#[derive(Default)]
struct FragmentStream {
    last: Option<AccessUnit>,
    base: i64,
    sequence: u32,
    default_duration: u32,
    /// An access unit was left out: those up to the next keyframe are of no use.
    waits_for_key: bool,
}

impl FragmentStream {
    /// The messages for one access unit; none while a keyframe is waited for.
    fn messages(&mut self, frame: AccessUnit) -> Vec<Message> {
        let mut out = Vec::new();
        // Access units after a loss may be smeared, or break a phone's player: they are recorded
        // and not shown.
        self.waits_for_key = (self.waits_for_key || frame.follows_loss) && !frame.keyframe;
        if self.waits_for_key {
            return out;
        }
        let goes_on = self.last.as_ref().is_some_and(|l| {
            l.rtsp_session == frame.rtsp_session
                && Arc::ptr_eq(&l.format, &frame.format)
                && l.ticks < frame.ticks
        });
        if !goes_on {
            self.last = None;
            if !frame.keyframe {
                return out;
            }
            let about = serde_json::json!({
                "codec": frame.format.codec, "width": frame.format.width,
                "height": frame.format.height
            });
            out.push(Message::Text(about.to_string().into()));
            out.push(Message::Binary(
                fmp4::init(
                    frame.format.timescale,
                    &frame.format.sample_entry,
                    frame.format.width,
                    frame.format.height,
                )
                .into(),
            ));
            self.base = frame.ticks;
            self.default_duration = frame.format.timescale / 15;
        }
        if let Some(last) = &self.last {
            self.default_duration = u32::try_from(frame.ticks - last.ticks)
                .unwrap_or(self.default_duration)
                .min(frame.format.timescale);
        }
        self.sequence = self.sequence.wrapping_add(1);
        let sample = Sample {
            duration: self.default_duration,
            composition_offset: frame.composition_offset,
            size: u32::try_from(frame.bytes.len()).unwrap_or(0),
            keyframe: frame.keyframe,
        };
        let start = u64::try_from(frame.ticks - self.base).unwrap_or(0);
        out.push(Message::Binary(Bytes::from(fmp4::fragment(
            self.sequence,
            start,
            &[sample],
            std::iter::once(&*frame.bytes),
        ))));
        self.last = Some(frame);
        out
    }
}

async fn run_viewer(
    app: App,
    visit: RequestContext,
    id: CameraId,
    picture: Arc<LiveCamera>,
    mut socket: WebSocket,
) {
    let (group, mut frames) = picture.subscribe();
    let mut group: VecDeque<AccessUnit> = group.into();
    let first = group.len() as u64 + 2;
    let mut stream = FragmentStream::default();
    let (stop, clock) = (
        app.supervisor.stop().soft.clone(),
        app.supervisor.clock().clone(),
    );
    let mut check = tokio::time::interval(SESSION_CHECK_INTERVAL);
    let mut passes = Passes::begin();
    let (mut sent, mut taken, mut message_at, mut looked_at) =
        (0u64, 0u64, clock.mono_ms(), clock.mono_ms());
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            message = socket.recv() => {
                message_at = clock.mono_ms();
                match message {
                    // How many messages the phone has taken.
                    Some(Ok(Message::Text(text))) => {
                        taken = text.parse().unwrap_or(taken).min(sent);
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                }
                continue;
            }
            _ = check.tick() => {
                let now = clock.mono_ms();
                // Reports of the phone that came during a standstill are read only now.
                if passes.pass().is_some() {
                    message_at = now;
                }
                // The video ends when the viewer was signed out, or when the phone no longer
                // reports.
                let viewer = app.sessions.user_of(&app.journal.state(), &visit.token);
                if viewer.is_none() || now.since(message_at) > VIEWER_TIMEOUT_MS {
                    return;
                }
                if now.since(looked_at) > VIEW_LOG_INTERVAL_MS {
                    looked_at = now;
                    if record_view(&app, &visit, vec![id.clone()]).await.is_err() {
                        return;
                    }
                }
                continue;
            }
            // The access unit is taken only when this branch is chosen: the first one is the
            // keyframe.
            frame = async { group.pop_front() }, if !group.is_empty() => frame,
            frame = frames.recv() => match frame {
                Ok(frame) => {
                    let first_ones = if taken < first { first } else { 0 };
                    let is_old = clock.mono_ms().since(frame.came_at) > MAX_FRAME_AGE_MS;
                    let is_behind = sent - taken > MAX_UNACKED_MESSAGES + first_ones;
                    // A phone that is behind gets nothing before the next keyframe: the access
                    // units until then are long outdated.
                    stream.waits_for_key |= is_old || is_behind;
                    (!is_old && !is_behind).then_some(frame)
                }
                Err(RecvError::Lagged(_)) => {
                    stream.waits_for_key = true;
                    None
                }
                Err(RecvError::Closed) => return,
            },
        };
        let Some(frame) = frame else { continue };
        for message in stream.messages(frame) {
            if !matches!(
                timeout(SEND_TIMEOUT, socket.send(message)).await,
                Ok(Ok(()))
            ) {
                return;
            }
            sent += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::pictures::Format;
    use crate::time::{MonoMs, WallMs};

    #[test]
    fn a_stream_begins_with_a_keyframe_and_anew_at_each_call() {
        let format = Arc::new(Format {
            codec: "avc1.4d401e".into(),
            sample_entry: vec![0, 0, 0, 8, b'a', b'v', b'c', b'1'],
            decoder: Vec::new(),
            width: 640,
            height: 360,
            timescale: 90_000,
        });
        let frame = |run, ticks, keyframe| AccessUnit {
            format: format.clone(),
            rtsp_session: run,
            at_ms: WallMs::default(),
            came_at: MonoMs::START,
            ticks,
            composition_offset: 0,
            keyframe,
            follows_loss: false,
            bytes: vec![0, 0, 0, 1, 5].into(),
        };
        let mut stream = FragmentStream::default();
        assert!(stream.messages(frame(1, 0, false)).is_empty());
        assert_eq!(stream.messages(frame(1, 6000, true)).len(), 3);
        assert_eq!(stream.messages(frame(1, 12_000, false)).len(), 1);
        assert_eq!(
            stream.messages(frame(2, 500, false)).len(),
            0,
            "another call, and no keyframe yet"
        );
        assert_eq!(stream.messages(frame(2, 900, true)).len(), 3);
        assert_eq!(stream.base, 900);
        let harmed = |ticks| AccessUnit {
            follows_loss: true,
            ..frame(2, ticks, false)
        };
        assert_eq!(
            stream.messages(harmed(6_900)).len(),
            0,
            "what follows a loss is not shown"
        );
        assert_eq!(
            stream.messages(frame(2, 12_900, false)).len(),
            0,
            "nor what refers to it"
        );
        assert_eq!(
            stream.messages(frame(2, 18_900, true)).len(),
            1,
            "the same stream goes on with a keyframe"
        );
    }
}
