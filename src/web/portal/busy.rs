//! The answer to a search while more people search than can be answered: a sentence, and the same
//! question again by one tap.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::Portal;
use super::notices::size_key;
use super::visit::PortalVisit;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, render_with};

/// How soon to ask again, seconds.
const AGAIN_SECONDS: &str = "5";

#[derive(askama::Template)]
#[template(path = "portal_busy.html")]
struct BusyPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    /// The page that was asked.
    action: &'static str,
    query: String,
    /// The kind that was asked for; empty = all.
    kind: String,
}

/// The page of a question that found no turn.
pub(super) fn page(
    portal: &Portal,
    visit: PortalVisit,
    action: &'static str,
    kind: &str,
    query: String,
) -> Response {
    let f = visit.context(portal);
    let page = BusyPage {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        action,
        query,
        kind: kind.to_owned(),
        f,
    };
    let mut response = render_with(StatusCode::SERVICE_UNAVAILABLE, &page);
    let again = HeaderValue::from_static(AGAIN_SECONDS);
    response.headers_mut().insert(header::RETRY_AFTER, again);
    response
}
