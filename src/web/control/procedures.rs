//! The list of procedures, given by the technician.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};

use super::commands::{error_response, submit_request};
use super::terminal_lang::TerminalLang;
use crate::domain::actor::Actor;
use crate::domain::procedure::MAX_LIST_BYTES;
use crate::i18n::procedure_file_text::mistake_text;
use crate::journal::CommandRequest;
use crate::protocol::control::{PutProcedures, PutProceduresAnswer};
use crate::web::kit::app::App;
use crate::web::kit::procedures::{self, NotTaken};

/// Largest request, bytes: a list as JSON, in which each byte may be escaped.
const MAX_REQUEST_BYTES: usize = 2 * MAX_LIST_BYTES;

/// The requests.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/procedures", post(put))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
}

async fn put(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Json(PutProcedures { list }): Json<PutProcedures>,
) -> Response {
    let list = match procedures::prepare_list(&app, list.into_bytes()).await {
        Ok(list) => list,
        Err(NotTaken::Mistakes(mistakes)) => {
            return error_response(
                StatusCode::BAD_REQUEST,
                mistakes
                    .iter()
                    .map(|at| mistake_text(lang, at))
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
        Err(NotTaken::NotStored) => {
            let why = lang.t("procedures-not-written");
            return error_response(StatusCode::SERVICE_UNAVAILABLE, why);
        }
    };
    let request = CommandRequest::new(Actor::LocalAdmin, list.command);
    match submit_request(&app, lang, request).await {
        Ok(receipt) => Json(PutProceduresAnswer {
            count: list.count,
            changed: receipt.last != 0,
        })
        .into_response(),
        Err(refused) => refused,
    }
}
