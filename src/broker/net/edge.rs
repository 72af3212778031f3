//! The edge: listeners, and everything that happens before the first MQTT packet.
//!
//! Invariants: accepting never waits for a client; each handshake runs in its connection's own task
//! under one deadline. Each listener has few half-open connections (`Limits::half_open`), each
//! address has few connections (`permits`), and no client keeps another out (`AdmissionControl`).

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::connection::ConnectionEnd;
use super::handshake::{AcceptedTransport, AuthMethod, serve};
use super::permits::{ConnectionPermits, HalfOpenPermit, with_deadline};
use super::websocket;
use crate::broker::core::session::ConnectionInfo;
use crate::broker::rate_limit::TokenBucket;
use crate::broker::shared::SharedBroker;
use crate::domain::text;
use crate::keys::holders::CertificateProof;
use crate::keys::x509::{certificate_proof, common_name};
use crate::protocol::broker::{ListenerKind, RefusalReason};
use crate::supervisor::admission::{AdmissionControl, source_network};
use crate::supervisor::child::EventWriter;
use crate::supervisor::meter::{Meter, Metered};

/// The service of a connection whose transport is open, until its end.
type Serving = Pin<Box<dyn Future<Output = ConnectionEnd> + Send>>;

/// The part that all connections share.
pub struct Edge {
    pub broker: Arc<SharedBroker>,
    pub events: EventWriter,
    pub tls: Option<TlsAcceptor>,
    connection_permits: Arc<ConnectionPermits>,
    /// Limits the reports of connection errors, with the number of those that were suppressed
    /// since the last one.
    error_log: Mutex<(TokenBucket, u64)>,
}

/// Connection errors that are reported at once, and then in a second. Each is a log line, and the
/// log is on the same storage.
const ERROR_LOG_RATE: (f64, f64) = (60.0, 0.1);

/// Longest cause of a failed handshake that is recorded, characters.
const CAUSE_CHARS_MAX: usize = 160;

/// Half-open connections that programs on this machine may have at least.
const HALF_OPEN_LOOPBACK_MIN: usize = 200;

impl Edge {
    pub fn new(
        broker: Arc<SharedBroker>,
        events: EventWriter,
        tls: Option<TlsAcceptor>,
    ) -> Arc<Self> {
        Arc::new(Self {
            connection_permits: ConnectionPermits::new(&broker.limits),
            broker,
            events,
            tls,
            error_log: Mutex::new((
                TokenBucket::with_burst(ERROR_LOG_RATE.1, ERROR_LOG_RATE.0, Instant::now()),
                0,
            )),
        })
    }

