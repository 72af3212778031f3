//! The control socket: what `conglang status` and its siblings ask. The file's permissions are the
//! lock.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::app::App;
use crate::domain::actor::Actor;
use crate::domain::camera::Camera;
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::device::{Account, Device, Presence};
use crate::domain::id::{CommandId, DeviceId, NoticeId, PlaceId};
use crate::domain::{notice, words};
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::doors::rejections;
use crate::journal::{Receipt, SubmitError, Wish};
use crate::live::faults::ClockFault;
use crate::live::pictures::Pull;
use crate::protocol::control::{CameraLine, Line, PutDevice, PutNotice, Status, Submit, Sync};
use crate::supervisor::health::Light;

/// Largest request, bytes: a notice of the longest kind, escaped.
const BODY: usize = 128 * 1024;

/// How long a changed account is waited for.
const IN_FORCE: Duration = Duration::from_secs(5);

/// All that the technician's commands may ask.
pub fn router(
    app: App,
    pids: impl Fn() -> Vec<(String, u32)> + Clone + Send + Sync_ + 'static,
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
            get(|State(app): State<App>| async move { Json(app.village().as_ref().clone()) }),
        )
        .route("/users", post(super::people::put))
        .route("/devices", post(put_device))
        .route("/notices", post(put_notice))
        .route(
            "/commands",
            post(
                |State(app): State<App>, Json(submit): Json<Submit>| async move {
                    obey(&app, Actor::Console, submit).await
                },
            ),
        )
        .merge(super::broker::router())
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(app)
}

/// `Sync` of the standard library; the name is taken here.
pub use std::marker::Sync as Sync_;

