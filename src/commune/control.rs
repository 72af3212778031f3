//! The commune's control socket: the requests of `conglang commune officer`. The permissions of the
//! socket's file protect it.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::officers::{MAX_OFFICERS, Officer, OfficerError, Officers};
use crate::domain::id::UserId;
use crate::domain::text;
use crate::i18n::io_text::io_text;
use crate::i18n::locale::{Arg, Lang};
use crate::keys::pins::PinHasher;
use crate::keys::secret;
use crate::protocol::control::{OfficerChange, OfficerRow, OfficerUpdate};

/// Largest request, bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// What the requests work on.
#[derive(Clone)]
pub struct OfficerControl {
    /// The officers.
    pub officers: Officers,
    /// Hashes PINs.
    pub pins: PinHasher,
}

/// All requests of the technician's commands.
pub fn router(control: OfficerControl) -> Router {
    Router::new()
        .route("/officers", get(list).post(change))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(control)
}

/// The requests while a key is lost without which no PIN can be hashed.
pub fn locked_router() -> Router {
    Router::new().fallback(|headers: HeaderMap| async move {
        let why = terminal_lang(&headers).t("officer-locked");
        error_response(StatusCode::SERVICE_UNAVAILABLE, &why)
    })
}

/// The language of the technician's terminal.
fn terminal_lang(headers: &HeaderMap) -> Lang {
    let named = headers.get(header::ACCEPT_LANGUAGE);
    Lang::choose(named.and_then(|v| v.to_str().ok()))
}

fn error_response(status: StatusCode, why: &str) -> Response {
    (status, Json(serde_json::json!({ "error": why }))).into_response()
}

/// The gateway's commands are not for the commune's server.
async fn unknown(headers: HeaderMap) -> Response {
    let why = terminal_lang(&headers).t("officer-no-command");
    error_response(StatusCode::NOT_FOUND, &why)
}

async fn list(State(control): State<OfficerControl>) -> Json<Vec<OfficerRow>> {
    let row = |o: Officer| OfficerRow {
        id: o.id,
        name: o.name,
    };
    Json(control.officers.list().into_iter().map(row).collect())
}

async fn change(
    State(control): State<OfficerControl>,
    headers: HeaderMap,
    Json(update): Json<OfficerUpdate>,
) -> Response {
    match apply_change(control, terminal_lang(&headers), update).await {
        Ok(answer) => Json(answer).into_response(),
        Err((status, why)) => error_response(status, &why),
    }
}

async fn apply_change(
    control: OfficerControl,
    lang: Lang,
    update: OfficerUpdate,
) -> Result<serde_json::Value, (StatusCode, String)> {
    let bad = |key: &str| {
        let id = text::line(&update.id, 64);
        let why = lang.f(key, &[("id", &id)]);
        (StatusCode::BAD_REQUEST, why)
    };
    let Ok(id) = UserId::new(&update.id) else {
        return Err(bad("person-id"));
    };
    let id = id.to_string();
    let name = text::line(&update.name, usize::MAX);
    if name.chars().count() > text::MAX_NAME_CHARS {
        let part = lang.t("part-name");
        let most = text::MAX_NAME_CHARS.to_string();
        let why = lang.f("refused-text", &[("part", &part), ("most", &most)]);
        return Err((StatusCode::BAD_REQUEST, why));
    }
    if update.change == OfficerChange::Remove {
        let removed = stored(lang, id.clone(), move || control.officers.remove(&id)).await;
        return removed.map(|()| serde_json::json!({}));
    }
    if update.change == OfficerChange::Add && name.is_empty() {
        return Err(bad("person-name"));
    }
    let cannot_store = |cause: &std::io::Error| {
        let why = io_text(lang, cause);
        let why = lang.f("person-not-stored", &[("why", &why)]);
        (StatusCode::SERVICE_UNAVAILABLE, why)
    };
    let pin = match update.pin.clone().map_or_else(secret::pin, Ok) {
        Ok(pin) if secret::is_pin(&pin) => pin,
        Ok(_) => return Err(bad("person-pin")),
        Err(cause) => return Err(cannot_store(&cause)),
    };
    let hashed = control.pins.hash(&pin).await;
    let hash = hashed.map_err(|cause| cannot_store(&std::io::Error::other(cause)))?;
    let named = match update.change {
        OfficerChange::Add => {
            let officer = Officer {
                id: id.clone(),
                name: name.clone(),
                pin: hash,
            };
            stored(lang, id, move || {
                control.officers.add(officer).map(|()| name)
            })
            .await?
        }
        _ => {
            let name = (!name.is_empty()).then_some(name);
            stored(lang, id.clone(), move || {
                control.officers.set_pin(&id, name, hash)
            })
            .await?
        }
    };
    Ok(serde_json::json!({ "pin": pin, "name": named }))
}

/// Carries out a change that blocks on the store; the error is what to answer.
async fn stored<T: Send + 'static>(
    lang: Lang,
    id: String,
    change: impl FnOnce() -> Result<T, OfficerError> + Send + 'static,
) -> Result<T, (StatusCode, String)> {
    let done = tokio::task::spawn_blocking(change).await;
    let failed = match done {
        Ok(Ok(made)) => return Ok(made),
        Ok(Err(failed)) => failed,
        Err(ended) => OfficerError::Store(std::io::Error::other(ended)),
    };
    let id = id.as_str();
    Err(match failed {
        OfficerError::Known(name) => (
            StatusCode::CONFLICT,
            lang.f("officer-known", &[("id", id), ("name", &name)]),
        ),
        OfficerError::Unknown => (
            StatusCode::NOT_FOUND,
            lang.f("officer-unknown", &[("id", id)]),
        ),
        OfficerError::Last => (StatusCode::CONFLICT, lang.f("officer-last", &[("id", id)])),
        OfficerError::TooMany => (
            StatusCode::CONFLICT,
            lang.f("officer-too-many", &[("most", Arg::from(MAX_OFFICERS))]),
        ),
        OfficerError::Store(cause) => {
            tracing::error!(%cause, "storing an officer failed");
            let why = io_text(lang, &cause);
            (
                StatusCode::SERVICE_UNAVAILABLE,
                lang.f("person-not-stored", &[("why", &why)]),
            )
        }
    })
}
