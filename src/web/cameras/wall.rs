//! The wall: a still of each camera, and one sentence over all of them.

use axum::extract::State;
use axum::response::Response;

use super::super::app::{App, RequestContext};
use super::super::components::{Banner, html};
use super::access_log::record_view;
use super::status_text::{is_recording, stale_taken_at, status_text};
use crate::domain::camera::Camera;
use crate::domain::device::Availability;
use crate::domain::id::CameraId;
use crate::domain::state::VillageState;
use crate::http::render::{PageContext, render};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::live::faults::Faults;

#[derive(askama::Template)]
#[template(path = "wall.html")]
struct WallPage {
    f: PageContext,
    sentence: String,
    tiles: Vec<String>,
}

#[derive(askama::Template)]
#[template(path = "tile.html")]
struct CameraTile<'a> {
    id: &'a str,
    name: &'a str,
    /// When the still was taken; 0 = there is none.
    at: i64,
    alt: String,
    /// “14:05”, and the date of one that is old: when the still was taken; empty = there is none.
    time: String,
    words: String,
    lost: bool,
}

fn tile(app: &App, lang: Lang, c: &Camera) -> String {
    let (words, mark) = status_text(app, lang, c);
    // Rounded to the minute: a picture that is replaced more often than it loads is never seen.
    let at = app
        .live
        .pictures
        .get(&c.id)
        .and_then(|p| p.still())
        .map_or(0, |s| s.at_ms - s.at_ms.rem_euclid(60_000));
    let taken = stale_taken_at(app.supervisor.clock().wall_ms(), at);
    let alt = lang.f(
        "camera-still",
        &[
            ("name", &c.name),
            ("at", taken.as_deref().unwrap_or(&dates::clock(at))),
        ],
    );
    let at = if mark.is_empty() || mark == "warn" {
        at
    } else {
        0
    };
    let time = match taken {
        _ if at == 0 => String::new(),
        Some(taken) => lang.f("camera-still-old", &[("at", &taken)]),
        None => dates::clock(at),
    };
    html(&CameraTile {
        id: c.id.as_str(),
        name: &c.name,
        at,
        alt,
        time,
        words,
        lost: mark == "bad",
    })
}

/// The sentence on top of the wall: how many cameras are live, which are not, and whether they are
/// recorded.
fn sentence(app: &App, lang: Lang, state: &VillageState) -> String {
    let now = app.supervisor.clock().wall_ms();
    let all = state.cameras.len();
    // Cameras that went offline at the same time are named together.
    let mut gone: Vec<(String, Vec<&str>)> = Vec::new();
    for c in state.cameras.values() {
        let Availability::Offline { since } = c.signal else {
            continue;
        };
        let since = dates::since(now, since);
        match gone.iter_mut().find(|(s, _)| *s == since) {
            Some((_, names)) => names.push(&c.name),
            None => gone.push((since, vec![&c.name])),
        }
    }
    let lost: Vec<String> = gone
        .iter()
        .map(|(since, names)| {
            lang.f(
                "camera-lost-one",
                &[("name", &names.join(", ")), ("since", since)],
            )
        })
        .collect();
    let live = state
        .cameras
        .values()
        .filter(|c| matches!(c.signal, Availability::Online { .. }))
        .count();
    let title = if lost.is_empty() {
        lang.f(
            "camera-sum",
            &[("n", &live.to_string()), ("all", &all.to_string())],
        )
    } else {
        lost.join("; ") + "."
    };
    let refused = state
        .cameras
        .keys()
        .filter_map(|id| app.live.pictures.get(id))
        .any(|p| !p.recording().error.is_empty());
    let with = |is: fn(&Faults) -> bool| {
        state
            .cameras
            .values()
            .filter(|c| {
                app.live
                    .pictures
                    .get(&c.id)
                    .is_some_and(|p| is(&p.faults()))
            })
            .map(|c| c.name.as_str())
            .collect::<Vec<&str>>()
    };
    let (undecodable, harmed, unchecked) = (
        with(|f| f.undecodable.is_some()),
        with(|f| f.loss.is_some() || f.missed.is_some()),
        with(|f| f.unchecked.is_some()),
    );
    let kept = if refused {
        lang.t("camera-not-recorded")
    } else if !undecodable.is_empty() {
        format!(
            "{}: {}",
            undecodable.join(", "),
            lang.t("camera-undecodable")
        )
    } else if !harmed.is_empty() {
        format!("{}: {}", harmed.join(", "), lang.t("camera-loss-some"))
    } else if !unchecked.is_empty() {
        format!("{}: {}", unchecked.join(", "), lang.t("camera-unchecked"))
    } else if state.cameras.keys().any(|id| is_recording(app, id)) {
        lang.f("camera-kept", &[("days", &app.keep_days.to_string())])
    } else {
        String::new()
    };
    let kind = if refused || !undecodable.is_empty() {
        "bad"
    } else if lost.is_empty() && harmed.is_empty() && unchecked.is_empty() {
        "info"
    } else {
        "warn"
    };
    html(&Banner {
        id: "cameras-sum".into(),
        status_class: kind,
        title,
        detail: kept,
    })
}

/// The fragments of the wall.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<String> {
    let mut out = vec![sentence(app, visit.lang, state)];
    out.extend(state.cameras.values().map(|c| tile(app, visit.lang, c)));
    out
}

/// The wall.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let seen: Vec<CameraId> = app
        .journal
        .state()
        .cameras
        .keys()
        .filter(|id| {
            app.live
                .pictures
                .get(id)
                .is_some_and(|p| p.still().is_some() || p.keyframe().is_some())
        })
        .cloned()
        .collect();
    if !seen.is_empty()
        && let Err(refused) = record_view(&app, &visit, seen).await
    {
        return refused;
    }
    app.live
        .pictures
        .request_all_stills(app.supervisor.clock().wall_ms());
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "cameras");
    render(&WallPage {
        sentence: if state.cameras.is_empty() {
            f.t("no-cameras")
        } else {
            sentence(&app, f.lang, &state)
        },
        tiles: state
            .cameras
            .values()
            .map(|c| tile(&app, f.lang, c))
            .collect(),
        f,
    })
}
