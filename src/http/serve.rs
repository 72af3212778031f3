//! Serving HTTP/1.1 on TCP, TLS and Unix sockets, with deadlines and a graceful end.
//!
//! Invariant: a client that holds connections open, with half requests or with responses that it
//! does not read, keeps no other client out ([`AdmissionControl`]).

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use super::write_timeout::WriteTimeout;
use crate::supervisor::admission::{AdmissionControl, AdmissionPermit, source_network};
use crate::supervisor::clock;
use crate::supervisor::meter::{Meter, Metered};
use crate::supervisor::{Stop, Supervisor};

/// Connections of one listener at once.
const MAX_CONNECTIONS: usize = 1_000;

/// Connections of one address at once; programs on this machine have more.
const MAX_PER_ADDRESS: usize = 32;
const MAX_PER_LOOPBACK: usize = 400;
/// Connections that are taken in one go before those that are there are served on. Without it one
/// go takes whatever the kernel has, and a visitor who came just behind it waits for all of them:
/// with 300 connections at once the slowest hundredth waited 2.8 times the mean, with it 1.4 times.
const ACCEPTED_IN_ONE_GO: u32 = 16;
/// How long a request may take to come in and be answered; streams that follow are not bounded by
/// this.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The same of a form with files: a phone sends its pictures by 3G. The reader of such a form
/// bounds how long a stranger may take.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP; `secure` = over TLS.
    Tcp {
        /// Address.
        address: SocketAddr,
        /// Our own address, as the client called it.
        local: SocketAddr,
        /// Over TLS.
        secure: bool,
    },
    /// On the control socket.
    ControlSocket,
}

/// Body of the response while the machine's clock shows no date that HTTP can write: hyper writes a
/// date into every response, and panics where it cannot.
const CLOCK_OUT_OF_RANGE_BODY: &str = "Đồng hồ của máy đang sai (trước năm 1970 hoặc sau năm 9998) \
    nên trang chưa mở được. Kỹ thuật chỉnh lại giờ của máy là được.\n\n\
    The clock of this machine is wrong (before 1970 or after 9998), so no page can be opened. Set \
    the machine's time.\n";

/// The key under which the connections of a peer, and its turns, are counted: its network, for an
/// IPv6 network has one owner. The unique local network of a wifi has as many owners as phones.
#[must_use]
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if v6.is_unique_local() => v6.into(),
        other => source_network(other),
    }
}

