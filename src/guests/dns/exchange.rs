//! One question to one resolver: over UDP, and over TCP where the answer does not fit or somebody
//! forges.
//!
//! Invariants: every question has a random number and a random port of its own, and the socket is
//! connected, so a forger must guess both and send from the resolver's address. A packet that does
//! not repeat number and question is no answer; after some of them the question goes over TCP,
//! where guessing does not help.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::question::{MAX_UDP_REPLY_BYTES, Question};

/// A source of random numbers; none = there is none, and nothing can be asked.
pub type Randomness = fn() -> Option<u64>;

/// A question over UDP is sent once more after this time.
const RESEND_AFTER: Duration = Duration::from_millis(700);
/// Packets with a wrong number or question after which the question goes over TCP.
const MAX_MISMATCHED: u32 = 3;
/// Largest packet that is read over UDP, bytes.
const UDP_BUFFER_BYTES: usize = 4_096;
/// Largest answer that is read over TCP, bytes.
const MAX_TCP_BYTES: usize = 16_384;
/// Lowest port that questions go out from.
const MIN_PORT: u16 = 10_240;
/// Ports that are tried before the kernel chooses one.
const PORT_TRIES: u32 = 4;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// There are no random numbers.
    #[error("no random number for a question")]
    NoRandomness,
    /// The socket failed.
    #[error("the resolver cannot be reached")]
    Socket(#[from] std::io::Error),
    /// The answer cannot be read.
    #[error("the resolver's answer cannot be read")]
    Unreadable,
}

enum UdpOutcome {
    Whole(Box<Message>),
    /// The answer is too long, or somebody guesses numbers.
    OverTcp,
}

/// Asks a resolver. The caller bounds the time.
///
/// # Errors
/// [`ExchangeError`].
pub async fn ask(
    resolver: SocketAddr,
    question: &Question,
    randomness: Randomness,
) -> Result<Message, ExchangeError> {
    let mut has_edns = true;
    loop {
        let message = match over_udp(resolver, question, has_edns, randomness).await? {
            UdpOutcome::Whole(message) => *message,
            UdpOutcome::OverTcp => return over_tcp(resolver, question, randomness).await,
        };
        let code = message.metadata.response_code;
        // Old routers do not know EDNS.
        if has_edns && matches!(code, ResponseCode::FormErr | ResponseCode::NotImp) {
            has_edns = false;
            continue;
        }
        return Ok(message);
    }
}

async fn over_udp(
    resolver: SocketAddr,
    question: &Question,
    has_edns: bool,
    randomness: Randomness,
) -> Result<UdpOutcome, ExchangeError> {
    let id = random_id(randomness)?;
    let socket = bind(resolver, randomness).await?;
    socket.connect(resolver).await?;
    let packet = query(question, id, has_edns);
    socket.send(&packet).await?;
    let mut is_resent = false;
    let mut mismatched = 0;
    let mut buffer = [0; UDP_BUFFER_BYTES];
    loop {
        let received = if is_resent {
            socket.recv(&mut buffer).await?
        } else {
            match tokio::time::timeout(RESEND_AFTER, socket.recv(&mut buffer)).await {
                Ok(received) => received?,
                Err(_) => {
                    is_resent = true;
                    socket.send(&packet).await?;
                    continue;
                }
            }
        };
        let message = Message::from_vec(&buffer[..received]).ok();
        let answer = message.filter(|m| m.metadata.id == id && repeats(question, m));
        match answer {
            Some(m) if m.metadata.truncation => return Ok(UdpOutcome::OverTcp),
            Some(m) => return Ok(UdpOutcome::Whole(Box::new(m))),
            None => mismatched += 1,
        }
        if mismatched >= MAX_MISMATCHED {
            return Ok(UdpOutcome::OverTcp);
        }
    }
}

async fn over_tcp(
    resolver: SocketAddr,
    question: &Question,
    randomness: Randomness,
) -> Result<Message, ExchangeError> {
    let id = random_id(randomness)?;
    let mut stream = TcpStream::connect(resolver).await?;
    let packet = query(question, id, true);
    let length = u16::try_from(packet.len()).map_err(|_| ExchangeError::Unreadable)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend(packet);
    stream.write_all(&framed).await?;
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_TCP_BYTES {
        return Err(ExchangeError::Unreadable);
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    let message = Message::from_vec(&answer).map_err(|_| ExchangeError::Unreadable)?;
    if message.metadata.id == id && repeats(question, &message) {
        Ok(message)
    } else {
        Err(ExchangeError::Unreadable)
    }
}

/// A server that cannot read a question repeats none of it.
fn repeats(question: &Question, message: &Message) -> bool {
    let is_bare_refusal = message.queries.is_empty()
        && message.answers.is_empty()
        && message.metadata.response_code == ResponseCode::FormErr;
    question.is_repeated_in(message) || is_bare_refusal
}

fn random_id(randomness: Randomness) -> Result<u16, ExchangeError> {
    let number = randomness().ok_or(ExchangeError::NoRandomness)?;
    Ok(u16::try_from(number & 0xffff).unwrap_or(0))
}

async fn bind(resolver: SocketAddr, randomness: Randomness) -> Result<UdpSocket, ExchangeError> {
    let any = |port| match resolver {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
    };
    for _ in 0..PORT_TRIES {
        let number = randomness().ok_or(ExchangeError::NoRandomness)?;
        let span = u64::from(u16::MAX - MIN_PORT) + 1;
        let port = MIN_PORT + u16::try_from(number % span).unwrap_or(0);
        if let Ok(socket) = UdpSocket::bind(any(port)).await {
            return Ok(socket);
        }
    }
    Ok(UdpSocket::bind(any(0)).await?)
}

/// A question as the gateway puts it: nothing of the device but name and type.
fn query(question: &Question, id: u16, has_edns: bool) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let additional = u8::from(has_edns);
    let mut packet = vec![high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional];
    packet.extend(question.lower_name());
    packet.extend(u16::from(question.record_type).to_be_bytes());
    packet.extend([0, 1]);
    if has_edns {
        let [high, low] = u16::try_from(MAX_UDP_REPLY_BYTES)
            .unwrap_or(512)
            .to_be_bytes();
        packet.extend([0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
    }
    packet
}
