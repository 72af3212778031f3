//! The way from a page of the chief to the page that people see.
//!
//! Invariants: it leads to the portal of this gateway, under the host name that the chief's own
//! browser asked for: a public name opens nothing before it is set up, nor without internet. Only
//! paths of public pages are led to.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::http::hosts::hostname;
use crate::web::kit::app::App;
use crate::web::kit::links::PublicPath;

/// Leads to a public page; not found = it is none, or there is no portal.
pub(super) async fn lead(
    State(app): State<App>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).map(hostname);
    let portal = PublicPath::parse(&path).zip(host.zip(app.portal_port));
    let Some((page, (host, port))) = portal else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let there = format!("http://{host}:{port}{}", page.as_str());
    (StatusCode::SEE_OTHER, [(header::LOCATION, there)]).into_response()
}
