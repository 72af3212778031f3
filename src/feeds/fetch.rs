//! One GET of a page of the internet, over HTTP or HTTPS.
//!
//! Invariants: everything has a bound: the name and the connection, the whole request, the bytes of
//! the answer, the redirections. Certificates are checked against the authorities of the system
//! (Debian's `ca-certificates`). The answer is never shown as a page. Deliberately absent:
//! cookies, compression, a proxy, connections that are kept.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// The authorities of the system.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one request may take, with its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Most redirections in a row.
const MOST_REDIRECTIONS: usize = 4;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address is none of the web.
    #[error("no address of the web")]
    NoAddress,
    /// The name is not known, or nobody answers there.
    #[error("nobody answers")]
    Unreachable,
    /// The certificate is not good.
    #[error("the certificate is not good")]
    Untrusted,
    /// It took too long.
    #[error("it took too long")]
    TooSlow,
    /// The answer is larger than was allowed, or breaks off.
    #[error("the answer is too large or broken")]
    TooLarge,
    /// It leads on and on.
    #[error("too many redirections")]
    Redirections,
    /// The answer has this status.
    #[error("status {0}")]
    Status(u16),
}

static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let authorities = CertificateDer::pem_file_iter(AUTHORITIES);
    roots.add_parsable_certificates(authorities.into_iter().flatten().flatten());
    let config = ClientConfig::builder().with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
});

/// The bytes of a page, at most `most` of them.
///
/// # Errors
/// [`FetchError`].
pub async fn get(url: &Url, most: usize) -> Result<Bytes, FetchError> {
    let mut url = url.clone();
    for _ in 0..=MOST_REDIRECTIONS {
        let one = tokio::time::timeout(REQUEST_TIMEOUT, get_once(&url, most));
        match one.await.map_err(|_| FetchError::TooSlow)?? {
            Answered::Body(body) => return Ok(body),
            Answered::Elsewhere(next) => url = next,
        }
    }
    Err(FetchError::Redirections)
}

enum Answered {
    Body(Bytes),
    Elsewhere(Url),
}

async fn get_once(url: &Url, most: usize) -> Result<Answered, FetchError> {
    let is_secure = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(FetchError::NoAddress),
    };
    let host = url.host_str().ok_or(FetchError::NoAddress)?.to_owned();
    let port = url.port_or_known_default().ok_or(FetchError::NoAddress)?;
    let tcp = connect(&host, port).await?;
    if !is_secure {
        return exchange(tcp, url, most).await;
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| FetchError::NoAddress)?;
    let tls = TlsConnector::from(TLS.clone()).connect(name, tcp).await;
    exchange(tls.map_err(|_| FetchError::Untrusted)?, url, most).await
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, FetchError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let connecting = async {
        let addresses = tokio::net::lookup_host((bare, port)).await;
        let addresses: Vec<SocketAddr> = addresses.map_err(|_| FetchError::Unreachable)?.collect();
        let stream = TcpStream::connect(&addresses[..]).await;
        stream.map_err(|_| FetchError::Unreachable)
    };
    tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| FetchError::Unreachable)?
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    url: &Url,
    most: usize,
) -> Result<Answered, FetchError> {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| FetchError::Unreachable)?;
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let path = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("conglang/", env!("CARGO_PKG_VERSION")))
        .header(
            ACCEPT,
            "application/rss+xml, application/atom+xml, text/xml, */*;q=0.5",
        )
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::NoAddress)?;
    let talk = async {
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|_| FetchError::Unreachable)?;
        let status = answer.status();
        if status.is_redirection() {
            let next = answer.headers().get(LOCATION).and_then(|v| v.to_str().ok());
            let next = next.and_then(|next| url.join(next).ok());
            return next
                .map(Answered::Elsewhere)
                .ok_or(FetchError::Redirections);
        }
        if status != StatusCode::OK {
            return Err(FetchError::Status(status.as_u16()));
        }
        let body = Limited::new(answer.into_body(), most).collect().await;
        let body = body.map_err(|_| FetchError::TooLarge)?;
        Ok(Answered::Body(body.to_bytes()))
    };
    // The connection works as long as somebody waits for the answer. One that its peer closed has
    // handed over all that came.
    let (mut talk, mut connection) = (pin!(talk), pin!(connection));
    tokio::select! {
        answered = &mut talk => return answered,
        _ = &mut connection => {}
    }
    talk.await
}
