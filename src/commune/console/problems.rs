//! A page in words for every answer that would be blank or bare: unknown addresses, wrong methods,
//! forms that come from elsewhere, failures. A [`PageError`] of a handler has its page already
//! (`forms`).
//!
//! It stands around all routes, so that no route can forget it. Addresses that programs and scripts
//! ask for (`/villages.json`, `/live/`, `/a/`) are answered as before.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::context::{Console, Visit};

/// The title and the advice of a status; `is_form` = something was sent.
const fn words(status: StatusCode, is_form: bool) -> (&'static str, &'static str) {
    match status.as_u16() {
        404 | 405 => ("not-found", "not-found-do"),
        400..=499 if is_form => ("form-old", "form-old-do"),
        400..=499 => ("not-found", "not-found-do"),
        _ => ("commune-broken", "cannot-now"),
    }
}

/// Gives an answer without a page its page.
pub(super) async fn explain(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_for_program =
        path == "/villages.json" || path.starts_with("/live/") || path.starts_with("/a/");
    let is_form = request.method() == Method::POST;
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let answer = next.run(Request::from_parts(parts, body)).await;
    let status = answer.status();
    let is_page = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_for_program || is_page || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let (title, detail) = words(status, is_form);
    let Ok(visit) = Visit::from_request_parts(&mut asked, &console).await;
    let mut page = console.problem(&visit, status, title, detail);
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = answer.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}