fn status(app: &App, pids: Vec<(String, u32)>) -> Json<Status> {
    let state = app.village();
    let (now, lang) = (app.house.clock().wall_ms(), Lang::Vi);
    let presence = |id| {
        state
            .devices
            .get(id)
            .map(|d| d.presence)
            .unwrap_or_default()
    };
    let gone = state.missing().count();
    let village = state
        .village
        .as_ref()
        .map_or_else(|| "Cổng Làng".to_owned(), |v| v.name.clone());
    let dark = state
        .cameras
        .values()
        .filter(|c| c.signal.is_gone())
        .count();
    let broken: Vec<String> = [(gone, "thiết bị hỏng"), (dark, "camera mất hình")]
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    // Who was never heard, and who watches and does not say how it is, is not well.
    let unheard = super::today::unheard(app, &state).map_or(0, |names| names.len());
    let broken: Vec<String> = broken
        .into_iter()
        .chain((unheard > 0).then(|| format!("{unheard} thứ chưa rõ thế nào")))
        .collect();
    let sentence = if broken.is_empty() {
        format!("{village}: mọi thiết bị chạy tốt")
    } else {
        format!("{village}: có {}, còn lại chạy tốt", broken.join(", "))
    };
    let words = |names: Vec<String>, none: &str| {
        if names.is_empty() {
            none.to_owned()
        } else {
            names.join(", ")
        }
    };
    // Those that went at the same time are told together.
    let silent = |ids: Vec<(String, Presence)>, verb: &str| {
        let mut out: Vec<(String, Vec<String>)> = Vec::new();
        for (name, presence) in ids {
            let Presence::Gone { since } = presence else {
                continue;
            };
            let since = dates::since(now, since);
            match out.iter_mut().find(|(s, _)| *s == since) {
                Some((_, names)) => names.push(name),
                None => out.push((since, vec![name])),
            }
        }
        out.into_iter()
            .map(|(since, names)| format!("{} {verb} từ {since}", names.join(", ")))
            .collect::<Vec<_>>()
    };
    let horns = state
        .speakers
        .values()
        .filter(|s| matches!(presence(&s.id), Presence::Here { .. }))
        .count();
    let lit = state
        .lights
        .values()
        .filter(|l| super::lights::words(app, lang, &state, l).1.is_empty())
        .count();
    let bad_lights = state
        .lights
        .values()
        .filter(|l| super::lights::words(app, lang, &state, l).1 == "bad")
        .map(|l| format!("{} không trả lời", l.name))
        .collect();
    let pictures = state
        .cameras
        .values()
        .filter(|c| matches!(c.signal, Presence::Here { .. }))
        .count();
    let readings = state
        .sensors
        .values()
        .filter(|s| !s.marks.is_empty())
        .filter_map(|s| Some((s, app.live.latest.get(&s.id)?)))
        .map(|(s, v)| {
            let value = format!(
                "{} {} {}",
                s.name,
                dates::number(v.number, s.decimals),
                s.unit
            )
            .trim_end()
            .to_owned();
            let is_old = v.kept
                || super::sensors::is_expired(app, &state, s)
                || super::sensors::silent_since(&state, s).is_some()
                || super::sensors::is_sent_away(&state, s);
            if is_old {
                format!("{value} (cũ)")
            } else {
                value
            }
        })
        .take(2)
        .collect();
    let link = app.live.uplink.now();
    let sync_words = if !link.configured {
        "chưa nối".to_owned()
    } else if link.up {
        format!(
            "đến {}, chờ gửi {}",
            dates::since(now, link.received_at),
            link.waiting
        )
    } else {
        format!(
            "mất kết nối từ {}, chờ gửi {}",
            dates::since(now, link.since),
            link.waiting
        )
    };
    let mqtt = app.live.broker.counters();
    let machine = match app.house.health().worst() {
        Light::Green => "tốt",
        Light::Amber => "cần xem",
        Light::Red => "có lỗi",
    };
    let line = |name: &str, count: String, words: String| Line {
        name: name.to_owned(),
        count,
        words,
    };
    let lines = vec![
        line(
            "loa",
            format!("{horns}/{} cụm", state.speakers.len()),
            words(
                silent(
                    state
                        .speakers
                        .values()
                        .map(|s| (s.name.clone(), presence(&s.id)))
                        .collect(),
                    "im",
                ),
                "",
            ),
        ),
        line(
            "đèn",
            format!("{lit}/{} sáng", state.lights.len()),
            words(bad_lights, ""),
        ),
        line(
            "camera",
            format!("{pictures}/{}", state.cameras.len()),
            words(
                silent(
                    state
                        .cameras
                        .values()
                        .map(|c| (c.name.clone(), c.signal))
                        .collect(),
                    "mất hình",
                )
                .into_iter()
                .chain(
                    super::cameras::unseen(app, &state)
                        .map(|c| format!("{} ghi mà không xem lại được", c.name)),
                )
                .collect(),
                "",
            ),
        ),
        line(
            "cảm biến",
            state.sensors.len().to_string(),
            words(readings, "chưa có số đo"),
        ),
        line(
            "xã",
            if link.configured && link.up && link.waiting == 0 {
                "nhận đủ".into()
            } else {
                String::new()
            },
            sync_words,
        ),
        line(
            "kết nối",
            format!("{} thiết bị", mqtt.connected),
            if mqtt.dropped > 0 {
                format!(
                    "từ khi chạy đã bỏ {} gói tin MQTT; xem conglang broker clients",
                    mqtt.dropped
                )
            } else {
                String::new()
            },
        ),
        line("máy", machine.to_owned(), String::new()),
    ];
    let health = app
        .house
        .health()
        .parts()
        .into_iter()
        .map(|(n, c)| (n, format!("{:?}", c.light).to_lowercase(), c.why))
        .collect();
    let sync = Sync {
        configured: link.configured,
        up: link.up,
        received: link.received,
        received_at: link.received_at,
        waiting: link.waiting,
    };
    Json(Status {
        village,
        sentence,
        at: now,
        lines,
        health,
        seq: state.seq,
        sync,
        pids,
    })
}

