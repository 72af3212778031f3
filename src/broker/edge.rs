//! The edge: listeners, and everything that happens before MQTT.
//!
//! Invariants: accepting never waits for a client (handshakes run in the connection's own task
//! under one deadline); strangers are few at each door (`half_open`), so are connections from one
//! address, and none of them keeps another out (`Lobby`); who is known takes no stranger's place,
//! and strangers none of those who are known.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::connection::{Arrival, Ended, Entrance, serve};
use super::guard::Guard;
use super::limits::Bucket;
use super::session::Peer;
use super::websocket;
use crate::keys::holders::Proof;
use crate::keys::tls::{common_name, proof};
use crate::protocol::broker::Door;
use crate::supervisor::child::Facts;
use crate::supervisor::lobby::{Lobby, Seat, neighbour};
use crate::supervisor::meter::{Meter, Metered};
use crate::supervisor::places::{Place, Places};

/// What every connection shares.
pub struct Edge {
    pub guard: Arc<Guard>,
    pub facts: Facts,
    pub tls: Option<TlsAcceptor>,
    /// Those who said who they are.
    all: Arc<Semaphore>,
    addresses: Places<IpAddr>,
    /// What may be told of troubles, and how many were not.
    troubles: Mutex<(Bucket, u64)>,
}

/// Troubles that are told at once, and then in a second: their lines are on the card too.
const TROUBLES: (f64, f64) = (60.0, 0.1);

/// Half-open connections that programs on this machine may hold at least.
const HALF_OPEN_LOOPBACK: usize = 200;

/// One who has not said who it is, in the lobby of its door.
pub struct Stranger {
    seat: Seat<IpAddr>,
    address: IpAddr,
    edge: Arc<Edge>,
}

/// The places of one who said who it is.
pub struct Admitted(
    #[expect(dead_code, reason = "held, then dropped")] OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held, then dropped")] Place<IpAddr>,
);

impl Stranger {
    /// It said who it is: its place in the lobby is free. Errors are a CONNACK code and a sentence.
    pub fn admit(self) -> Result<Admitted, (u8, &'static str)> {
        if self.seat.is_needed() {
            return Err((0x97, NEEDED));
        }
        let Ok(permit) = self.edge.all.clone().try_acquire_owned() else {
            return Err((0x97, "the broker has no place for more connections"));
        };
        let Some(place) = self
            .edge
            .addresses
            .take(self.address, self.edge.guard.limits.per_address)
        else {
            return Err((0x97, "too many connections of this address"));
        };
        Ok(Admitted(permit, place))
    }
}

/// Waits for what a stranger does, until its time is over or its place is needed; the error says
/// which. None = the house itself, whose place nobody needs.
pub async fn within<T>(
    stranger: Option<&Stranger>,
    until: Instant,
    work: impl Future<Output = T>,
) -> Result<T, &'static str> {
    let needed = async {
        match stranger {
            Some(stranger) => stranger.seat.needed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = needed => Err(NEEDED),
        done = work => Ok(done),
        () = tokio::time::sleep_until(until) => Err(LATE),
    }
}

/// Why a stranger is let go.
const LATE: &str = "it did not say who it is in time";
const NEEDED: &str = "it had not said who it is when its place was needed";

impl Edge {
    pub fn new(guard: Arc<Guard>, facts: Facts, tls: Option<TlsAcceptor>) -> Arc<Self> {
        let all = Arc::new(Semaphore::new(guard.limits.connections));
        Arc::new(Self {
            guard,
            facts,
            tls,
            all,
            addresses: Places::default(),
            troubles: Mutex::new((Bucket::of(TROUBLES.1, TROUBLES.0, Instant::now()), 0)),
        })
    }

