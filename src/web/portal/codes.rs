//! `/qr/…`: the code of each public page, as a drawing.
//!
//! Invariant: a code is made only for a path that the portal has, so that nobody lets this box draw
//! codes that lead elsewhere.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::Portal;
use crate::domain::guest::wifi_name;
use crate::web::kit::links::{PublicPage, PublicPath};
use crate::web::kit::qr::{CodeMatrix, CodeUse, wifi_text};

/// The code of a page, `/qr/t/tb-01.svg`, of the first page, `/qr/home.svg`, or of the wifi,
/// `/qr/wifi.svg`.
pub async fn code(State(portal): State<Portal>, Path(asked): Path<String>) -> Response {
    let text = asked
        .strip_suffix(".svg")
        .and_then(|asked| text_of(&portal, asked));
    let code = text.and_then(|text| {
        let code = CodeMatrix::new(&text, CodeUse::Paper)?;
        Some(code.svg(&text))
    });
    match code {
        Some(svg) => (
            [
                (CONTENT_TYPE, "image/svg+xml"),
                (CACHE_CONTROL, "public, max-age=3600"),
            ],
            svg,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn text_of(portal: &Portal, asked: &str) -> Option<String> {
    match asked {
        "home" => Some(portal.app.links.at("/")),
        "wifi" => {
            let state = portal.app.journal.state();
            let village = state.village.as_ref()?;
            Some(wifi_text(&wifi_name(&village.name)))
        }
        asked => {
            let path = PublicPath::parse(asked)?;
            let links = &portal.app.links;
            let state = portal.app.journal.state();
            let name = asked.strip_prefix("t/");
            // A code is the less dense the shorter its text is.
            let notice = name.and_then(|name| state.notice_linked(name));
            Some(notice.map_or_else(
                || links.at(path.as_str()),
                |notice| links.to(PublicPage::Notice(notice)),
            ))
        }
    }
}
