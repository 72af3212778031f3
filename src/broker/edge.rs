//! The edge: listeners, and everything that happens before MQTT.
//!
//! Invariants: accepting never waits for a client (handshakes run in the connection's own task under one
//! deadline); strangers are few (`half_open`) and so are connections from one address.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::connection::{Ended, Entrance, serve};
use super::guard::Guard;
use super::limits::Bucket;
use super::session::Peer;
use super::websocket;
use crate::keys::tls::common_name;
use crate::protocol::broker::Door;
use crate::supervisor::child::Facts;
use crate::supervisor::places::{Place, Places};

/// What every connection shares.
pub struct Edge {
    pub guard: Arc<Guard>,
    pub facts: Facts,
    pub tls: Option<TlsAcceptor>,
    half_open: Arc<Semaphore>,
    all: Arc<Semaphore>,
    addresses: Places<IpAddr>,
    strangers: Places<IpAddr>,
    /// What may be told of troubles, and how many were not.
    troubles: Mutex<(Bucket, u64)>,
}

/// Troubles that are told at once, and then in a second: their lines are on the card too.
const TROUBLES: (f64, f64) = (60.0, 0.1);

/// Half-open connections that programs on this machine may hold at least.
const HALF_OPEN_LOOPBACK: usize = 200;

/// The places that a connection gives back once it has said who it is.
pub struct Stranger(#[expect(dead_code, reason = "held, then dropped")] tokio::sync::OwnedSemaphorePermit, #[expect(dead_code, reason = "held, then dropped")] Place<IpAddr>);

impl Edge {
    pub fn new(guard: Arc<Guard>, facts: Facts, tls: Option<TlsAcceptor>) -> Arc<Self> {
        let limits = &guard.limits;
        let (half_open, all) = (Arc::new(Semaphore::new(limits.half_open)), Arc::new(Semaphore::new(limits.connections)));
        Arc::new(Self { guard, facts, tls, half_open, all, addresses: Places::default(), strangers: Places::default(), troubles: Mutex::new((Bucket::of(TROUBLES.1, TROUBLES.0, Instant::now()), 0)) })
    }

    /// Serves one TCP door until the broker ends.
    #[expect(clippy::disallowed_methods, reason = "a connection's task ends with its connection; the process ends the rest")]
    pub async fn tcp(self: Arc<Self>, door: Door, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // Who comes now waits in the listener's row for the broker's next life.
                () = self.guard.ending.cancelled() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(cause) => {
                    // Out of descriptors: let some go before the next try.
                    tracing::warn!(%cause, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let each = self.guard.limits.half_open_per_address;
            let most = if peer.ip().is_loopback() { each.max(HALF_OPEN_LOOPBACK) } else { each };
            let Some(stranger_here) = self.strangers.take(peer.ip(), most, usize::MAX) else {
                self.guard.refused("", &peer.ip().to_string(), "too many connections of this address have not said who they are");
                continue;
            };
            let (Ok(stranger), Ok(place)) = (self.half_open.clone().try_acquire_owned(), self.all.clone().try_acquire_owned()) else {
                self.guard.refused("", &peer.ip().to_string(), "the broker has no place for more connections");
                continue;
            };
            let edge = self.clone();
            tokio::spawn(async move {
                let Some(_counted) = edge.addresses.take(peer.ip(), edge.guard.limits.per_address, usize::MAX) else {
                    return edge.guard.refused("", &peer.ip().to_string(), "too many connections of this address");
                };
                let _place = place;
                let until = Instant::now() + Duration::from_secs(edge.guard.limits.handshake_s);
                let _ = stream.set_nodelay(true);
                let address = peer.ip().to_string();
                let ended = match edge.transport(door, stream, peer.ip(), until, Stranger(stranger, stranger_here)).await {
                    Ok(ended) => ended,
                    Err(cause) => Ended::nobody(&edge.guard, &address, &format!("the {} handshake failed: {cause}", name_of(door))),
                };
                edge.tell(&address, ended).await;
            });
        }
    }

    // Each way in is its own allocation: a plain connection does not carry the size of the largest, nor anybody what only the
    // handshake needs.
    async fn transport(&self, door: Door, stream: tokio::net::TcpStream, address: IpAddr, until: Instant, stranger: Stranger) -> io::Result<Ended> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "too slow");
        let guard = self.guard.clone();
        let peer = Peer { address: address.to_string(), door: name_of(door), version: "" };
        match door {
            Door::Plain => Ok(Box::pin(serve(stream, Entrance::Password, guard, until, peer, stranger)).await),
            Door::WebSocket => {
                let ws = tokio::time::timeout_at(until, Box::pin(websocket::accept(stream, guard.limits.packet))).await.map_err(late)??;
                Ok(Box::pin(serve(ws, Entrance::Password, guard, until, peer, stranger)).await)
            }
            Door::Tls | Door::WebSocketTls => {
                let acceptor = self.tls.clone().ok_or_else(|| io::Error::other("no certificate"))?;
                let tls = tokio::time::timeout_at(until, Box::pin(acceptor.accept(stream))).await.map_err(late)??;
                let name = tls.get_ref().1.peer_certificates().and_then(|c| c.first()).map(common_name);
                let entrance = match name {
                    Some(Some(name)) => Entrance::Certificate(name),
                    Some(None) => return Err(io::Error::other("the certificate names nobody")),
                    None => Entrance::Password,
                };
                if door == Door::WebSocketTls {
                    let ws = tokio::time::timeout_at(until, Box::pin(websocket::accept(tls, guard.limits.packet))).await.map_err(late)??;
                    return Ok(Box::pin(serve(ws, entrance, guard, until, peer, stranger)).await);
                }
                Ok(Box::pin(serve(tls, entrance, guard, until, peer, stranger)).await)
            }
        }
    }

    /// Serves the house's own socket for ever.
    #[expect(clippy::disallowed_methods, reason = "a connection's task ends with its connection; the process ends the rest")]
    pub async fn house(self: Arc<Self>, listener: UnixListener, secret: &str) {
        let secret: Arc<str> = secret.into();
        loop {
            let (stream, _) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(cause) => {
                    tracing::warn!(%cause, "the house's own connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (edge, secret) = (self.clone(), secret.clone());
            tokio::spawn(async move {
                let until = Instant::now() + Duration::from_secs(5);
                let ended = serve(stream, Entrance::House(secret), edge.guard.clone(), until, Peer { address: String::new(), door: "house", version: "" }, ()).await;
                edge.tell("house", ended).await;
            });
        }
    }

    async fn tell(&self, address: &str, ended: Ended) {
        if let Some(why) = ended.trouble {
            // Strangers must not make the worker talk without end.
            let untold = {
                let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
                if !troubles.0.try_take(Instant::now()) {
                    troubles.1 += 1;
                    return;
                }
                std::mem::take(&mut troubles.1)
            };
            let who = if ended.who.is_empty() { address.to_owned() } else { format!("{} ({address})", ended.who) };
            let fact = crate::protocol::broker::Fact::Trouble { who, why, untold };
            if let Ok(line) = serde_json::to_string(&fact) {
                self.facts.say(line).await;
            }
        }
    }
}

/// A door as a technician calls it.
fn name_of(door: Door) -> &'static str {
    match door {
        Door::Plain => "plain",
        Door::Tls => "TLS",
        Door::WebSocket => "WebSocket",
        Door::WebSocketTls => "WebSocket over TLS",
    }
}

/// Binds the house's own socket, in place of one that an earlier worker left, for this user only. It is
/// bound before the worker says that it is ready: who hears so may connect at once.
///
/// # Errors
/// When the socket cannot be made there.
pub fn bind_house(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
