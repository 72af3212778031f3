//! `conglang worker media`: the only place of the house where pictures are decoded.
//!
//! Takes questions from its socket one by one, answers each; a question that cannot be answered is
//! answered with a sentence. The parent ends a worker that hangs.

mod still;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use crate::protocol::media::{MAX_MESSAGE_BYTES, MediaWorkerEvent, StillReply, StillRequest};
use crate::supervisor::child::WorkerStdio;

/// Looks through the machine's decoders and writes down what it found (`GST_REGISTRY`). Nobody's
/// pictures are near.
///
/// # Errors
/// When GStreamer cannot be started.
pub fn probe_decoders() -> anyhow::Result<()> {
    still::init_gstreamer()
}

/// Runs the worker until its parent is gone or wants an end. `shut` = the kernel keeps other files
/// and calls from it.
///
/// # Errors
/// When GStreamer cannot be started or the parent gave no socket.
pub async fn run(birth: WorkerStdio, shut: bool) -> anyhow::Result<()> {
    let (mut fds, mut orders, facts) = birth.begin()?;
    facts
        .send(serde_json::to_string(&MediaWorkerEvent::Sandboxed {
            whole: shut,
        })?)
        .await;
    let socket = UnixStream::from(
        fds.pop()
            .ok_or_else(|| anyhow::anyhow!("no socket came from the parent"))?,
    );
    socket.set_nonblocking(false)?;
    let ends = socket.try_clone()?;
    let work = tokio::task::spawn_blocking(move || serve(socket));
    tokio::select! {
        ended = work => ended?,
        () = async { while orders.next().await.is_some() {} } => {
            // Whoever waits for a picture now hears that there will be none.
            let _ = ends.shutdown(std::net::Shutdown::Both);
            Ok(())
        }
    }
}

fn serve(mut socket: UnixStream) -> anyhow::Result<()> {
    still::init_gstreamer()?;
    loop {
        let mut len = [0; 4];
        if socket.read_exact(&mut len).is_err() {
            return Ok(());
        }
        let len = u32::from_be_bytes(len) as usize;
        anyhow::ensure!(len <= MAX_MESSAGE_BYTES, "a question of {len} bytes");
        let mut body = vec![0; len];
        socket.read_exact(&mut body)?;
        let ask = StillRequest::decode(&body)
            .ok_or_else(|| anyhow::anyhow!("a question that is none"))?;
        drop(body);
        let id = ask.id;
        let still = still::decode_still(ask);
        socket.write_all(&StillReply { id, still }.encode())?;
    }
}
