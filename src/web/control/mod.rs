//! The control socket: the requests of `conglang status` and its siblings. The permissions of the
//! socket's file protect it.

pub mod broker;
pub(super) mod commands;
mod deadline;
mod devices;
mod directory;
pub(super) mod entries;
mod guests;
mod print;
mod procedures;
mod status;
mod storm;
pub(super) mod terminal_lang;
mod users;

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt as _;

use self::commands::{error_response, receipt_response, submit_external, submit_request};
use self::entries::{EntryRange, load_entries, without_hashes};
use self::status::{cameras, status};
use self::terminal_lang::TerminalLang;
use crate::domain::account::{self, Account};
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::device::{self, Availability, Device};
use crate::domain::id::{CommandId, DeviceId, NoticeId, PlaceId};
use crate::domain::{notice, text};
use crate::journal::CommandRequest;
use crate::protocol::control::{PutDevice, PutNotice, Submit};
use crate::store::attachments::FileProblem;
use crate::time::WallMs;
use crate::web::kit::app::App;
use crate::web::kit::kept_files;

/// Largest request, bytes: a notice of the longest kind, escaped.
const MAX_BODY_BYTES: usize = 128 * 1024;

/// How long to wait until the broker applies a changed account.
const ACCESS_TIMEOUT: Duration = Duration::from_secs(5);

/// All requests of the technician's commands.
pub fn router(
    app: App,
    pids: impl Fn() -> Vec<(String, u32)> + Clone + Send + Sync + 'static,
) -> Router {
    Router::new()
        .route(
            "/status",
            get(move |State(app): State<App>| std::future::ready(status(&app, pids()))),
        )
        .route(
            "/cameras",
            get(|State(app): State<App>| async move { Json(cameras(&app)) }),
        )
        .route("/entries", get(entries))
        .route(
            "/state",
            get(|State(app): State<App>| async move { state(&app) }),
        )
        .route("/history", get(entries::history))
        .route("/users", get(users::list).post(users::put_user))
        .route("/devices", post(put_device))
        .route("/devices/{id}", get(devices::device))
        .route("/lights/{id}/answer", get(devices::answer))
        .route("/notices", post(put_notice))
        .route("/notices/files", post(put_file))
        .route(
            "/commands",
            post(
                |State(app): State<App>,
                 TerminalLang(lang): TerminalLang,
                 Json(submit): Json<Submit>| async move {
                    submit_external(&app, lang, Actor::LocalAdmin, submit).await
                },
            ),
        )
        .merge(broker::router())
        .merge(guests::router())
        .merge(storm::router())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .merge(directory::router())
        .merge(print::router())
        .merge(procedures::router())
        .layer(axum::middleware::from_fn(deadline::refuse_late))
        .with_state(app)
}

/// The village as it is, without the hashes of secrets.
fn state(app: &App) -> Response {
    match serde_json::to_value(app.village().as_ref()) {
        Ok(state) => Json(without_hashes(state)).into_response(),
        Err(cause) => error_response(StatusCode::SERVICE_UNAVAILABLE, cause),
    }
}

async fn entries(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Query(span): Query<EntryRange>,
) -> Response {
    load_entries(&app, span, lang)
        .await
        .map_or_else(|refused| refused, |entries| Json(entries).into_response())
}

