//! MQTT over WebSocket: the handshake and a byte stream over binary frames [MQTT-6.0.0-1 to -4].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

const WRITE_CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of the read buffer that every connection has from its beginning.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Pings, pongs and empty frames that may follow each other without data between them.
const EMPTY_FRAMES_MAX: u32 = 64;
/// Frames read at once.
const FRAMES_PER_READ: usize = 64;

/// A byte stream over binary frames.
pub struct WsBytes<S> {
    ws: WebSocketStream<S>,
    unread: Bytes,
    /// Frames without data in a row: they cost work and carry nothing.
    empty_frames: u32,
    /// An error that is returned once the bytes before it are read.
    deferred_error: Option<io::Error>,
}

#[expect(clippy::result_large_err, reason = "the handshake's own type")]
fn negotiate_subprotocol(
    request: &Request,
    mut response: Response,
) -> Result<Response, ErrorResponse> {
    let asked = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    // Clients of MQTT 3.1 ask for another name.
    let names = ["mqtt", "mqttv3.1"];
    if let Some(name) = asked
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .find_map(|p| names.into_iter().find(|n| *n == p.trim()))
    {
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(Some(
        "this listener speaks the WebSocket subprotocol mqtt".into(),
    ));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}

/// Accepts the handshake. The caller sets the deadline.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    packet: usize,
) -> io::Result<WsBytes<S>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * WRITE_CHUNK_BYTES)
        .max_message_size(Some(packet + 16 * 1024))
        .max_frame_size(Some(packet + 16 * 1024));
    let ws = accept_hdr_async_with_config(io, negotiate_subprotocol, Some(config))
        .await
        .map_err(io_error)?;
    Ok(WsBytes {
        ws,
        unread: Bytes::new(),
        empty_frames: 0,
        deferred_error: None,
    })
}

fn io_error(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(cause) => cause,
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            io::ErrorKind::BrokenPipe.into()
        }
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WsBytes<S> {
    /// Reads the next frame into `unread`. False = the end. True with `unread` still empty = a
    /// frame without data.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match ready!(Pin::new(&mut self.ws).poll_next(cx)) {
            Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => {
                (self.unread, self.empty_frames) = (bytes, 0);
            }
            Some(Ok(Message::Text(_))) => {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a text frame [MQTT-6.0.0-1]",
                )));
            }
            Some(Ok(_)) => {
                self.empty_frames += 1;
                if self.empty_frames > EMPTY_FRAMES_MAX {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "too many frames without data",
                    )));
                }
            }
            Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            None => return Poll::Ready(Ok(false)),
        }
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WsBytes<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = out.filled().len();
        // Some small frames are read together, because each costs more than its bytes.
        for _ in 0..FRAMES_PER_READ {
            let n = this.unread.len().min(out.remaining());
            out.put_slice(&this.unread.split_to(n));
            let some = out.filled().len() > before;
            if out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if let Some(cause) = this.deferred_error.take_if(|_| !some) {
                return Poll::Ready(Err(cause));
            }
            match this.poll_frame(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(cause)) if some => {
                    // The bytes before the error are returned first.
                    this.deferred_error = Some(cause);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
                Poll::Pending if some => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        if out.filled().len() == before {
            // Only frames without data, or the last of many frames: other tasks run first.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WsBytes<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(Pin::new(&mut this.ws).poll_ready(cx)).map_err(io_error)?;
        let n = bytes.len().min(WRITE_CHUNK_BYTES);
        Pin::new(&mut this.ws)
            .start_send(Message::Binary(Bytes::copy_from_slice(&bytes[..n])))
            .map_err(io_error)?;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().ws)
            .poll_flush(cx)
            .map_err(io_error)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().ws)
            .poll_close(cx)
            .map_err(io_error)
    }
}
