//! Questions over TCP, for answers that no datagram holds.
//!
//! Invariants: a connection that says nothing in time, or takes no reply in time, is closed; a
//! device has few, and a crowd displaces itself. One question at a time of a connection is worked
//! on, so what a connection costs is bounded.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::counts::count;
use super::forwarder::{Decision, Forwarder};
use super::policy::AskingSegment;
use super::question::{MAX_QUESTION_BYTES, Transport};
use crate::supervisor::admission::{AdmissionControl, AdmissionPermit};
use crate::supervisor::meter::{Meter, Metered};

/// Most connections to one socket.
const MAX_CONNECTIONS: usize = 64;
/// Most connections of one address.
const MAX_PER_ADDRESS: usize = 4;
/// Most questions on one connection.
const MAX_QUESTIONS: usize = 100;
/// For how long a connection may be without a question [RFC 7766, 6.2.3].
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a question may take to arrive, and a reply to be taken.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(5);
/// Wait after an error of the listener: no file descriptor is left, for example.
const ERROR_WAIT: Duration = Duration::from_millis(100);
/// Errors in a row after which the listener is taken for broken.
const MAX_ERRORS: u32 = 100;

/// Serves connections until the listener fails, and returns how.
pub async fn serve(
    forwarder: Arc<Forwarder>,
    segment: AskingSegment,
    listener: TcpListener,
) -> io::Error {
    let admission = AdmissionControl::new(MAX_CONNECTIONS);
    let mut connections = JoinSet::new();
    let mut errors = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                errors += 1;
                if errors >= MAX_ERRORS {
                    return error;
                }
                tokio::time::sleep(ERROR_WAIT).await;
                continue;
            }
        };
        errors = 0;
        let address = peer.ip();
        let meter = Meter::start();
        let Some(permit) = admission.acquire(address, MAX_PER_ADDRESS, &meter) else {
            count(&forwarder.counters().closed);
            continue;
        };
        let (forwarder, stream) = (forwarder.clone(), Metered::new(stream, meter));
        connections.spawn(async move {
            tokio::select! {
                () = converse(&forwarder, segment, address, stream, &permit) => {}
                () = permit.evicted() => count(&forwarder.counters().closed),
            }
        });
    }
}

/// Serves one connection until either side ends it.
pub(super) async fn converse(
    forwarder: &Forwarder,
    segment: AskingSegment,
    address: IpAddr,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    permit: &AdmissionPermit<IpAddr>,
) {
    for _ in 0..MAX_QUESTIONS {
        let packet = match timeout(IDLE_TIMEOUT, read_packet(&mut stream)).await {
            Ok(Ok(Some(packet))) => packet,
            // The device has ended it.
            Ok(Err(_)) => return,
            Ok(Ok(None)) | Err(_) => {
                count(&forwarder.counters().closed);
                return;
            }
        };
        permit.mark_identified();
        let reply = match forwarder.decide(segment, address, &packet, Transport::Tcp) {
            Decision::Silence => return,
            Decision::Reply(reply) => reply,
            Decision::Later(pending) => forwarder.finish(*pending).await,
        };
        let length = u16::try_from(reply.len()).unwrap_or(0);
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend(reply);
        let written = timeout(TRANSFER_TIMEOUT, stream.write_all(&framed)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// Reads a packet behind its length; none = it is too long, or does not come.
async fn read_packet(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_QUESTION_BYTES {
        return Ok(None);
    }
    let mut packet = vec![0; length];
    match timeout(TRANSFER_TIMEOUT, stream.read_exact(&mut packet)).await {
        Ok(read) => read.map(|_| Some(packet)),
        Err(_) => Ok(None),
    }
}
