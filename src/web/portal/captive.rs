//! Requests for hosts that are not ours: the probes of phones, and whatever the kernel leads here
//! because the device is not in.
//!
//! Invariants: no list of hosts or paths decides, because every maker has others. A device that is
//! not in is redirected, whatever the method; nothing is ever answered in the name of another host.
//! A device that is in comes here only over a connection that is older than its session. It is told
//! to try again over another: a redirection would look like a portal to its probe, and would keep
//! the phone waiting for a sign-in that it has done.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::visit::PortalVisit;
use super::{Portal, PortalSite, sounds};
use crate::http::assets::BOARD_STYLE;
use crate::http::hosts::hostname;
use crate::http::render::{PageContext, render_with};
use crate::http::serve::Peer;
use crate::ports::guests::GuestVisitor;

/// How long a redirection waits to learn whether the device is in: phones give a probe few seconds.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(askama::Template)]
#[template(path = "portal_again.html")]
struct TryAgain {
    f: PageContext,
    css: &'static str,
    q: String,
}

/// A redirection to one of our addresses.
pub(super) fn redirect_found(location: &str) -> Response {
    (
        StatusCode::FOUND,
        [
            (header::LOCATION, location.to_owned()),
            (header::CACHE_CONTROL, "no-store".to_owned()),
            (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        ],
        // Some phones take a redirection without a body for a dead line.
        format!("<!doctype html><title>Wifi</title><a href=\"{location}\">{location}</a>\n"),
    )
        .into_response()
}

/// Leads a request for no page of ours to the first one.
pub async fn go_home() -> Response {
    redirect_found("/")
}

/// Leads a request for another host here.
pub async fn lead_here(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let Some(url) = portal
        .site
        .url()
        .filter(|_| !is_ours(&portal.site, &request))
    else {
        return next.run(request).await;
    };
    let (parts, _) = request.into_parts();
    let visit = PortalVisit::of(&parts);
    let look = portal.app.ports.guests.look(visit.address);
    match tokio::time::timeout(LOOK_TIMEOUT, look).await {
        Ok(GuestVisitor::In { .. }) => try_again(&portal, visit),
        _ => redirect_found(&url),
    }
}

/// Another connection leads the device to where it wanted to go. The status is neither a success
/// nor a redirection, so a probe repeats itself soon instead of calling for a sign-in.
fn try_again(portal: &Portal, visit: PortalVisit) -> Response {
    let page = TryAgain {
        f: visit.context(portal),
        css: &BOARD_STYLE,
        q: visit.query(),
    };
    let mut response = render_with(StatusCode::SERVICE_UNAVAILABLE, &page);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Whether a request is for us. Speakers fetch sounds by any address under which they know the box.
fn is_ours(site: &PortalSite, request: &Request) -> bool {
    let host = request.uri().authority().map_or_else(
        || {
            let host = request.headers().get(header::HOST);
            host.map_or("", |v| v.to_str().unwrap_or("?"))
        },
        |authority| authority.as_str(),
    );
    let local = match request.extensions().get::<ConnectInfo<Peer>>() {
        Some(ConnectInfo(Peer::Tcp { local, .. })) => Some(local.ip()),
        _ => None,
    };
    request.uri().path().starts_with(sounds::PATH) || site.is_called(host, local)
}

impl PortalSite {
    /// Whether this is how a request that came in at `local` calls us.
    fn is_called(&self, host: &str, local: Option<IpAddr>) -> bool {
        let name = hostname(host);
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() {
            return true;
        }
        match name.parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                self.addresses.is_empty()
                    || self.addresses.contains(&address)
                    || local.map(|l| l.to_canonical()) == Some(address)
            }
            Err(_) => {
                self.names.is_empty() || self.names.iter().any(|n| n.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// Ends the connection behind the answer. A sound is no page.
pub async fn close_connection(request: Request, next: Next) -> Response {
    let is_sound = request.uri().path().starts_with(sounds::PATH);
    let mut response = next.run(request).await;
    if !is_sound {
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_that_is_not_ours_is_led_here() {
        let site = PortalSite {
            names: vec!["benthoc.example".to_owned(), "nhavanhoa.lan".to_owned()],
            addresses: vec![
                IpAddr::from([10, 77, 0, 1]),
                "fd77::1".parse().expect("address"),
            ],
            ..PortalSite::default()
        };
        let local = Some(IpAddr::from([10, 77, 0, 1]));
        for host in [
            "",
            "benthoc.example",
            "BenThoc.example.:80",
            "nhavanhoa.lan",
            "10.77.0.1",
            "10.77.0.1:8080",
            "[fd77::1]",
            "[::ffff:10.77.0.1]:80",
        ] {
            assert!(site.is_called(host, local), "{host}");
        }
        for host in [
            "captive.apple.com",
            "benthoc.example.evil.example",
            "1.1.1.1",
            "[2001:db8::1]:80",
            "10.77.0.10",
            "?",
        ] {
            assert!(!site.is_called(host, local), "{host}");
        }
        assert!(
            site.is_called("192.168.7.2", Some(IpAddr::from([192, 168, 7, 2]))),
            "the address at which it came in"
        );
        let alone = PortalSite::default();
        assert!(
            alone.is_called("1.1.1.1", None) && alone.is_called("any.example", None),
            "without a network of its own"
        );
    }
}
