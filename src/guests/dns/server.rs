//! The sockets: one for datagrams and one for streams on each address of a segment.
//!
//! A socket of its own for each address makes replies come from the address that was asked, and
//! says which segment asks. Invariants: the number of questions that wait and of connections is
//! bounded; a packet that cannot be answered is read once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::forwarder::{Decision, Forwarder};
use super::policy::AskingSegment;
use super::question::{MAX_QUESTION_BYTES, Transport};
use super::tcp;

/// Most questions of one socket that wait for a resolver or the network helper.
const MAX_WAITING: usize = 512;
/// Errors in a row after which a socket is taken for broken.
const MAX_ERRORS: u32 = 100;

/// The sockets of one address of a segment, already bound.
#[derive(Debug)]
pub struct DnsListener {
    /// The segment whose devices ask here.
    pub segment: AskingSegment,
    /// For datagrams.
    pub udp: std::net::UdpSocket,
    /// For streams.
    pub tcp: std::net::TcpListener,
}

/// Serves until it is cancelled. The sockets stay open, so that it can be called again.
///
/// # Errors
/// A socket failed.
pub async fn serve(
    forwarder: Arc<Forwarder>,
    listeners: &[DnsListener],
    stop: CancellationToken,
) -> io::Result<()> {
    let mut sockets = JoinSet::new();
    for listener in listeners {
        let segment = listener.segment;
        let udp = listener.udp.try_clone()?;
        udp.set_nonblocking(true)?;
        sockets.spawn(serve_udp(
            forwarder.clone(),
            segment,
            UdpSocket::from_std(udp)?,
        ));
        let streams = listener.tcp.try_clone()?;
        streams.set_nonblocking(true)?;
        let streams = tokio::net::TcpListener::from_std(streams)?;
        sockets.spawn(tcp::serve(forwarder.clone(), segment, streams));
    }
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(ended) = sockets.join_next() => Err(ended.unwrap_or_else(io::Error::other)),
    }
}

/// Serves datagrams until the socket fails, and returns how.
async fn serve_udp(
    forwarder: Arc<Forwarder>,
    segment: AskingSegment,
    socket: UdpSocket,
) -> io::Error {
    let socket = Arc::new(socket);
    let mut waiting = JoinSet::new();
    // One byte more shows that a packet is too long.
    let mut buffer = [0; MAX_QUESTION_BYTES + 1];
    let mut errors = 0;
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            Some(_) = waiting.join_next(), if !waiting.is_empty() => continue,
        };
        let (length, peer) = match received {
            Ok(received) => received,
            // An earlier reply found nobody; the next packet is not concerned.
            Err(error) => {
                errors += 1;
                if errors >= MAX_ERRORS {
                    return error;
                }
                continue;
            }
        };
        errors = 0;
        let packet = &buffer[..length];
        match forwarder.decide(segment, peer.ip(), packet, Transport::Udp) {
            Decision::Silence => {}
            Decision::Reply(reply) => send(&socket, &reply, peer).await,
            Decision::Later(pending) if waiting.len() >= MAX_WAITING => {
                send(&socket, &forwarder.give_up(&pending), peer).await;
            }
            Decision::Later(pending) => {
                let (forwarder, socket) = (forwarder.clone(), socket.clone());
                waiting.spawn(async move {
                    let reply = forwarder.finish(*pending).await;
                    send(&socket, &reply, peer).await;
                });
            }
        }
    }
}

/// A reply that cannot be sent is lost as any datagram may be; the device asks again.
async fn send(socket: &UdpSocket, reply: &[u8], peer: SocketAddr) {
    if let Err(cause) = socket.send_to(reply, peer).await {
        tracing::debug!(%cause, "sending a reply to a question for a name failed");
    }
}
