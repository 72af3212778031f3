//! A client as small as can be: the load shares the machine's processors with what it measures.
//!
//! Invariants: a request comes from the address that was asked for; an answer is read to its last
//! byte before it counts. Deliberately absent: TLS, trailers, decompression.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Largest answer, bytes: something is broken beyond it.
const MOST: usize = 1 << 20;

/// The head of an answer, and the length of its body as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The server ends the connection behind it.
    pub closes: bool,
    pub body_bytes: usize,
}

/// A connection to a server.
pub struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    /// Connects from one of the phone's addresses.
    pub async fn open(from: Ipv4Addr, to: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends a request and reads the answer to its end.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (mut head, mut searched) = (None, 0);
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            if head.is_none() {
                head = head_of(&self.buffer, searched)?;
                searched = self.buffer.len().saturating_sub(3);
            }
            if let Some(head) = &head {
                let body = &self.buffer[head.bytes..];
                if let Some(body_bytes) = head.length.end(body, read == 0)? {
                    return Ok(Answer {
                        status: head.status,
                        closes: head.closes,
                        body_bytes,
                    });
                }
            }
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if self.buffer.len() > MOST {
                return Err(broken("an answer without an end"));
            }
        }
    }
}

/// One request over a connection of its own.
pub async fn once(from: Ipv4Addr, to: SocketAddr, request: &[u8]) -> Result<Answer> {
    Line::open(from, to).await?.ask(request).await
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

/// How the end of a body is known.
enum Length {
    Bytes(usize),
    Chunked,
    UntilClose,
}

impl Length {
    /// Bytes of the whole body; none = there is more to come.
    fn end(&self, body: &[u8], is_closed: bool) -> Result<Option<usize>> {
        Ok(match self {
            Self::Bytes(n) => (body.len() >= *n).then_some(*n),
            Self::Chunked => chunks_end(body)?,
            Self::UntilClose => is_closed.then_some(body.len()),
        })
    }
}

struct Head {
    bytes: usize,
    status: u16,
    closes: bool,
    length: Length,
}

fn find(text: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let at = text
        .get(from..)?
        .windows(what.len())
        .position(|w| w == what)?;
    Some(from + at)
}

/// The head, once it is there as a whole.
fn head_of(text: &[u8], from: usize) -> Result<Option<Head>> {
    let Some(end) = find(text, b"\r\n\r\n", from) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&text[..end]).map_err(|_| broken("a head that is no text"))?;
    let mut lines = head.split("\r\n");
    let status: u16 = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .ok_or_else(|| broken("no status"))?;
    let (mut closes, mut length) = (false, Length::UntilClose);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Length::Bytes(value.parse().map_err(|_| broken("no length"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            length = Length::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    if matches!(status, 204 | 304) {
        length = Length::Bytes(0);
    }
    Ok(Some(Head {
        bytes: end + 4,
        status,
        closes,
        length,
    }))
}

/// Where the last chunk ends.
fn chunks_end(body: &[u8]) -> Result<Option<usize>> {
    let mut at = 0;
    loop {
        let Some(line) = find(body, b"\r\n", at) else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&body[at..line])
            .ok()
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok())
            .ok_or_else(|| broken("a chunk without a size"))?;
        at = line + 2 + size + 2;
        if at > body.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(at));
        }
    }
}
