//! The one tap.
//!
//! Invariant: when the page says that the device is in, the kernel lets it through already. A phone
//! probes again as soon as it has the answer, and closes the window when the probe succeeds; what
//! stands on the page may never be read, so nothing is told here only.

use axum::extract::State;
use axum::response::Response;

use super::visit::PortalVisit;
use super::{Portal, splash};

/// Lets the device in.
pub async fn tap(State(portal): State<Portal>, visit: PortalVisit) -> Response {
    let visitor = portal.app.ports.guests.enter(visit.address).await;
    splash::show(&portal, visit, visitor, true).await
}
