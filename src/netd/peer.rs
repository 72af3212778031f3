//! The connection of the peer that may ask: at most one, the newest.
//!
//! Invariants: a peer that sends no whole line for [`SILENCE`] is ended, also one that sends a line
//! byte by byte; one that does not take its answer is ended sooner.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

use crate::protocol::netd::MAX_LINE_BYTES;

/// How long a peer may say nothing. The gateway asks for its counts every ten seconds.
pub const SILENCE: Duration = Duration::from_secs(60);
/// How long an answer may wait to be taken.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection.
pub struct HelperPeer {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    line: Vec<u8>,
    ends_at: Instant,
}

impl HelperPeer {
    /// A peer that is allowed to ask.
    pub fn new(stream: UnixStream) -> Self {
        let (read, write) = stream.into_split();
        Self {
            read: BufReader::new(read),
            write,
            line: Vec::new(),
            ends_at: Instant::now() + SILENCE,
        }
    }

    /// Its next line, without a line's end when it is too long; none = it has gone. The part of a
    /// line that was read stays when this is dropped.
    ///
    /// # Errors
    /// When the connection broke, and `TimedOut` when it was silent for too long.
    pub async fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let most = (MAX_LINE_BYTES + 1).saturating_sub(self.line.len()) as u64;
        let mut bounded = (&mut self.read).take(most);
        let whole = bounded.read_until(b'\n', &mut self.line);
        tokio::time::timeout_at(self.ends_at, whole)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        self.ends_at = Instant::now() + SILENCE;
        let line = std::mem::take(&mut self.line);
        Ok((!line.is_empty()).then_some(line))
    }

    /// Gives it an answer.
    ///
    /// # Errors
    /// When the connection broke, and `TimedOut` when the answer is not taken.
    pub async fn answer(&mut self, text: &[u8]) -> io::Result<()> {
        let written = tokio::time::timeout(ANSWER_TIMEOUT, self.write.write_all(text));
        written.await.map_err(|_| io::ErrorKind::TimedOut)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UnixStream, HelperPeer) {
        let (far, near) = UnixStream::pair().expect("a pair");
        (far, HelperPeer::new(near))
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_ended() {
        let (far, mut peer) = pair();
        let began = Instant::now();
        let ended = peer.next_line().await.expect_err("silence");
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), SILENCE);
        drop(far);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_drips_is_ended_as_silence_is_and_a_whole_one_is_not() {
        let (mut far, mut peer) = pair();
        let began = Instant::now();
        let drips = async {
            for _ in 0..7 {
                tokio::time::sleep(Duration::from_secs(10)).await;
                let _ = far.write_all(b"{").await;
            }
            far
        };
        let (ended, mut far) = tokio::join!(peer.next_line(), drips);
        assert_eq!(
            ended.map_err(|e| e.kind()),
            Err(io::ErrorKind::TimedOut),
            "after {:?}",
            began.elapsed()
        );
        let (other, mut peer) = pair();
        drop(std::mem::replace(&mut far, other));
        for _ in 0..5 {
            tokio::time::advance(SILENCE / 2).await;
            far.write_all(b"{}\n").await.expect("written");
            let line = peer.next_line().await.expect("a line");
            assert_eq!(line.as_deref(), Some(&b"{}\n"[..]));
        }
        drop(far);
        assert_eq!(peer.next_line().await.expect("gone"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_ends_its_peer() {
        let (_far, mut peer) = pair();
        let answer = vec![b'x'; 8 * 1024 * 1024];
        let ended = peer.answer(&answer).await.expect_err("not taken");
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    }
}
