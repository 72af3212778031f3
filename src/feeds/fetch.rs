//! One request for a page of the internet, over HTTP or HTTPS.
//!
//! Invariants: everything has a bound: the name and the connection, the whole request, the head and
//! the bytes of the answer, the redirections. A connection is made to addresses of the internet
//! alone (`protocol::netd::no_hosts`), judged after the name was looked up and again at every
//! redirection, and never to this machine itself: nobody leads the gateway into the village's
//! networks. The one exception is a host that the configuration names. Certificates are checked
//! against the authorities of the system (Debian's `ca-certificates`). The answer is never shown as
//! a page. Deliberately absent: cookies, compression, a proxy, connections that are kept.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ETAG, HOST, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    LOCATION, USER_AGENT,
};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::protocol::netd::no_hosts::is_no_host;

/// The authorities of the system.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one request may take, with its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Most redirections in a row.
const MOST_REDIRECTIONS: usize = 4;
/// Largest head of an answer, bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Longest mark of a version that is remembered, bytes.
const MAX_MARK_BYTES: usize = 256;
/// Bytes of a page after which it counts as opened.
const ENOUGH_BYTES: usize = 4 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address is none of the web.
    #[error("no address of the web")]
    NoAddress,
    /// The address lies within this machine or a network of the house.
    #[error("an address that is not of the internet")]
    Inside,
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

/// The marks by which a server knows which version of a page somebody has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionMarks {
    etag: Option<String>,
    last_modified: Option<String>,
}

impl VersionMarks {
    fn of(headers: &HeaderMap) -> Self {
        let mark = |name: HeaderName| {
            let value = headers.get(name)?.to_str().ok()?;
            (!value.is_empty() && value.len() <= MAX_MARK_BYTES).then(|| value.to_owned())
        };
        Self {
            etag: mark(ETAG),
            last_modified: mark(LAST_MODIFIED),
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The page, and the marks of its version.
    Page(Bytes, VersionMarks),
    /// It is as it was.
    Same,
}

static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| trusting(Path::new(AUTHORITIES)));

fn trusting(authorities: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authorities = CertificateDer::pem_file_iter(authorities);
    roots.add_parsable_certificates(authorities.into_iter().flatten().flatten());
    let config = ClientConfig::builder().with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

/// Fetches pages; clones do the same.
#[derive(Clone)]
pub struct Fetcher {
    tls: Arc<ClientConfig>,
    /// Hosts with their ports that may lie within the house's networks.
    inside: Vec<(String, u16)>,
    /// How long one request may take, with its answer.
    patience: Duration,
}

/// A part of a request that stays the same at every redirection.
struct Wanted<'a> {
    method: Method,
    most: usize,
    known: &'a VersionMarks,
}

enum Answered {
    Done(Fetched),
    Elsewhere(Url),
}

impl Fetcher {
    /// Fetches from the internet alone.
    #[must_use]
    pub fn internet() -> Self {
        Self {
            tls: TLS.clone(),
            inside: Vec::new(),
            patience: REQUEST_TIMEOUT,
        }
    }

    /// The same, and from the host of this address, wherever that lies.
    #[must_use]
    pub fn and_from(mut self, url: &Url) -> Self {
        self.inside.extend(host_and_port(url));
        self
    }

    /// The same, with other authorities than those of the system.
    #[must_use]
    pub fn trusting(self, authorities: &Path) -> Self {
        Self {
            tls: trusting(authorities),
            ..self
        }
    }

    /// A page of at most `most` bytes, unless it is the version that is known.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn get(
        &self,
        url: &Url,
        most: usize,
        known: &VersionMarks,
    ) -> Result<Fetched, FetchError> {
        let method = Method::GET;
        let wanted = Wanted {
            method,
            most,
            known,
        };
        self.follow(url, &wanted).await
    }

