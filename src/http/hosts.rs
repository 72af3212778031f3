//! Host names that a listener answers to: a page of another site whose name points at this machine
//! (DNS rebinding) must not read our pages.
//!
//! Known are every address as a number (nobody can point one at this machine, and the router in
//! front of it may have another), `localhost`, the machine's own name, the names of the
//! configuration, and those of the certificate that is installed for HTTPS. A request without a
//! host cannot come from a page.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::serve::Peer;
use crate::domain::text;
use crate::i18n::locale::Lang;
use crate::keys::x509;

/// The names of one listener; clones share them.
#[derive(Debug, Clone)]
pub struct AllowedHosts {
    names: Arc<Vec<String>>,
    certificate: Option<Arc<PathBuf>>,
}

impl AllowedHosts {
    /// The machine's own names and these; `certificate` = a PEM file whose names count as well, now
    /// or later.
    #[must_use]
    pub fn new(configured: impl IntoIterator<Item = String>, certificate: Option<PathBuf>) -> Self {
        let own = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let names = ["localhost".to_owned(), format!("{own}.local"), own]
            .into_iter()
            .chain(configured)
            .collect();
        Self {
            names: Arc::new(names),
            certificate: certificate.map(Arc::new),
        }
    }

    fn is_known(&self, host: &str) -> bool {
        let host = hostname(host);
        if host.parse::<IpAddr>().is_ok() {
            return true;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_name = |name: &str| match name.strip_prefix("*.") {
            Some(domain) => host
                .split_once('.')
                .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
            None => name.eq_ignore_ascii_case(host),
        };
        let in_certificate = || {
            self.certificate
                .as_ref()
                .and_then(|path| std::fs::read(path.as_ref()).ok())
                .is_some_and(|pem| x509::names(&pem).iter().any(|n| is_name(n)))
        };
        self.names.iter().any(|n| is_name(n)) || in_certificate()
    }
}

/// A host without its port and brackets.
#[must_use]
pub fn hostname(host: &str) -> &str {
    let host = match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit())
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    };
    host.strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host)
}

/// Answers requests to its own names only; other requests get the address of the page.
pub async fn require_known_host(
    State(hosts): State<AllowedHosts>,
    request: Request,
    next: Next,
) -> Response {
    let (here, scheme) = match request.extensions().get::<ConnectInfo<Peer>>() {
        Some(ConnectInfo(Peer::Tcp {
            local: here,
            secure,
            ..
        })) => (*here, if *secure { "https" } else { "http" }),
        _ => return next.run(request).await,
    };
    let asked = request
        .headers()
        .get_all(header::HOST)
        .iter()
        .map(|v| v.to_str().unwrap_or_default())
        .chain(
            request
                .uri()
                .authority()
                .map(axum::http::uri::Authority::as_str),
        );
    let strange = asked
        .into_iter()
        .find(|host| !hosts.is_known(host))
        .map(|host| text::line(host, 80));
    match strange {
        None => next.run(request).await,
        Some(host) => (
            StatusCode::MISDIRECTED_REQUEST,
            wrong_host_text(&host, scheme, here),
        )
            .into_response(),
    }
}

fn wrong_host_text(host: &str, scheme: &str, here: SocketAddr) -> String {
    let there = format!(
        "{scheme}://{}/",
        SocketAddr::new(here.ip().to_canonical(), here.port())
    );
    [Lang::Vi, Lang::En]
        .map(|lang| lang.f("wrong-host", &[("host", host), ("there", &there)]) + "\n")
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_answers_to_its_own_names_only() {
        let hosts = AllowedHosts::new(
            ["benthoc.example".to_owned(), "*.xa.example".to_owned()],
            None,
        );
        for good in [
            "192.168.1.5",
            "192.168.1.5:81",
            "localhost:8081",
            "LocalHost",
            "BenThoc.example:80",
            "benthoc.example.",
            "a.xa.example",
            "203.0.113.7",
            "[::1]:80",
            "[FD00:0::5]",
        ] {
            assert!(hosts.is_known(good), "{good}");
        }
        for bad in [
            "evil.example",
            "benthoc.example.evil.example",
            "evil-benthoc.example",
            "xa.example",
            "a.b.xa.example",
            "",
            "192.168.1.5.evil.example",
            "localhost.evil.example",
        ] {
            assert!(!hosts.is_known(bad), "{bad}");
        }
        let own = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        assert!(hosts.is_known(&own) && hosts.is_known(&format!("{own}.local:80")));
    }
}