/// Each camera: whether its picture comes, why not, and until when it is recorded.
fn cameras(app: &App) -> Vec<CameraLine> {
    let (state, now) = (app.journal.state(), app.house.clock().wall_ms());
    let line = |c: &std::sync::Arc<Camera>| {
        let picture = app.live.pictures.get(&c.id);
        let recording = picture.as_ref().map(|p| p.recording()).unwrap_or_default();
        let faults = picture.as_ref().map(|p| p.faults()).unwrap_or_default();
        let why = match picture.as_ref().map(|p| p.pull()).unwrap_or_default() {
            Pull::Lost(why) => why,
            Pull::NoAddress => "it has no address".to_owned(),
            Pull::Calling | Pull::Live => String::new(),
        };
        let codec = picture
            .as_ref()
            .and_then(|p| p.keyframe())
            .map(|f| format!("{} {}×{}", f.format.codec, f.format.width, f.format.height))
            .unwrap_or_default();
        let kept = app.ring.list(&c.id);
        let bytes = kept.iter().map(|s| s.bytes).sum();
        CameraLine {
            id: c.id.to_string(),
            name: c.name.clone(),
            signal: c.signal,
            why,
            codec,
            viewers: picture
                .as_ref()
                .map_or(0, |p| p.viewers().saturating_sub(1)),
            recorded_until: if recording.until_ms > 0 {
                recording.until_ms
            } else {
                kept.iter()
                    .rev()
                    .find(|s| s.start_ms <= now)
                    .map_or(0, |s| s.start_ms + i64::from(s.duration_ms))
            },
            recorded_from: kept.first().map_or(0, |s| s.start_ms),
            recorded_bytes: bytes,
            recording_trouble: recording.trouble,
            undecodable: faults.undecodable.unwrap_or_default(),
            unchecked: faults.unchecked.unwrap_or_default(),
            loss: faults.loss.unwrap_or_default(),
            missed: faults.missed.unwrap_or_default(),
            clock: faults.clock.map_or("", ClockFault::name).to_owned(),
            removed: !state.cameras.contains_key(&c.id),
        }
    };
    // What was recorded of a camera that is gone can still be found.
    let gone = app
        .ring
        .cameras()
        .into_iter()
        .filter(|id| !state.cameras.contains_key(id));
    let gone = gone.map(|id| {
        std::sync::Arc::new(Camera {
            name: id.to_string(),
            id,
            signal: Presence::Unknown,
            looks: Vec::new(),
        })
    });
    state
        .cameras
        .values()
        .cloned()
        .chain(gone)
        .map(|c| line(&c))
        .collect()
}

/// Which entries are asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Span {
    after: Option<u64>,
    limit: Option<usize>,
    about: Option<String>,
}

async fn entries(State(app): State<App>, Query(span): Query<Span>) -> Response {
    found(&app, span)
        .await
        .map_or_else(|refused| refused, |entries| Json(entries).into_response())
}

/// The entries, oldest first.
pub(super) async fn found(app: &App, span: Span) -> Result<Vec<serde_json::Value>, Response> {
    let limit = span.limit.unwrap_or(20).min(1_000);
    let found = match span.after {
        _ if span.about.is_some() => {
            let Some(mut found) = app
                .about(span.about.as_deref().unwrap_or_default(), u64::MAX, limit)
                .await
            else {
                return Err(refuse(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the index of the history cannot be read now; “conglang journal tail” still can",
                ));
            };
            found.reverse();
            found
        }
        Some(after) => app.journal.after(after, limit).await,
        None => {
            let mut found = app.journal.before(u64::MAX, limit).await;
            found.reverse();
            found
        }
    };
    Ok(found
        .iter()
        .filter_map(|e| serde_json::from_slice(&e.bytes).ok())
        .collect())
}

pub(super) fn refuse(status: StatusCode, why: impl std::fmt::Display) -> Response {
    (
        status,
        Json(serde_json::json!({ "error": why.to_string() })),
    )
        .into_response()
}

pub(super) async fn carry_out(app: &App, wish: Wish) -> Result<Receipt, Response> {
    let (actor, command) = (wish.actor.clone(), rejections::name(&wish.command));
    app.journal.submit(wish).await.map_err(|error| match error {
        SubmitError::Rejected(why) => refuse(
            if why == Rejection::NotPermitted {
                StatusCode::FORBIDDEN
            } else {
                StatusCode::CONFLICT
            },
            rejections::sentence(Lang::Vi, &why, &actor, &command),
        ),
        SubmitError::Closed(why) => refuse(StatusCode::SERVICE_UNAVAILABLE, why),
    })
}

