//! Dear pages in turn; and the answer while more people ask than can be answered: a sentence, and
//! the same question or page again by one tap.
//!
//! Invariants: a page that is dear to make (a way, a drawing of the map, a long paper) is made off
//! the async threads, [`AT_ONCE`] at a time, of one address one; others wait for their turn without
//! a thread, in rounds with the other addresses (`FairTurns`).

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use super::Portal;
use super::notices::size_key;
use super::visit::PortalVisit;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, render_with};
use crate::supervisor::fair_turns::FairTurns;

/// Dear pages that are made at once.
const AT_ONCE: usize = 2;
/// How long a page waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
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

#[derive(askama::Template)]
#[template(path = "portal_page_busy.html")]
struct PageLater {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    /// The address of the page.
    again: String,
}

fn later(template: &impl askama::Template) -> Response {
    let mut response = render_with(StatusCode::SERVICE_UNAVAILABLE, template);
    let again = HeaderValue::from_static(AGAIN_SECONDS);
    response.headers_mut().insert(header::RETRY_AFTER, again);
    response
}

/// The page of a question that found no turn.
pub(super) fn search(
    portal: &Portal,
    visit: PortalVisit,
    action: &'static str,
    kind: &str,
    query: String,
) -> Response {
    let f = visit.context(portal);
    later(&BusyPage {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        action,
        query,
        kind: kind.to_owned(),
        f,
    })
}

/// The turns of dear pages.
pub(super) fn page_turns() -> FairTurns {
    FairTurns::new(AT_ONCE)
}

impl Portal {
    /// A page that is dear to make, in turn. Its making may block.
    pub(super) async fn in_turn(
        &self,
        visit: PortalVisit,
        asked: &Uri,
        make: impl FnOnce(&Self) -> Response + Send + 'static,
    ) -> Response {
        let portal = self.clone();
        let make = move || make(&portal);
        let made = self.page_turns.run(visit.counted(), PATIENCE, make).await;
        made.unwrap_or_else(|| {
            let f = visit.context(self);
            let again = asked.path_and_query().map_or("/", |asked| asked.as_str());
            later(&PageLater {
                css: &BOARD_STYLE,
                q: visit.query(),
                size: size_key(&f),
                again: again.to_owned(),
                f,
            })
        })
    }
}
