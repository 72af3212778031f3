//! `conglang worker media`: the only process of the gateway in which pictures are decoded.
//!
//! The worker reads requests from its socket one by one and replies to each; a request that cannot
//! be fulfilled gets a sentence as its reply. The parent kills a worker that hangs.

mod still;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use crate::protocol::media::{MAX_MESSAGE_BYTES, MediaWorkerEvent, StillReply, StillRequest};
use crate::supervisor::child::WorkerStdio;

/// Probes the machine's decoders and writes the list of them (`GST_REGISTRY`). The process that
/// does this handles no camera's pictures.
///
/// # Errors
/// When GStreamer cannot be started.
pub fn probe_decoders() -> anyhow::Result<()> {
    still::init_gstreamer()
}

/// Runs the worker until its parent has exited or closes its input. `shut` = the kernel denies the
/// worker other files and system calls.
///
/// # Errors
/// When GStreamer cannot be started or the parent gave no socket.
pub async fn run(birth: WorkerStdio, shut: bool) -> anyhow::Result<()> {
    let (mut fds, mut orders, events) = birth.begin()?;
    events
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
            // The parent may wait for a still: closing the socket shows it that none will come.
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
        anyhow::ensure!(len <= MAX_MESSAGE_BYTES, "a request of {len} bytes");
        let mut body = vec![0; len];
        socket.read_exact(&mut body)?;
        let ask =
            StillRequest::decode(&body).ok_or_else(|| anyhow::anyhow!("a malformed request"))?;
        drop(body);
        let id = ask.id;
        let still = still::decode_still(ask);
        socket.write_all(&StillReply { id, still }.encode())?;
    }
}