/// Declares a device and grants it an account, or revokes its account; the response tells whether
/// the broker applies that already.
async fn put_device(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Json(put): Json<PutDevice>,
) -> Response {
    let Ok(id) = DeviceId::new(&put.id) else {
        return error_response(
            StatusCode::BAD_REQUEST,
            lang.f("cli-no-id", &[("id", &text::line(&put.id, 64))]),
        );
    };
    let Ok(place) = put.place.map(|p| PlaceId::new(&p)).transpose() else {
        return error_response(StatusCode::BAD_REQUEST, lang.t("device-no-place"));
    };
    let known = app.journal.state().devices.get(&id).cloned();
    let mut wishes: Vec<Command> = Vec::new();
    if put.secret_sha256.is_some() && app.configured.contains(&id) {
        // At the next start the configuration's secret would be valid again, and everybody who knew
        // it would get in.
        return error_response(
            StatusCode::CONFLICT,
            lang.f("device-configured", &[("id", id.as_str())]),
        );
    }
    if let Some(secret_sha256) = put.secret_sha256 {
        let name = text::line(&put.name, usize::MAX);
        let name = if name.is_empty() {
            known
                .as_ref()
                .map_or_else(|| id.to_string(), |d| d.name.clone())
        } else {
            name
        };
        let device = known.map_or_else(
            || Device {
                id: id.clone(),
                name: name.clone(),
                place: None,
                model: String::new(),
                availability: Availability::Unknown,
            },
            |d| Device {
                name: name.clone(),
                ..(*d).clone()
            },
        );
        wishes.push(
            device::Command::Declare {
                device: Device {
                    place: place.or(device.place.clone()),
                    ..device
                },
            }
            .into(),
        );
        wishes.push(
            account::Command::Grant {
                account: Account::of_device(id, secret_sha256),
            }
            .into(),
        );
    } else {
        wishes.push(account::Command::Revoke { account: id }.into());
    }
    let mut last = 0;
    for command in wishes {
        match submit_request(&app, lang, CommandRequest::new(Actor::LocalAdmin, command)).await {
            Ok(receipt) => last = last.max(receipt.last),
            Err(refused) => return refused,
        }
    }
    let in_force = app
        .live
        .device_link
        .wait_for_access(last, ACCESS_TIMEOUT)
        .await;
    Json(serde_json::json!({ "last": last, "in_force": in_force })).into_response()
}

/// Stores a file for a notice that is to come; answers with what the notice then names. The body is
/// taken in pieces, and bounded by the file's own bound.
async fn put_file(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    request: Request,
) -> Response {
    let why = |problem: FileProblem| {
        let name = lang.t("notice-files");
        let words = lang.f(problem.key(), &[("name", &name)]);
        error_response(StatusCode::BAD_REQUEST, words)
    };
    let mut file = match app.attachments.begin() {
        Ok(file) => file,
        Err(problem) => return why(problem),
    };
    let mut body = request.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        let Ok(piece) = piece else {
            return error_response(StatusCode::BAD_REQUEST, lang.t("file-cut"));
        };
        if let Err(problem) = file.write(&piece) {
            return why(problem);
        }
    }
    match kept_files::keep(file).await {
        Ok(kept) => Json(kept).into_response(),
        Err(problem) => why(problem),
    }
}

async fn put_notice(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Json(put): Json<PutNotice>,
) -> Response {
    let (Ok(id), Ok(once)) = (
        NoticeId::new(&put.id),
        CommandId::new(&format!("notice-{}", put.id)),
    ) else {
        return error_response(
            StatusCode::BAD_REQUEST,
            lang.f("cli-no-id", &[("id", &text::line(&put.id, 64))]),
        );
    };
    let words = put.words.cleaned();
    if let Some((key, n, most)) = notice::text_problem(&words.title, &words.body) {
        return error_response(
            StatusCode::BAD_REQUEST,
            lang.f(key, &[("n", &n.to_string()), ("most", &most.to_string())]),
        );
    }
    let Ok(text) = app.keep_text(words.encode().into_bytes()).await else {
        return error_response(
            StatusCode::SERVICE_UNAVAILABLE,
            lang.t("notice-not-written"),
        );
    };
    let request = CommandRequest::new(
        Actor::LocalAdmin,
        notice::Command::Publish {
            id,
            text,
            details: put.details,
        },
    )
    .idempotent(once, WallMs::MAX);
    submit_request(&app, lang, request)
        .await
        .map_or_else(|refused| refused, receipt_response)
}
