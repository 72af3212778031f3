//! The wall: a still of each camera, and one sentence over all of them.

use axum::extract::State;

use super::access_log::record_view;
use super::status_text::{is_recording, short_text, stale_taken_at, thing_of};
use crate::domain::camera::Camera;
use crate::domain::id::CameraId;
use crate::domain::state::VillageState;
use crate::http::page_error::PageResult;
use crate::http::render::{PageContext, render};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::village_status::{
    Status, StatusReason, ThingKind, ThingStatus, VillageStatus,
};
use crate::time::WallMs;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{Banner, Fragment, status_class};

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
    at: WallMs,
    alt: String,
    /// “14:05”, and the date of one that is old: when the still was taken; empty = there is none.
    time: String,
    words: String,
    lost: bool,
}

fn tile(app: &App, lang: Lang, status: &VillageStatus, c: &Camera) -> Option<Fragment> {
    let now = app.supervisor.clock().wall_ms();
    let thing = thing_of(status, c)?;
    let words = short_text(lang, now, thing);
    // A still of a stream that is lost, or that cannot be decoded, would pass for the present.
    let is_lost = matches!(
        thing.reason,
        StatusReason::StreamLost | StatusReason::Undecodable
    );
    let is_shown = !is_lost && thing.reason != StatusReason::NoAddress;
    // Rounded to the minute: a picture that is replaced more often than it loads is never seen.
    let at = app
        .live
        .pictures
        .get(&c.id)
        .and_then(|p| p.still())
        .map_or(WallMs::default(), |s| {
            s.at_ms - s.at_ms.ms().rem_euclid(60_000)
        });
    let taken = stale_taken_at(now, at);
    let alt = lang.f(
        "camera-still",
        &[
            ("name", &lang.verbatim(&c.name)),
            ("at", &taken.clone().unwrap_or_else(|| dates::clock(at))),
        ],
    );
    let at = if is_shown { at } else { WallMs::default() };
    let time = match taken {
        _ if at == WallMs::default() => String::new(),
        Some(taken) => lang.f("camera-still-old", &[("at", &taken)]),
        None => dates::clock(at),
    };
    let tile = CameraTile {
        id: c.id.as_str(),
        name: &lang.verbatim(&c.name),
        at,
        alt,
        time,
        words,
        lost: is_lost,
    };
    Some(Fragment::new(format!("camera-{}", c.id), &tile))
}

/// The sentence on top of the wall: how many cameras are live, which are not, and whether they are
/// recorded.
fn sentence(app: &App, lang: Lang, state: &VillageState, status: &VillageStatus) -> Fragment {
    let now = app.supervisor.clock().wall_ms();
    let named = |is: fn(StatusReason) -> bool| {
        status
            .of_kind(ThingKind::Camera)
            .filter(|t| is(t.reason))
            .collect::<Vec<&ThingStatus>>()
    };
    let names = |things: &[&ThingStatus]| {
        things
            .iter()
            .map(|t| t.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    // Cameras that went offline at the same time are named together.
    let mut gone: Vec<(String, Vec<&ThingStatus>)> = Vec::new();
    for c in named(|r| r == StatusReason::StreamLost) {
        let since = dates::since(now, c.since.unwrap_or_default());
        match gone.iter_mut().find(|(s, _)| *s == since) {
            Some((_, things)) => things.push(c),
            None => gone.push((since, vec![c])),
        }
    }
    let lost: Vec<String> = gone
        .iter()
        .map(|(since, things)| {
            lang.f(
                "camera-lost-one",
                &[("name", &names(things)), ("since", since)],
            )
        })
        .collect();
    let title = if lost.is_empty() {
        lang.f(
            "camera-sum",
            &[
                ("n", &status.cameras.working.to_string()),
                ("all", &status.cameras.all.to_string()),
            ],
        )
    } else {
        lost.join("; ") + "."
    };
    let undecodable = named(|r| r == StatusReason::Undecodable);
    let harmed = named(|r| {
        matches!(
            r,
            StatusReason::PacketLoss { .. } | StatusReason::SlowDisk { .. }
        )
    });
    let unchecked = named(|r| r == StatusReason::Unchecked);
    let with = |things: &[&ThingStatus], key: &str| format!("{}: {}", names(things), lang.t(key));
    let detail = if !named(|r| r == StatusReason::NotRecorded).is_empty() {
        lang.t("camera-not-recorded")
    } else if !undecodable.is_empty() {
        with(&undecodable, "camera-undecodable")
    } else if !harmed.is_empty() {
        with(&harmed, "camera-loss-some")
    } else if !unchecked.is_empty() {
        with(&unchecked, "camera-unchecked")
    } else if state.cameras.keys().any(|id| is_recording(app, id)) {
        lang.f("camera-kept", &[("days", &app.keep_days.to_string())])
    } else {
        String::new()
    };
    let worst = status
        .of_kind(ThingKind::Camera)
        .map(|t| t.status)
        .max()
        .unwrap_or_default();
    Banner {
        id: "cameras-sum".into(),
        status_class: if worst == Status::Well {
            "info"
        } else {
            status_class(worst)
        },
        title,
        detail,
        href: "",
    }
    .fragment()
}

/// The fragments of the wall.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<Fragment> {
    let status = app.status_on_page(visit.lang, state);
    let mut out = vec![sentence(app, visit.lang, state, &status)];
    out.extend(
        state
            .cameras
            .values()
            .filter_map(|c| tile(app, visit.lang, &status, c)),
    );
    out
}

/// The wall.
pub async fn page(State(app): State<App>, visit: RequestContext) -> PageResult {
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
    if !seen.is_empty() {
        record_view(&app, &visit, seen).await?;
    }
    app.live
        .pictures
        .request_all_stills(app.supervisor.clock().wall_ms());
    let state = app.journal.state();
    let status = app.status_on_page(visit.lang, &state);
    let f = app.page_context(&visit, &state, "cameras");
    Ok(render(&WallPage {
        sentence: if state.cameras.is_empty() {
            f.t("no-cameras")
        } else {
            sentence(&app, f.lang, &state, &status).html
        },
        tiles: state
            .cameras
            .values()
            .filter_map(|c| Some(tile(&app, f.lang, &status, c)?.html))
            .collect(),
        f,
    }))
}