    /// Whether a page opens: its head, and where that is refused the beginning of the page itself.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn look(&self, url: &Url) -> Result<(), FetchError> {
        let known = &VersionMarks::default();
        let mut wanted = Wanted {
            method: Method::HEAD,
            most: 0,
            known,
        };
        match self.follow(url, &wanted).await {
            Ok(_) => Ok(()),
            Err(cause @ (FetchError::Inside | FetchError::NoAddress)) => Err(cause),
            Err(_) => {
                (wanted.method, wanted.most) = (Method::GET, ENOUGH_BYTES);
                self.follow(url, &wanted).await.map(drop)
            }
        }
    }

    async fn follow(&self, url: &Url, wanted: &Wanted<'_>) -> Result<Fetched, FetchError> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTIONS {
            let one = tokio::time::timeout(self.patience, self.once(&url, wanted));
            match one.await.map_err(|_| FetchError::TooSlow)?? {
                Answered::Done(fetched) => return Ok(fetched),
                Answered::Elsewhere(next) => url = next,
            }
        }
        Err(FetchError::Redirections)
    }

    async fn once(&self, url: &Url, wanted: &Wanted<'_>) -> Result<Answered, FetchError> {
        let is_secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(FetchError::NoAddress),
        };
        let (host, port) = host_and_port(url).ok_or(FetchError::NoAddress)?;
        let is_named = self.inside.contains(&(host.clone(), port));
        let tcp = connect(&host, port, is_named).await?;
        if !is_secure {
            return exchange(tcp, url, wanted).await;
        }
        let name = ServerName::try_from(host).map_err(|_| FetchError::NoAddress)?;
        let tls = TlsConnector::from(self.tls.clone()).connect(name, tcp);
        exchange(tls.await.map_err(|_| FetchError::Untrusted)?, url, wanted).await
    }
}

/// The host without the brackets of IPv6, and the port.
fn host_and_port(url: &Url) -> Option<(String, u16)> {
    let host = url.host_str()?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Some((bare.to_owned(), url.port_or_known_default()?))
}

/// Connects to a host of the internet; to one of the house only if it `is_named`.
async fn connect(host: &str, port: u16, is_named: bool) -> Result<TcpStream, FetchError> {
    let connecting = async {
        let addresses = tokio::net::lookup_host((host, port)).await;
        let mut addresses: Vec<SocketAddr> =
            addresses.map_err(|_| FetchError::Unreachable)?.collect();
        let is_known = !addresses.is_empty();
        addresses.retain(|at| is_named || !is_no_host(at.ip()));
        if is_known && addresses.is_empty() {
            return Err(FetchError::Inside);
        }
        let stream = TcpStream::connect(&addresses[..]).await;
        let stream = stream.map_err(|_| FetchError::Unreachable)?;
        // An address of the internet may be this machine's own.
        let ends = (stream.local_addr(), stream.peer_addr());
        let is_self = matches!(ends, (Ok(own), Ok(peer)) if own.ip() == peer.ip());
        if is_self && !is_named {
            return Err(FetchError::Inside);
        }
        Ok(stream)
    };
    tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| FetchError::Unreachable)?
}

fn request_of(url: &Url, wanted: &Wanted<'_>) -> Result<Request<Empty<Bytes>>, FetchError> {
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let path = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let mut request = Request::builder()
        .method(wanted.method.clone())
        .uri(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("conglang/", env!("CARGO_PKG_VERSION")))
        .header(
            ACCEPT,
            "application/rss+xml, application/atom+xml, text/xml, */*;q=0.5",
        );
    if let Some(etag) = &wanted.known.etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    if let Some(moment) = &wanted.known.last_modified {
        request = request.header(IF_MODIFIED_SINCE, moment);
    }
    request
        .body(Empty::new())
        .map_err(|_| FetchError::NoAddress)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    url: &Url,
    wanted: &Wanted<'_>,
) -> Result<Answered, FetchError> {
    let handshake = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| FetchError::Unreachable)?;
    let request = request_of(url, wanted)?;
    let talk = async {
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|_| FetchError::Unreachable)?;
        let status = answer.status();
        if status == StatusCode::NOT_MODIFIED && *wanted.known != VersionMarks::default() {
            return Ok(Answered::Done(Fetched::Same));
        }
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
        let marks = VersionMarks::of(answer.headers());
        let body = Limited::new(answer.into_body(), wanted.most)
            .collect()
            .await;
        let body = body.map_err(|_| FetchError::TooLarge)?;
        Ok(Answered::Done(Fetched::Page(body.to_bytes(), marks)))
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

#[cfg(test)]
mod tests;
