//! Reading without a buffer per connection: an idle connection holds no read buffer, all
//! connections share one per thread.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// Bytes of one read.
const READ_BUFFER_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER_BYTES]);
}

/// Reads once and appends to `input`; 0 = the peer sends no more. Cancelling it loses nothing.
pub async fn read<S: AsyncRead + Unpin>(io: &mut S, input: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|cx| {
        SCRATCH.with(|scratch| {
            let mut scratch = scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer))?;
            input.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    })
    .await
}

/// Closes a connection so that the last packet arrives. The writing side is closed, and the peer's
/// remaining bytes are read for a moment: closing a socket over unread bytes sends a reset, and a
/// reset may overtake the last packet.
pub async fn close<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S, timeout: Duration) {
    let _ = tokio::time::timeout(timeout, async {
        io.shutdown().await?;
        let mut rest = BytesMut::new();
        while read(io, &mut rest).await? > 0 {
            rest.clear();
        }
        io::Result::Ok(())
    })
    .await;
}

/// Lets tasks run that were woken before this one.
pub async fn yield_to_woken() {
    let mut first = true;
    poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}
