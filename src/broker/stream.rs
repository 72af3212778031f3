//! Reading without keeping: an idle connection holds no read buffer, all of them share one per
//! thread.

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

/// Ends a connection so that the last word arrives: the writing side is closed, and what the peer
/// still sends is read for a moment, because a close over unread bytes would be a reset, and a
/// reset may overtake the last word.
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

/// Lets those go first who were woken before.
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