    /// Serves one TCP listener until the broker shuts down.
    #[expect(
        clippy::disallowed_methods,
        reason = "a connection's task ends with its connection; the process ends the rest"
    )]
    pub async fn serve_tcp(self: Arc<Self>, kind: ListenerKind, listener: TcpListener) {
        let limits = &self.broker.limits;
        let admissions = AdmissionControl::new(limits.half_open);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // Clients that connect from now on wait in the socket's backlog for the restarted
                // broker.
                () = self.broker.shutdown.cancelled() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(cause) => {
                    // Probably out of file descriptors: some may be closed before the next try.
                    tracing::warn!(%cause, "accept failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (address, near): (Arc<str>, _) =
                (peer.ip().to_string().into(), source_network(peer.ip()));
            if let Some(reason) = self.connection_permits.refusal(&near) {
                self.broker.record_refusal("", &address, reason);
                continue;
            }
            let share = if peer.ip().is_loopback() {
                limits.half_open_per_address.max(HALF_OPEN_LOOPBACK_MIN)
            } else {
                limits.half_open_per_address
            };
            let meter = Meter::start();
            let Some(admission) =
                admissions.acquire_as(near, peer.ip().to_canonical(), share, &meter)
            else {
                self.broker
                    .record_refusal("", &address, RefusalReason::HalfOpenExceeded);
                continue;
            };
            let _ = stream.set_nodelay(true);
            let edge = self.clone();
            // Memory that only the transport's handshake needs is boxed, so it is freed at its end.
            let opening = Box::pin(self.clone().open_transport(
                kind,
                Metered::new(stream, meter.clone()),
                address.clone(),
                HalfOpenPermit::new(admission, near, self.connection_permits.clone()),
                meter,
            ));
            tokio::spawn(async move {
                let ended = match opening.await {
                    Ok(serving) => serving.await,
                    Err(reason) => ConnectionEnd::unidentified(&edge.broker, &address, reason),
                };
                Box::pin(edge.report_error(&address, ended)).await;
            });
        }
    }

    /// Completes the handshakes below MQTT, and returns the service of the connection. Each
    /// transport's is boxed on its own: a plain connection does not carry the size of the largest.
    async fn open_transport(
        self: Arc<Self>,
        kind: ListenerKind,
        stream: Metered<TcpStream>,
        address: Arc<str>,
        half_open: HalfOpenPermit,
        meter: Arc<Meter>,
    ) -> Result<Serving, RefusalReason> {
        let broker = self.broker.clone();
        let until = Instant::now() + Duration::from_secs(broker.limits.handshake_s);
        let mut peer = ConnectionInfo {
            address,
            listener: kind.name(),
            ..ConnectionInfo::default()
        };
        let accepted = |auth_method, half_open, peer| AcceptedTransport {
            auth_method,
            deadline: until,
            peer,
            half_open: Some(half_open),
            meter,
        };
        let failed = |cause: &str| RefusalReason::HandshakeFailed {
            listener: kind,
            cause: text::line(cause, CAUSE_CHARS_MAX),
        };
        let failed_io = |cause: io::Error| failed(&cause.to_string());
        match kind {
            ListenerKind::Plain => Ok(Box::pin(serve(
                stream,
                broker,
                accepted(AuthMethod::Password, half_open, peer),
            ))),
            ListenerKind::WebSocket => {
                let ws = with_deadline(
                    Some(&half_open),
                    until,
                    Box::pin(websocket::accept(stream, broker.limits.packet)),
                )
                .await?
                .map_err(failed_io)?;
                Ok(Box::pin(serve(
                    Box::new(ws),
                    broker,
                    accepted(AuthMethod::Password, half_open, peer),
                )))
            }
            ListenerKind::Tls | ListenerKind::WebSocketTls => {
                let acceptor = self.tls.clone().ok_or_else(|| failed("no certificate"))?;
                let tls = with_deadline(Some(&half_open), until, Box::pin(acceptor.accept(stream)))
                    .await?
                    .map_err(failed_io)?;
                // A TLS stream is large, and moves through several futures.
                let tls = Box::new(tls);
                let holder = tls
                    .get_ref()
                    .1
                    .peer_certificates()
                    .and_then(|c| c.first())
                    .map(|c| common_name(c).zip(certificate_proof(c)));
                let auth_method = match holder {
                    Some(Some((name, proof))) => {
                        peer.proof.clone_from(&proof);
                        self.report_certificate(&name, proof).await;
                        AuthMethod::Certificate(name)
                    }
                    Some(None) => return Err(failed("the certificate names nobody")),
                    None => AuthMethod::Password,
                };
                if kind == ListenerKind::WebSocketTls {
                    let ws = with_deadline(
                        Some(&half_open),
                        until,
                        Box::pin(websocket::accept(tls, broker.limits.packet)),
                    )
                    .await?
                    .map_err(failed_io)?;
                    let ws = Box::new(ws);
                    return Ok(Box::pin(serve(
                        ws,
                        broker,
                        accepted(auth_method, half_open, peer),
                    )));
                }
                Ok(Box::pin(serve(
                    tls,
                    broker,
                    accepted(auth_method, half_open, peer),
                )))
            }
        }
    }

    /// Tells the parent which certificate a client showed; the parent records which key belongs to
    /// which account. A name without an account belongs to nobody and is not reported.
    async fn report_certificate(&self, name: &str, proof: CertificateProof) {
        if !self.broker.has_account(name) {
            return;
        }
        if let Ok(line) =
            serde_json::to_string(&crate::protocol::broker::WorkerEvent::CertificateSeen {
                name: name.to_owned(),
                key: proof.key,
                until_s: proof.until_s,
            })
        {
            self.events.send(line).await;
        }
    }

    /// Serves the socket of the gateway's own clients for ever.
    #[expect(
        clippy::disallowed_methods,
        reason = "a connection's task ends with its connection; the process ends the rest"
    )]
    pub async fn serve_gateway(self: Arc<Self>, listener: UnixListener, secret: &str) {
        let secret: Arc<str> = secret.into();
        loop {
            let (stream, _) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(cause) => {
                    tracing::warn!(%cause, "accept failed on the gateway's own socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (edge, secret) = (self.clone(), secret.clone());
            tokio::spawn(async move {
                let until = Instant::now() + Duration::from_secs(5);
                let (peer, meter) = (
                    ConnectionInfo {
                        listener: "house",
                        ..ConnectionInfo::default()
                    },
                    Meter::start(),
                );
                let accepted = AcceptedTransport {
                    auth_method: AuthMethod::GatewaySocket(secret),
                    deadline: until,
                    peer,
                    half_open: None,
                    meter: meter.clone(),
                };
                let ended = serve(Metered::new(stream, meter), edge.broker.clone(), accepted).await;
                edge.report_error("house", ended).await;
            });
        }
    }

    async fn report_error(&self, address: &str, ended: ConnectionEnd) {
        if let Some(reason) = ended.error {
            // Half-open connections must not make the worker send events without end.
            let suppressed = {
                let mut error_log = self
                    .error_log
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if !error_log.0.try_take(Instant::now()) {
                    error_log.1 += 1;
                    return;
                }
                std::mem::take(&mut error_log.1)
            };
            let who = if ended.client.is_empty() {
                address.to_owned()
            } else {
                format!("{} ({address})", ended.client)
            };
            let event = crate::protocol::broker::WorkerEvent::ClientError {
                client: who,
                reason,
                suppressed,
            };
            if let Ok(line) = serde_json::to_string(&event) {
                self.events.send(line).await;
            }
        }
    }
}

/// Binds the socket of the gateway's own clients, for this user only, in place of one that an
/// earlier worker left. It is bound before the worker reports `Ready`, because the gateway may
/// connect as soon as it receives that.
///
/// # Errors
/// When the socket cannot be made there.
pub fn bind_gateway_socket(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
