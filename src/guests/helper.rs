//! The gateway's end of the network helper's socket.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::protocol::netd::{MAX_LINE_BYTES, NetdRefusal, NetdReply, NetdRequest};

/// The helper's own tools have ten seconds each; a request runs at most a few of them.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The socket cannot be reached, or broke.
    #[error("the network helper's socket failed")]
    Socket(#[from] std::io::Error),
    /// There was no answer in time.
    #[error("the network helper did not answer in time")]
    TimedOut,
    /// The answer is no answer.
    #[error("the network helper's answer is not understood")]
    NotUnderstood,
}

/// Why the helper changed nothing.
#[derive(Debug)]
pub struct HelperRefusal {
    /// The reason.
    pub reason: NetdRefusal,
    /// For the technician.
    pub detail: String,
}

/// A connection to the helper. After an error it is of no use any more.
pub struct HelperLink {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl HelperLink {
    /// Connects.
    ///
    /// # Errors
    /// [`LinkError::Socket`].
    pub async fn connect(socket: &Path) -> Result<Self, LinkError> {
        let (read, write) = UnixStream::connect(socket).await?.into_split();
        Ok(Self {
            read: BufReader::new(read),
            write,
        })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`LinkError`]; a refusal is an answer.
    pub async fn ask(&mut self, request: &NetdRequest) -> Result<NetdReply, LinkError> {
        let mut line = serde_json::to_vec(request).map_err(std::io::Error::other)?;
        line.push(b'\n');
        let exchange = async {
            self.write.write_all(&line).await?;
            let mut reply = Vec::new();
            let most = MAX_LINE_BYTES as u64 + 1;
            (&mut self.read)
                .take(most)
                .read_until(b'\n', &mut reply)
                .await?;
            if reply.is_empty() {
                return Err(LinkError::Socket(std::io::ErrorKind::UnexpectedEof.into()));
            }
            serde_json::from_slice(&reply).map_err(|_| LinkError::NotUnderstood)
        };
        tokio::time::timeout(REPLY_TIMEOUT, exchange)
            .await
            .map_err(|_| LinkError::TimedOut)?
    }

    /// Returns when the helper has gone: it says nothing but answers.
    pub async fn closed(&mut self) {
        let _ = self.read.fill_buf().await;
    }

    /// Asks for a change.
    ///
    /// # Errors
    /// [`LinkError`]; the inner error is the helper's refusal.
    pub async fn change(
        &mut self,
        request: &NetdRequest,
    ) -> Result<Result<(), HelperRefusal>, LinkError> {
        match self.ask(request).await? {
            NetdReply::Done => Ok(Ok(())),
            NetdReply::Refused { reason, detail } => Ok(Err(HelperRefusal { reason, detail })),
            NetdReply::Usage { .. } | NetdReply::Neighbors { .. } => Err(LinkError::NotUnderstood),
        }
    }
}