    /// Serves one TCP door until the broker ends.
    #[expect(
        clippy::disallowed_methods,
        reason = "a connection's task ends with its connection; the process ends the rest"
    )]
    pub async fn tcp(self: Arc<Self>, door: Door, listener: TcpListener) {
        let limits = &self.guard.limits;
        let lobby = Lobby::new(limits.half_open);
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
            let (address, near) = (peer.ip().to_string(), neighbour(peer.ip()));
            if self.all.available_permits() == 0 {
                self.guard
                    .refused("", &address, "the broker has no place for more connections");
                continue;
            }
            if self.addresses.held(&near) >= limits.per_address {
                self.guard
                    .refused("", &address, "too many connections of this address");
                continue;
            }
            let share = if peer.ip().is_loopback() {
                limits.half_open_per_address.max(HALF_OPEN_LOOPBACK)
            } else {
                limits.half_open_per_address
            };
            let meter = Meter::begun();
            let Some(seat) = lobby.enter_as(near, peer.ip().to_canonical(), share, &meter) else {
                self.guard.refused(
                    "",
                    &address,
                    "too many connections of this address have not said who they are",
                );
                continue;
            };
            let edge = self.clone();
            tokio::spawn(async move {
                let until = Instant::now() + Duration::from_secs(edge.guard.limits.handshake_s);
                let _ = stream.set_nodelay(true);
                let stranger = Stranger {
                    seat,
                    address: near,
                    edge: edge.clone(),
                };
                let ended = match edge
                    .transport(
                        door,
                        Metered::new(stream, meter.clone()),
                        &address,
                        until,
                        stranger,
                        meter,
                    )
                    .await
                {
                    Ok(ended) => ended,
                    Err(cause) => Ended::nobody(
                        &edge.guard,
                        &address,
                        &format!("the {} handshake failed: {cause}", name_of(door)),
                    ),
                };
                edge.tell(&address, ended).await;
            });
        }
    }

    // Each way in is its own allocation: a plain connection does not carry the size of the largest,
    // nor anybody what only the handshake needs.
    async fn transport(
        &self,
        door: Door,
        stream: Metered<TcpStream>,
        address: &str,
        until: Instant,
        stranger: Stranger,
        meter: Arc<Meter>,
    ) -> io::Result<Ended> {
        let guard = self.guard.clone();
        let mut peer = Peer {
            address: address.to_owned(),
            door: name_of(door),
            ..Peer::default()
        };
        let arrival = |entrance, stranger, peer| Arrival {
            entrance,
            until,
            peer,
            stranger: Some(stranger),
            meter,
        };
        match door {
            Door::Plain => Ok(Box::pin(serve(
                stream,
                guard,
                arrival(Entrance::Password, stranger, peer),
            ))
            .await),
            Door::WebSocket => {
                let ws = within(
                    Some(&stranger),
                    until,
                    Box::pin(websocket::accept(stream, guard.limits.packet)),
                )
                .await
                .map_err(io::Error::other)??;
                Ok(Box::pin(serve(
                    ws,
                    guard,
                    arrival(Entrance::Password, stranger, peer),
                ))
                .await)
            }
            Door::Tls | Door::WebSocketTls => {
                let acceptor = self
                    .tls
                    .clone()
                    .ok_or_else(|| io::Error::other("no certificate"))?;
                let tls = within(Some(&stranger), until, Box::pin(acceptor.accept(stream)))
                    .await
                    .map_err(io::Error::other)??;
                let holder = tls
                    .get_ref()
                    .1
                    .peer_certificates()
                    .and_then(|c| c.first())
                    .map(|c| common_name(c).zip(proof(c)));
                let entrance = match holder {
                    Some(Some((name, proof))) => {
                        peer.proof.clone_from(&proof);
                        self.came(&name, proof).await;
                        Entrance::Certificate(name)
                    }
                    Some(None) => return Err(io::Error::other("the certificate names nobody")),
                    None => Entrance::Password,
                };
                if door == Door::WebSocketTls {
                    let ws = within(
                        Some(&stranger),
                        until,
                        Box::pin(websocket::accept(tls, guard.limits.packet)),
                    )
                    .await
                    .map_err(io::Error::other)??;
                    return Ok(Box::pin(serve(ws, guard, arrival(entrance, stranger, peer))).await);
                }
                Ok(Box::pin(serve(tls, guard, arrival(entrance, stranger, peer))).await)
            }
        }
    }

    /// Tells the parent whose certificate came: it keeps which key is whose. Names without an
    /// account are nobody's.
    async fn came(&self, name: &str, proof: Proof) {
        if !self.guard.knows(name) {
            return;
        }
        if let Ok(line) = serde_json::to_string(&crate::protocol::broker::Fact::Holder {
            name: name.to_owned(),
            key: proof.key,
            until: proof.until,
        }) {
            self.facts.say(line).await;
        }
    }

    /// Serves the house's own socket for ever.
    #[expect(
        clippy::disallowed_methods,
        reason = "a connection's task ends with its connection; the process ends the rest"
    )]
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
                let (peer, meter) = (
                    Peer {
                        door: "house",
                        ..Peer::default()
                    },
                    Meter::begun(),
                );
                let arrival = Arrival {
                    entrance: Entrance::House(secret),
                    until,
                    peer,
                    stranger: None,
                    meter: meter.clone(),
                };
                let ended = serve(Metered::new(stream, meter), edge.guard.clone(), arrival).await;
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
            let who = if ended.who.is_empty() {
                address.to_owned()
            } else {
                format!("{} ({address})", ended.who)
            };
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

/// Binds the house's own socket, in place of one that an earlier worker left, for this user only.
/// It is bound before the worker says that it is ready: who hears so may connect at once.
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
