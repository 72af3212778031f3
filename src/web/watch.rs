//! The live picture over a WebSocket: words about the coming stream, its beginning, then a fragment per frame.
//!
//! A message of text (`{"codec":…}`) begins a stream and is followed by the MP4's beginning; each further message is
//! one fragment. A new stream begins whenever the camera was called again or changed its picture. A slow
//! phone loses frames up to the next keyframe; nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::app::{App, Visit};
use super::cameras::look;
use crate::domain::id::CameraId;
use crate::live::pictures::{AccessUnit, Picture};
use crate::protocol::fmp4::{self, Sample};

/// Most viewers at once, in the whole house.
const VIEWERS: usize = 40;
/// A phone that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(10);
/// How often a viewer's session is looked at.
const CHECK: Duration = Duration::from_secs(5);

static WATCHING: AtomicUsize = AtomicUsize::new(0);

/// A viewer's place; given back when it goes.
struct Seat;

impl Seat {
    fn take() -> Option<Self> {
        WATCHING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < VIEWERS).then_some(n + 1)).ok().map(|_| Self)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        WATCHING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The live picture of a camera.
pub async fn live(State(app): State<App>, visit: Visit, Path(id): Path<String>, upgrade: WebSocketUpgrade) -> Response {
    let Some((id, picture)) = CameraId::new(&id).ok().and_then(|id| app.live.pictures.get(&id).map(|p| (id, p))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Err(refused) = look(&app, &visit, vec![id]).await {
        return refused;
    }
    let Some(seat) = Seat::take() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    upgrade.max_message_size(1024).on_upgrade(move |socket| async move {
        let _seat = seat;
        watch(app, visit, picture, socket).await;
    })
}

/// What is sent to one viewer, frame by frame.
#[derive(Default)]
struct Stream {
    last: Option<AccessUnit>,
    base: i64,
    sequence: u32,
    usual: u32,
}

impl Stream {
    /// The messages for one frame; none while a keyframe is waited for.
    fn messages(&mut self, frame: AccessUnit) -> Vec<Message> {
        let mut out = Vec::new();
        let goes_on = self.last.as_ref().is_some_and(|l| l.run == frame.run && Arc::ptr_eq(&l.format, &frame.format) && l.ticks < frame.ticks);
        if !goes_on {
            self.last = None;
            if !frame.keyframe {
                return out;
            }
            let about = serde_json::json!({ "codec": frame.format.codec, "width": frame.format.width, "height": frame.format.height });
            out.push(Message::Text(about.to_string().into()));
            out.push(Message::Binary(fmp4::init(frame.format.timescale, &frame.format.sample_entry, frame.format.width, frame.format.height).into()));
            self.base = frame.ticks;
            self.usual = frame.format.timescale / 15;
        }
        if let Some(last) = &self.last {
            self.usual = u32::try_from(frame.ticks - last.ticks).unwrap_or(self.usual).min(frame.format.timescale);
        }
        self.sequence = self.sequence.wrapping_add(1);
        let sample = Sample { duration: self.usual, size: u32::try_from(frame.bytes.len()).unwrap_or(0), keyframe: frame.keyframe };
        let start = u64::try_from(frame.ticks - self.base).unwrap_or(0);
        out.push(Message::Binary(Bytes::from(fmp4::fragment(self.sequence, start, &[sample], std::iter::once(&*frame.bytes)))));
        self.last = Some(frame);
        out
    }
}

async fn watch(app: App, visit: Visit, picture: Arc<Picture>, mut socket: WebSocket) {
    let (group, mut frames) = picture.join();
    let mut stream = Stream::default();
    for frame in group {
        for message in stream.messages(frame) {
            if !say(&mut socket, message).await {
                return;
            }
        }
    }
    let stop = app.house.stop().soft.clone();
    let mut check = tokio::time::interval(CHECK);
    let mut waits_for_key = false;
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Ok(frame) => {
                    waits_for_key &= !frame.keyframe;
                    if waits_for_key {
                        continue;
                    }
                    for message in stream.messages(frame) {
                        if !say(&mut socket, message).await {
                            return;
                        }
                    }
                }
                Err(RecvError::Lagged(_)) => waits_for_key = true,
                Err(RecvError::Closed) => return,
            },
            heard = socket.recv() => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            // Whoever was signed out sees nothing more.
            _ = check.tick() => if app.sessions.who(&app.journal.state(), &visit.token).is_none() {
                return;
            },
            () = stop.cancelled() => return,
        }
    }
}

async fn say(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(STUCK, socket.send(message)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::pictures::Format;

    #[test]
    fn a_stream_begins_with_a_keyframe_and_anew_at_each_call() {
        let format = Arc::new(Format { codec: "avc1.4d401e".into(), sample_entry: vec![0, 0, 0, 8, b'a', b'v', b'c', b'1'], decoder: Vec::new(), width: 640, height: 360, timescale: 90_000 });
        let frame = |run, ticks, keyframe| AccessUnit { format: format.clone(), run, at_ms: 0, ticks, keyframe, bytes: vec![0, 0, 0, 1, 5].into() };
        let mut stream = Stream::default();
        assert!(stream.messages(frame(1, 0, false)).is_empty());
        assert_eq!(stream.messages(frame(1, 6000, true)).len(), 3);
        assert_eq!(stream.messages(frame(1, 12_000, false)).len(), 1);
        assert_eq!(stream.messages(frame(2, 500, false)).len(), 0, "another call, and no keyframe yet");
        assert_eq!(stream.messages(frame(2, 900, true)).len(), 3);
        assert_eq!(stream.base, 900);
    }
}
