//! The village's map, as the technician gives it.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};

use super::commands::{error_response, submit_request};
use super::terminal_lang::TerminalLang;
use crate::domain::actor::Actor;
use crate::domain::directory::MAX_MAP_BYTES;
use crate::journal::CommandRequest;
use crate::protocol::control::{PutMap, PutMapAnswer};
use crate::web::kit::app::App;
use crate::web::kit::directory::{MapRefusal, prepare_map};

/// The requests. A file as a text of JSON may be twice as long as the file.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/directory", post(put_map))
        .layer(DefaultBodyLimit::max(2 * MAX_MAP_BYTES + 64 * 1024))
}

async fn put_map(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Json(PutMap {
        file,
        withdraw_labels,
    }): Json<PutMap>,
) -> Response {
    let map = match prepare_map(&app, file.into_bytes()).await {
        Ok(map) => map,
        Err(MapRefusal::Mistakes(problems)) => {
            return Json(PutMapAnswer {
                problems,
                ..PutMapAnswer::default()
            })
            .into_response();
        }
        Err(MapRefusal::NotWritten) => {
            return error_response(StatusCode::SERVICE_UNAVAILABLE, lang.t("map-not-written"));
        }
    };
    let labels = map.houses_in_doubt(&app, lang);
    if !labels.is_empty() && !withdraw_labels {
        return Json(PutMapAnswer {
            labels,
            ..PutMapAnswer::default()
        })
        .into_response();
    }
    let command = map.command(withdraw_labels);
    let request = CommandRequest::new(Actor::LocalAdmin, command);
    match submit_request(&app, lang, request).await {
        Ok(_) => Json(PutMapAnswer {
            roads: map.roads,
            houses: map.houses,
            problems: Vec::new(),
            lost_links: map.lost_links,
            labels,
        })
        .into_response(),
        Err(refused) => refused,
    }
}
