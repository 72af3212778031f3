//! A worker's own side of the contract in `worker`.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::sync::mpsc;

/// The pipes and listeners that a worker was started with.
pub struct WorkerStdio {
    /// Listeners from the parent.
    pub fds: Vec<OwnedFd>,
    socket: UnixStream,
}

/// Takes the descriptors from stdin. Blocks; call it before the runtime starts.
///
/// # Errors
/// When stdin is not the parent's socket.
pub fn from_parent() -> io::Result<WorkerStdio> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Programs that this worker starts must not hold the parent's socket.
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    let fds = receive_fds(&socket)?;
    socket.set_nonblocking(true)?;
    Ok(WorkerStdio { fds, socket })
}

fn receive_fds(socket: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    super::fds::receive(socket)
}

/// Commands from the parent; none = the parent has ended or asks the worker to end.
pub struct CommandReader(Lines<BufReader<tokio::net::UnixStream>>);

impl CommandReader {
    /// The next line.
    pub async fn next(&mut self) -> Option<String> {
        self.0.next_line().await.ok().flatten()
    }
}

/// Events to the parent; clones write to the same stdout.
#[derive(Debug, Clone)]
pub struct EventWriter(mpsc::Sender<String>);

impl EventWriter {
    /// Sends an event; waits when the parent is slow. False = the parent has ended.
    pub async fn send(&self, line: String) -> bool {
        self.0.send(line).await.is_ok()
    }
}

impl WorkerStdio {
    /// Starts the heartbeat, and gives commands and events. Call it inside the runtime.
    ///
    /// # Errors
    /// When the socket cannot be used.
    #[expect(
        clippy::disallowed_methods,
        reason = "the worker's own two tasks live as long as the process"
    )]
    pub fn begin(self) -> io::Result<(Vec<OwnedFd>, CommandReader, EventWriter)> {
        let socket = tokio::net::UnixStream::from_std(self.socket)?;
        let orders = CommandReader(BufReader::new(socket).lines());
        let (lines_tx, mut lines_rx) = mpsc::channel::<String>(256);
        std::thread::Builder::new()
            .name("facts".into())
            .spawn(move || {
                use std::io::Write as _;
                while let Some(line) = lines_rx.blocking_recv() {
                    let mut out = io::stdout().lock();
                    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                        return;
                    }
                }
            })?;
        let beat = EventWriter(lines_tx.clone());
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_secs(1));
            loop {
                tick.tick().await;
                if !beat.send("{\"fact\":\"beat\"}".into()).await {
                    return;
                }
            }
        });
        Ok((self.fds, orders, EventWriter(lines_tx)))
    }
}
