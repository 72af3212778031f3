//! When a connection last moved bytes: measured at the socket, below TLS and framing, where a
//! buffer takes nothing that the peer did not take.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// The last times of one connection.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    /// Milliseconds after `started`.
    written_ms: AtomicU64,
    active_ms: AtomicU64,
}

impl Meter {
    /// A meter of a connection that begins now.
    #[must_use]
    pub fn start() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            written_ms: AtomicU64::new(0),
            active_ms: AtomicU64::new(0),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, moment: &AtomicU64) -> Instant {
        self.started + Duration::from_millis(moment.load(Ordering::Relaxed))
    }

    /// When its socket last took bytes.
    #[must_use]
    pub fn last_write_at(&self) -> Instant {
        self.at(&self.written_ms)
    }

    /// When bytes last went either way.
    #[must_use]
    pub fn last_activity_at(&self) -> Instant {
        self.at(&self.active_ms)
    }
}

/// A stream with its meter.
#[derive(Debug)]
pub struct Metered<I> {
    io: I,
    meter: Arc<Meter>,
}

impl<I> Metered<I> {
    /// Measures `io`.
    pub const fn new(io: I, meter: Arc<Meter>) -> Self {
        Self { io, meter }
    }

    fn wrote(&self, done: io::Result<usize>) -> Poll<io::Result<usize>> {
        if done.as_ref().is_ok_and(|n| *n > 0) {
            let now = self.meter.now();
            self.meter.written_ms.store(now, Ordering::Relaxed);
            self.meter.active_ms.store(now, Ordering::Relaxed);
        }
        Poll::Ready(done)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Metered<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.meter
                .active_ms
                .store(self.meter.now(), Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Metered<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = ready!(Pin::new(&mut self.io).poll_write(cx, buf));
        self.wrote(done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs));
        self.wrote(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
