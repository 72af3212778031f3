//! The free wifi, as the technician sees it on the control socket, the sessions of a day, and the
//! end of a session.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::commands::{error_response, submit_request};
use super::terminal_lang::TerminalLang;
use crate::domain::actor::Actor;
use crate::domain::calendar::{day_number, day_text, parse_day};
use crate::domain::guest::admission::{InternetUplink, UplinkUse};
use crate::domain::guest::{self, DecidedDevice};
use crate::i18n::io_text::io_text;
use crate::journal::CommandRequest;
use crate::protocol::guest_report::{
    CutAnswer, CutRequest, GuestEntry, GuestReport, SessionEntry, SessionsReport, UplinkKind,
};
use crate::store::session_rows::SessionRow;
use crate::web::kit::app::App;

/// The requests.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/guests", get(report))
        .route("/guests/sessions", get(sessions))
        .route("/guests/cut", post(cut))
}

/// The wifi as it is now.
async fn report(State(app): State<App>) -> Json<GuestReport> {
    let state = app.journal.state();
    let (wifi, now) = (&state.wifi, app.live.guests.get());
    let mut devices: Vec<GuestEntry> = now
        .devices
        .iter()
        .map(|row| {
            let decided = wifi.decided.get(&row.id);
            GuestEntry {
                id: row.id.clone(),
                name: decided.map_or_else(String::new, |d| d.name.clone()),
                standing: decided.map(|d| d.standing),
                since: row.since,
                seconds_left: row.seconds_left,
                used_today: row.used_today,
                is_random: row.is_random,
            }
        })
        .collect();
    let is_seen = |d: &DecidedDevice| now.devices.iter().any(|row| row.id == d.id);
    let absent = wifi.decided.values().filter(|d| !is_seen(d));
    devices.extend(absent.map(|d| GuestEntry {
        id: d.id.clone(),
        name: d.name.clone(),
        standing: Some(d.standing),
        since: None,
        seconds_left: 0,
        used_today: 0,
        is_random: false,
    }));
    Json(GuestReport {
        configured: now.is_configured,
        in_force: now.is_in_force,
        online: now.is_in_force && now.uplink_use(&wifi.rules) == UplinkUse::Open,
        has_block_list: now.has_block_list,
        key_lost: now.is_key_lost,
        uplink: match now.uplink {
            InternetUplink::Down => UplinkKind::Down,
            InternetUplink::Metered => UplinkKind::Metered,
            InternetUplink::Free => UplinkKind::Free,
        },
        used_today: now.used_today,
        metered_today: now.metered_today,
        blocked_today: now.blocked_today,
        newcomers_waited: now.newcomers_waited,
        devices,
        rules: wifi.rules.clone(),
    })
}

/// The day that is asked for.
#[derive(Deserialize)]
struct DayQuery {
    /// “2026-11-27”; none = today.
    day: Option<String>,
}

/// The sessions that ended on a day, as far as the village keeps them.
async fn sessions(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Query(query): Query<DayQuery>,
) -> Response {
    let today = day_number(app.supervisor.clock().wall_ms());
    let Some(day) = query.day.as_deref().map_or(Some(today), parse_day) else {
        let why = lang.f("cli-guest-day", &[("text", &query.day.unwrap_or_default())]);
        return error_response(StatusCode::BAD_REQUEST, why);
    };
    let rows = app.session_rows.clone();
    let read = tokio::task::spawn_blocking(move || -> std::io::Result<_> {
        Ok((rows.of_day(day)?, rows.days()?))
    });
    let read = read.await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
    match read {
        Ok((rows, days)) => {
            let entry = |row: SessionRow| SessionEntry {
                device: row.device,
                since: row.since,
                until: row.until,
                bytes: row.bytes,
            };
            Json(SessionsReport {
                day: day_text(day),
                keep_days: app.journal.state().wifi.rules.keep_days,
                sessions: rows.into_iter().map(entry).collect(),
                days: days.into_iter().map(day_text).collect(),
            })
            .into_response()
        }
        Err(cause) => {
            let path = app.session_rows.folder().display().to_string();
            let cause = io_text(lang, cause);
            let why = lang.f("cli-guest-unread", &[("path", &path), ("cause", &cause)]);
            error_response(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }
}

/// Ends the session of a device: history first, then the network.
async fn cut(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Json(CutRequest { device }): Json<CutRequest>,
) -> Response {
    let command = guest::Command::Cut {
        device: device.clone(),
    };
    let request = CommandRequest::new(Actor::LocalAdmin, command);
    if let Err(refused) = submit_request(&app, lang, request).await {
        return refused;
    }
    let was_in = app.ports.guests.cut(device).await;
    Json(CutAnswer { was_in }).into_response()
}
