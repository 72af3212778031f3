//! The commune's control socket: the requests of `conglang commune officer` and `commune history`.
//! The permissions of the socket's file protect it.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::history::CommuneHistoryQuery;
use super::history_text::CommuneHistoryText;
use super::officers::{MAX_OFFICERS, Officer, OfficerError, Officers};
use super::store::CommuneStore;
use crate::config::CommuneVillage;
use crate::domain::id::UserId;
use crate::domain::text;
use crate::i18n::io_text::io_text;
use crate::i18n::locale::{Arg, Lang};
use crate::keys::pins::PinHasher;
use crate::keys::secret;
use crate::protocol::control::{
    HistoryLine, HistoryReport, OfficerChange, OfficerRow, OfficerUpdate,
};
use crate::supervisor::clock::Clock;

/// Largest request, bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// Most entries of history in one answer.
const MAX_ENTRIES: usize = 1_000;
/// Most pages that are read to find the entries that are asked for.
const MAX_PAGES: usize = 20;

/// The parts of the server that requests on the control socket read and change.
#[derive(Clone)]
pub struct OfficerControl {
    /// The officers.
    pub officers: Officers,
    /// Hashes PINs.
    pub pins: PinHasher,
    /// The clock.
    pub clock: Clock,
}

/// The parts that requests about history work on.
#[derive(Clone)]
pub struct HistoryControl {
    /// The store.
    pub store: CommuneStore,
    /// The villages of the configuration.
    pub villages: Arc<[CommuneVillage]>,
    /// The officers.
    pub officers: Officers,
    /// The clock.
    pub clock: Clock,
}

/// All requests of the technician's commands.
pub fn router(control: OfficerControl, history: HistoryControl) -> Router {
    Router::new()
        .route("/officers", get(list).post(change))
        .with_state(control)
        .merge(history_router(history))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// The requests while a key is lost without which no PIN can be hashed.
pub fn locked_router(history: HistoryControl) -> Router {
    history_router(history).fallback(|headers: HeaderMap| async move {
        let why = terminal_lang(&headers).t("officer-locked");
        error_response(StatusCode::SERVICE_UNAVAILABLE, &why)
    })
}

fn history_router(history: HistoryControl) -> Router {
    Router::new()
        .route("/history", get(history_lines))
        .with_state(history)
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

/// Which part of history is asked for.
#[derive(Debug, Deserialize)]
struct HistorySpan {
    limit: Option<usize>,
    /// The number of a day.
    day: Option<i64>,
    /// An officer's id or name, or the key of another author.
    person: Option<String>,
    /// A village's id or name.
    village: Option<String>,
}

/// The newest entries that are asked for, in words, oldest first.
async fn history_lines(
    State(control): State<HistoryControl>,
    headers: HeaderMap,
    Query(span): Query<HistorySpan>,
) -> Response {
    let lang = terminal_lang(&headers);
    let report = tokio::task::spawn_blocking(move || control.report(lang, &span)).await;
    match report.map_err(std::io::Error::other).flatten() {
        Ok(report) => Json(report).into_response(),
        Err(cause) => {
            tracing::error!(%cause, "reading the commune's history failed");
            let why = io_text(lang, &cause);
            error_response(StatusCode::SERVICE_UNAVAILABLE, &why)
        }
    }
}

impl HistoryControl {
    fn report(&self, lang: Lang, span: &HistorySpan) -> std::io::Result<HistoryReport> {
        let is_called = |name: &str, wanted: &str| name.to_lowercase() == wanted.to_lowercase();
        let officer = |wanted: &String| {
            let officers = self.officers.list();
            let found = officers.into_iter().find(|o| is_called(&o.name, wanted));
            found.map_or_else(|| wanted.clone(), |officer| officer.id)
        };
        let village = |wanted: &String| {
            let found = self.villages.iter().find(|v| is_called(&v.name, wanted));
            found.map_or_else(|| wanted.clone(), |village| village.id.clone())
        };
        let query = CommuneHistoryQuery {
            day: span.day,
            person: span.person.as_ref().map(officer),
            village: span.village.as_ref().map(village),
        };
        let limit = span.limit.unwrap_or(20).min(MAX_ENTRIES);
        let (mut entries, mut before) = (Vec::new(), u64::MAX);
        for _ in 0..MAX_PAGES {
            let page = self.store.history(&query, before, limit - entries.len())?;
            entries.extend(page.entries);
            match page.next {
                Some(next) if entries.len() < limit => before = next,
                _ => break,
            }
        }
        let text = CommuneHistoryText {
            lang,
            now: self.clock.wall_ms(),
            store: &self.store,
            villages: &self.villages,
            officers: &self.officers,
        };
        let rows = text.rows(&entries).into_iter().rev();
        let values = entries.iter().rev().map(serde_json::to_value);
        Ok(HistoryReport {
            last: entries.first().map_or(0, |entry| entry.number),
            lines: rows.map(HistoryLine::from).collect(),
            entries: values.collect::<Result<_, _>>()?,
        })
    }
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
    let at = control.clock.wall_ms();
    if update.change == OfficerChange::Remove {
        let removed = stored(lang, id.clone(), move || control.officers.remove(&id, at)).await;
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
                control.officers.add(officer, at).map(|()| name)
            })
            .await?
        }
        _ => {
            let name = (!name.is_empty()).then_some(name);
            stored(lang, id.clone(), move || {
                control.officers.set_pin(&id, name, hash, at)
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