fn made(receipt: Receipt) -> Response {
    Json(serde_json::json!({ "first": receipt.first, "last": receipt.last })).into_response()
}

/// A command as it came from outside. What it names of people's words must be here, whole and
/// proved: an entry must not point at nothing.
pub(super) async fn obey(app: &App, actor: Actor, submit: Submit) -> Response {
    if let Some(blob) = submit.command.blob().cloned() {
        let files = app.files.clone();
        let found = tokio::task::spawn_blocking(move || files.get(&blob).is_ok()).await;
        if !found.unwrap_or(false) {
            return refuse(StatusCode::CONFLICT, Lang::Vi.t("refused-no-file"));
        }
    }
    carry_out(app, Wish::new(actor, submit.command))
        .await
        .map_or_else(|refused| refused, made)
}

/// Declares a device and gives it an account, or takes its account away; says whether the broker
/// has that in force.
async fn put_device(State(app): State<App>, Json(put): Json<PutDevice>) -> Response {
    let Ok(id) = DeviceId::new(&put.id) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "the id holds something else than a–z, 0–9, - _ .",
        );
    };
    let Ok(place) = put.place.map(|p| PlaceId::new(&p)).transpose() else {
        return refuse(StatusCode::BAD_REQUEST, "the place is no id");
    };
    let known = app.journal.state().devices.get(&id).cloned();
    let mut wishes = Vec::new();
    if put.secret_sha256.is_some() && app.configured.contains(&id) {
        // At the next start the configuration's secret would be back, and with it whoever knew it.
        return refuse(
            StatusCode::CONFLICT,
            format!(
                "the secret of {id} stands in the configuration (secret_sha256); change it there, or take it out there first"
            ),
        );
    }
    if let Some(secret_sha256) = put.secret_sha256 {
        let name = words::line(&put.name, usize::MAX);
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
                presence: Presence::Unknown,
            },
            |d| Device {
                name: name.clone(),
                ..(*d).clone()
            },
        );
        wishes.push(Command::DeclareDevice {
            device: Device {
                place: place.or(device.place.clone()),
                ..device
            },
        });
        wishes.push(Command::GrantAccess {
            account: Account::of_device(id, secret_sha256),
        });
    } else {
        wishes.push(Command::RevokeAccess { account: id });
    }
    let mut last = 0;
    for command in wishes {
        match carry_out(&app, Wish::new(Actor::Console, command)).await {
            Ok(receipt) => last = last.max(receipt.last),
            Err(refused) => return refused,
        }
    }
    let in_force = app.live.south.until_access(last, IN_FORCE).await;
    Json(serde_json::json!({ "last": last, "in_force": in_force })).into_response()
}

async fn put_notice(State(app): State<App>, Json(put): Json<PutNotice>) -> Response {
    let (Ok(id), Ok(once)) = (
        NoticeId::new(&put.id),
        CommandId::new(&format!("notice-{}", put.id)),
    ) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "the id holds something else than a–z, 0–9, - _ .",
        );
    };
    let (title, body) = notice::clean(&put.title, &put.body);
    if let Some((key, n, most)) = notice::unsound(&title, &body) {
        return refuse(
            StatusCode::BAD_REQUEST,
            Lang::Vi.f(key, &[("n", &n.to_string()), ("most", &most.to_string())]),
        );
    }
    let Ok(text) = app.files.put(format!("{title}\n{body}").into_bytes()).await else {
        return refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the text could not be written",
        );
    };
    let wish = Wish::new(
        Actor::Console,
        Command::PublishNotice {
            id,
            text,
            kind: put.kind,
            until: put.until,
        },
    )
    .named(once, i64::MAX);
    carry_out(&app, wish)
        .await
        .map_or_else(|refused| refused, made)
}
