//! The answer to phones that ask how their session stands (RFC 8908): captive or not, how long and
//! how much is left, where the village's notices are.
//!
//! Invariants: the answer is about the device that asks, and no cache keeps it; it names addresses
//! under HTTPS only. Without a certificate that phones accept, or while the date is not known,
//! nothing is answered: the phone goes on with its probes.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Serialize;

use super::visit::PortalVisit;
use crate::http::headers::security_headers;
use crate::ports::guests::GuestVisitor;
use crate::web::kit::app::App;

/// Where phones ask.
pub const API_PATH: &str = "/captive-portal/api";

/// The address that phones are told when they join, for the name of this machine over HTTPS.
#[must_use]
pub fn api_url(name: &str) -> String {
    format!("https://{name}{API_PATH}")
}

/// The name under which phones reach this machine over HTTPS now; none = they cannot.
pub type SecureName = Arc<dyn Fn() -> Option<String> + Send + Sync>;

#[derive(Clone)]
struct SessionApi {
    app: App,
    name: SecureName,
}

/// The body of the answer; its names are the standard's.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct CaptiveStatus {
    captive: bool,
    user_portal_url: String,
    venue_info_url: String,
    can_extend_session: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_remaining: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_remaining: Option<u64>,
}

impl CaptiveStatus {
    fn new(name: &str, visitor: GuestVisitor) -> Self {
        let (captive, seconds_remaining, bytes_remaining) = match visitor {
            GuestVisitor::In {
                seconds_left,
                bytes_left,
            } => (false, Some(seconds_left), bytes_left),
            // A device of the house goes its own way.
            GuestVisitor::NotAGuest => (false, None, None),
            GuestVisitor::Captive
            | GuestVisitor::NotNow(_)
            | GuestVisitor::NotServed
            | GuestVisitor::OutOfOrder => (true, None, None),
        };
        Self {
            captive,
            user_portal_url: format!("https://{name}/"),
            venue_info_url: format!("https://{name}/t"),
            can_extend_session: false,
            seconds_remaining,
            bytes_remaining,
        }
    }
}

/// The route, for the portal's listener over HTTPS alone.
pub fn router(app: App, name: SecureName) -> Router {
    Router::new()
        .route(API_PATH, get(answer))
        .layer(from_fn(security_headers))
        .with_state(SessionApi { app, name })
}

async fn answer(State(api): State<SessionApi>, visit: PortalVisit) -> Response {
    match (api.name)() {
        Some(name) => about(&api.app, &name, visit.address).await,
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CACHE_CONTROL, "private, no-store")],
        )
            .into_response(),
    }
}

async fn about(app: &App, name: &str, address: IpAddr) -> Response {
    let status = CaptiveStatus::new(name, app.ports.guests.look(address).await);
    match serde_json::to_string(&status) {
        Ok(body) => (
            [
                (header::CONTENT_TYPE, "application/captive+json"),
                (header::CACHE_CONTROL, "private, no-store"),
            ],
            body,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "session of a guest failed to render");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::guest::admission::NotNow;

    #[test]
    fn the_names_are_those_of_the_standard() {
        let visitor = GuestVisitor::In {
            seconds_left: 3_600,
            bytes_left: Some(5_000_000),
        };
        let json = |visitor| {
            serde_json::to_value(CaptiveStatus::new("h1.example", visitor)).expect("json")
        };
        assert_eq!(
            json(visitor),
            serde_json::json!({
                "captive": false,
                "user-portal-url": "https://h1.example/",
                "venue-info-url": "https://h1.example/t",
                "can-extend-session": false,
                "seconds-remaining": 3_600,
                "bytes-remaining": 5_000_000,
            })
        );
        for visitor in [
            GuestVisitor::Captive,
            GuestVisitor::NotNow(NotNow::UplinkDown),
            GuestVisitor::NotServed,
            GuestVisitor::OutOfOrder,
        ] {
            let told = json(visitor);
            assert!(
                told["captive"] == true && told.get("seconds-remaining").is_none(),
                "{told}"
            );
        }
    }
}