async fn serve_connection<I, K>(
    mut io: I,
    peer: Peer,
    app: Router,
    stop: Stop,
    permit: &Arc<AdmissionPermit<K>>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    K: Ord + Send + 'static,
{
    if !clock::has_http_date() {
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
             cache-control: no-store\r\nconnection: close\r\ncontent-length: {}\r\n\
             \r\n{CLOCK_OUT_OF_RANGE_BODY}",
            CLOCK_OUT_OF_RANGE_BODY.len()
        );
        // The request is read first: closing the socket before that would discard the response.
        let exchange = async {
            let mut request = [0; 4096];
            let _ = io.read(&mut request).await;
            let _ = io.write_all(answer.as_bytes()).await;
            let _ = io.shutdown().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), exchange).await;
        return;
    }
    let permit = permit.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        permit.mark_identified();
        request.extensions_mut().insert(ConnectInfo(peer));
        let kind = request.headers().get(axum::http::header::CONTENT_TYPE);
        let is_upload = kind.is_some_and(|k| k.as_bytes().starts_with(b"multipart/form-data"));
        let patience = if is_upload {
            UPLOAD_TIMEOUT
        } else {
            REQUEST_TIMEOUT
        };
        let answer = app.clone().call(request);
        // A request whose body trickles in is not waited for.
        async move {
            Ok::<_, Infallible>(
                tokio::time::timeout(patience, answer)
                    .await
                    .unwrap_or_else(|_| Ok(StatusCode::REQUEST_TIMEOUT.into_response()))
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(15))
        .max_buf_size(64 * 1024)
        .max_headers(64);
    let mut connection = std::pin::pin!(
        builder
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.soft.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(Duration::from_secs(3), connection.as_mut()).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

/// Serves `app` on a TCP listener, over TLS when `tls` is given, until `stop`.
///
/// # Errors
/// When the listener cannot be used at all.
pub async fn serve_tcp(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    supervisor: Supervisor,
    stop: Stop,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let admission = AdmissionControl::new(MAX_CONNECTIONS);
    let mut taken = 0_u32;
    loop {
        taken = taken.wrapping_add(1);
        if taken.is_multiple_of(ACCEPTED_IN_ONE_GO) {
            tokio::task::yield_now().await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.soft.cancelled() => return Ok(()),
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(cause) => {
                tracing::warn!(%cause, "accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // One phone cannot take all connections, and a full listener still has room for one more
        // phone.
        let share = if address.ip().is_loopback() {
            MAX_PER_LOOPBACK
        } else {
            MAX_PER_ADDRESS
        };
        let meter = Meter::start();
        let Some(permit) = admission.acquire_as(
            counted_as(address.ip()),
            address.ip().to_canonical(),
            share,
            &meter,
        ) else {
            continue;
        };
        let (tls, app, stop, permit) = (tls.clone(), app.clone(), stop.clone(), Arc::new(permit));
        supervisor.spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(here) = stream.local_addr() else {
                return;
            };
            // The meter and the time-out are below TLS: bytes that only the buffers of TLS took
            // have not been read by the client.
            let stream = WriteTimeout::new(Metered::new(stream, meter));
            let served = async {
                match tls {
                    None => {
                        serve_connection(
                            stream,
                            Peer::Tcp {
                                address,
                                local: here,
                                secure: false,
                            },
                            app,
                            stop,
                            &permit,
                        )
                        .await;
                    }
                    Some(acceptor) => {
                        match tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream))
                            .await
                        {
                            Ok(Ok(stream)) => {
                                serve_connection(
                                    stream,
                                    Peer::Tcp {
                                        address,
                                        local: here,
                                        secure: true,
                                    },
                                    app,
                                    stop,
                                    &permit,
                                )
                                .await;
                            }
                            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                            Err(_) => tracing::debug!("TLS handshake timed out"),
                        }
                    }
                }
            };
            tokio::select! {
                () = permit.evicted() => tracing::debug!(%address, "HTTP connection evicted"),
                () = served => {}
            }
        });
    }
}

/// Serves `app` on the control socket until `stop`.
///
/// # Errors
/// When the listener cannot be used at all.
pub async fn serve_unix(
    listener: std::os::unix::net::UnixListener,
    app: Router,
    supervisor: Supervisor,
    stop: Stop,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let admission = AdmissionControl::new(MAX_PER_LOOPBACK);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.soft.cancelled() => return Ok(()),
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(cause) => {
                tracing::warn!(%cause, "accepting control socket connection failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let meter = Meter::start();
        // All clients of this socket are one: the technician.
        let Some(permit) = admission.acquire((), MAX_PER_LOOPBACK, &meter) else {
            continue;
        };
        let (app, stop, permit) = (app.clone(), stop.clone(), Arc::new(permit));
        supervisor.spawn(async move {
            let stream = WriteTimeout::new(Metered::new(stream, meter));
            tokio::select! {
                () = permit.evicted() => {}
                () = serve_connection(stream, Peer::ControlSocket, app, stop, &permit) => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_of_one_wifi_are_counted_each_and_a_network_of_one_owner_as_one() {
        let key = |text: &str| counted_as(text.parse().expect("address"));
        assert_ne!(key("fd77::a"), key("fd77::b"));
        assert_ne!(key("fe80::a"), key("fe80::b"));
        assert_eq!(key("2001:db8::a"), key("2001:db8::b"));
        assert_eq!(key("::ffff:10.77.0.5"), key("10.77.0.5"));
    }
}
