//! The storm plan, given by the technician.
//!
//! Invariant: the request is the whole plan, within the bounds of the form and written as the form
//! writes it; the same plan given again changes nothing.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};

use super::commands::{error_response, receipt_response, submit_request};
use super::terminal_lang::TerminalLang;
use crate::domain::actor::Actor;
use crate::domain::storm::{MAX_PLAN_ROW_CHARS, MAX_PLAN_ROWS, StormPlanRows};
use crate::journal::CommandRequest;
use crate::web::kit::app::App;
use crate::web::kit::storm::PlanRefusal;

/// The request.
pub(super) fn router() -> Router<App> {
    Router::new().route("/storm", post(put_plan))
}

async fn put_plan(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Json(given): Json<StormPlanRows>,
) -> Response {
    let Ok(rows) = given.tidied() else {
        let told = [("rows", MAX_PLAN_ROWS), ("chars", MAX_PLAN_ROW_CHARS)];
        return error_response(StatusCode::BAD_REQUEST, lang.f("storm-plan-long", &told));
    };
    let plan = match app.prepare_storm_plan(&rows, None).await {
        Ok(plan) => plan,
        Err(PlanRefusal::Changed(_)) => return StatusCode::CONFLICT.into_response(),
        Err(PlanRefusal::NotWritten(why)) => {
            return error_response(why.status(), lang.t(why.order_key()));
        }
    };
    let request = CommandRequest::new(Actor::LocalAdmin, plan.command.clone());
    match submit_request(&app, lang, request).await {
        Ok(receipt) => receipt_response(receipt),
        Err(refused) => refused,
    }
}
