//! A request of the technician's commands that nobody waits for any more is not carried out.
//!
//! The command names the moment when it stops waiting, in time since the machine started, which all
//! processes of the machine share. A gateway that was frozen until then reads the request only
//! afterwards, and the technician has been told that it did not answer.

use axum::extract::{FromRequestParts as _, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::commands::error_response;
use super::terminal_lang::TerminalLang;
use crate::protocol::control::DEADLINE_HEADER;
use crate::supervisor::clock;

/// Refuses a request whose deadline has passed; one without a deadline goes through.
pub(super) async fn refuse_late(request: Request, next: Next) -> Response {
    let deadline = request
        .headers()
        .get(DEADLINE_HEADER)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    if deadline.is_none_or(|at| clock::since_boot_ms() <= at) {
        return next.run(request).await;
    }
    let (mut parts, _) = request.into_parts();
    let Ok(TerminalLang(lang)) = TerminalLang::from_request_parts(&mut parts, &()).await;
    tracing::info!(path = parts.uri.path(), "late request refused");
    error_response(StatusCode::CONFLICT, lang.t("refused-expired"))
}
