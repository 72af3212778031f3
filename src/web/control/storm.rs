//! The storm plan, given by the technician.
//!
//! Invariant: the request is the whole plan, within the bounds of the form; the same plan given
//! again changes nothing.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};

use super::commands::{error_response, receipt_response, submit_request};
use super::terminal_lang::TerminalLang;
use crate::domain::actor::Actor;
use crate::domain::storm::{Command, MAX_PLAN_ROW_CHARS, MAX_PLAN_ROWS, StormPlanRows};
use crate::journal::CommandRequest;
use crate::web::kit::app::App;

/// The request.
pub(super) fn router() -> Router<App> {
    Router::new().route("/storm", post(put_plan))
}

async fn put_plan(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Json(given): Json<StormPlanRows>,
) -> Response {
    let parts = [given.shelters, given.boats, given.phones].map(|rows| rows.join("\n"));
    let [shelters, boats, phones] = &parts;
    let Ok(rows) = StormPlanRows::typed([shelters, boats, phones]) else {
        let told = [("rows", MAX_PLAN_ROWS), ("chars", MAX_PLAN_ROW_CHARS)];
        return error_response(StatusCode::BAD_REQUEST, lang.f("storm-plan-long", &told));
    };
    let stored = match serde_json::to_vec(&rows) {
        Ok(text) => app.files.put(text).await.map_err(|cause| cause.to_string()),
        Err(cause) => Err(cause.to_string()),
    };
    let text = match stored {
        Ok(text) => text,
        Err(cause) => return error_response(StatusCode::SERVICE_UNAVAILABLE, cause),
    };
    let request = CommandRequest::new(Actor::LocalAdmin, Command::SetPlan { text });
    match submit_request(&app, lang, request).await {
        Ok(receipt) => receipt_response(receipt),
        Err(refused) => refused,
    }
}
