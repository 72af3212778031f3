//! Camera: a wall of stills by place, and one camera with its live picture and who looked at it.
//!
//! Every look is in the access log before a picture is given.

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{AppendHeaders, IntoResponse as _, Response};

use super::app::{App, Visit};
use super::rows::{Row, Say, html};
use crate::domain::camera::Camera;
use crate::domain::command::Command;
use crate::domain::device::Presence;
use crate::domain::id::CameraId;
use crate::domain::state::State as Village;
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::doors::page::{Frame, show};
use crate::live::faults::Faults;
use crate::live::pictures::Pull;

/// A still that is older was not followed by another although one is made every minute, ms.
const OLD_MS: u64 = 300_000;
/// A recording that told nothing for so long is none, ms.
const KEPT_MS: u64 = 90_000;

#[derive(askama::Template)]
#[template(path = "wall.html")]
struct WallPage {
    f: Frame,
    sentence: String,
    tiles: Vec<String>,
}

#[derive(askama::Template)]
#[template(path = "tile.html")]
struct Tile<'a> {
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

#[derive(askama::Template)]
#[template(path = "camera.html")]
struct CameraPage {
    f: Frame,
    id: String,
    name: String,
    is_called: bool,
    /// What stands on the picture while none comes, and while only stills come.
    wait: String,
    slow: String,
    lost: bool,
    sentence: String,
    looks: String,
}

#[derive(askama::Template)]
#[template(
    source = "<ul class=\"rows sheet\" id=\"looks\">{% for row in rows %}{{ row|safe }}{% else %}<li>{{ empty }}</li>{% endfor %}</ul>",
    ext = "html"
)]
struct Looks {
    rows: Vec<String>,
    empty: String,
}

/// Cameras whose pictures come, and of which nothing can be seen later: they cannot be decoded, or
/// the disk does not take them.
pub(super) fn unseen<'a>(app: &'a App, state: &'a Village) -> impl Iterator<Item = &'a Camera> {
    let is_unseen = |c: &Camera| {
        app.live
            .pictures
            .get(&c.id)
            .is_some_and(|p| p.faults().undecodable.is_some() || !p.recording().trouble.is_empty())
    };
    state
        .cameras
        .values()
        .filter(move |c| matches!(c.signal, Presence::Here { .. }) && is_unseen(c))
        .map(AsRef::as_ref)
}

/// Cameras whose pictures come and are kept, of which nobody knows whether they can be seen later,
/// or of which many are missing.
pub(super) fn unsure<'a>(app: &'a App, state: &'a Village) -> impl Iterator<Item = &'a Camera> {
    let is_unsure = |c: &Camera| {
        app.live
            .pictures
            .get(&c.id)
            .map(|p| p.faults())
            .is_some_and(|f| {
                f.undecodable.is_none()
                    && (f.unchecked.is_some() || f.loss.is_some() || f.missed.is_some())
            })
    };
    state
        .cameras
        .values()
        .filter(move |c| matches!(c.signal, Presence::Here { .. }) && is_unsure(c))
        .map(AsRef::as_ref)
}

/// How a camera's picture is, in words, with its mark.
fn words(app: &App, lang: Lang, c: &Camera) -> (String, &'static str) {
    let now = app.house.clock().wall_ms();
    let pull = app
        .live
        .pictures
        .get(&c.id)
        .map(|p| p.pull())
        .unwrap_or_default();
    match (c.signal, pull) {
        (_, Pull::NoAddress) => (lang.t("camera-no-address"), "off"),
        (Presence::Gone { since }, _) => (
            lang.f("camera-lost", &[("since", &dates::since(now, since))]),
            "bad",
        ),
        (Presence::Here { .. }, Pull::Live)
            if app
                .live
                .pictures
                .get(&c.id)
                .is_some_and(|p| p.faults().undecodable.is_some()) =>
        {
            (lang.t("camera-unseen"), "bad")
        }
        (Presence::Here { since }, Pull::Live) => (
            lang.f("camera-live", &[("since", &dates::since(now, since))]),
            "",
        ),
        // It was well a moment ago, or the house has only just begun.
        _ => (lang.t("camera-calling"), "warn"),
    }
}

/// “14:05 21/11/2026” of a still that is old; none = it is as new as stills are.
fn taken(now: i64, at: i64) -> Option<String> {
    (now.abs_diff(at) > OLD_MS).then(|| format!("{} {}", dates::clock(at), dates::date(at)))
}

fn tile(app: &App, lang: Lang, c: &Camera) -> String {
    let (words, mark) = words(app, lang, c);
    // By the minute: a picture that is replaced more often than it loads is never seen.
    let at = app
        .live
        .pictures
        .get(&c.id)
        .and_then(|p| p.still())
        .map_or(0, |s| s.at_ms - s.at_ms.rem_euclid(60_000));
    let taken = taken(app.house.clock().wall_ms(), at);
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
    html(&Tile {
        id: c.id.as_str(),
        name: &c.name,
        at,
        alt,
        time,
        words,
        lost: mark == "bad",
    })
}

/// What the wall opens with: how many show something, which do not, and whether it is kept.
fn sentence(app: &App, lang: Lang, state: &Village) -> String {
    let now = app.house.clock().wall_ms();
    let all = state.cameras.len();
    // Those that went at the same time are told together.
    let mut gone: Vec<(String, Vec<&str>)> = Vec::new();
    for c in state.cameras.values() {
        let Presence::Gone { since } = c.signal else {
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
        .filter(|c| matches!(c.signal, Presence::Here { .. }))
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
        .any(|p| !p.recording().trouble.is_empty());
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
    } else if state.cameras.keys().any(|id| is_kept(app, id)) {
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
    html(&Say {
        id: "cameras-sum".into(),
        kind,
        title,
        detail: kept,
    })
}

/// True when pictures of this camera reached the disk lately.
fn is_kept(app: &App, camera: &CameraId) -> bool {
    let recording = app
        .live
        .pictures
        .get(camera)
        .map(|p| p.recording())
        .unwrap_or_default();
    recording.until_ms > 0
        && app
            .house
            .clock()
            .mono_ms()
            .saturating_sub(recording.told_mono)
            < KEPT_MS
}

/// The fragments of the wall.
pub fn fragments(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    let mut out = vec![sentence(app, visit.lang, state)];
    out.extend(state.cameras.values().map(|c| tile(app, visit.lang, c)));
    out
}

/// The fragments of one camera's page; none = there is no such camera.
pub fn one_fragments(app: &App, visit: &Visit, state: &Village, id: &str) -> Option<Vec<String>> {
    let c = state.cameras.values().find(|c| c.id.as_str() == id)?;
    Some(vec![how(app, visit.lang, c), looks(app, visit.lang, c)])
}

fn how(app: &App, lang: Lang, c: &Camera) -> String {
    let (title, mark) = words(app, lang, c);
    let picture = app.live.pictures.get(&c.id);
    let recording = picture.as_ref().map(|p| p.recording()).unwrap_or_default();
    let faults = picture.as_ref().map(|p| p.faults()).unwrap_or_default();
    let coding = picture
        .as_ref()
        .and_then(|p| p.keyframe())
        .is_some_and(|f| !f.format.plays_in_browsers());
    let mut detail = Vec::new();
    if c.signal.is_gone() {
        detail.push(lang.t("camera-lost-do"));
    } else if !recording.trouble.is_empty() {
        detail.push(lang.t("camera-not-recorded"));
    } else if faults.undecodable.is_some() {
        detail.push(lang.t("camera-undecodable"));
    } else if mark.is_empty() && is_kept(app, &c.id) {
        detail.push(lang.f("camera-kept", &[("days", &app.keep_days.to_string())]));
    }
    if faults.undecodable.is_none() && faults.unchecked.is_some() {
        detail.push(lang.t("camera-unchecked"));
    }
    if let Some(percent) = faults.loss {
        detail.push(lang.f("camera-loss", &[("n", &percent.to_string())]));
    }
    if let Some(percent) = faults.missed {
        detail.push(lang.f("camera-missed", &[("n", &percent.to_string())]));
    }
    // Who has no player sees the still: without a word it would pass for new.
    let old = picture
        .as_ref()
        .and_then(|p| p.still())
        .and_then(|s| taken(app.house.clock().wall_ms(), s.at_ms))
        .filter(|_| mark.is_empty() || mark == "warn");
    if let Some(at) = &old {
        detail.push(lang.f("camera-still-last", &[("at", at)]));
    }
    if faults.clock.is_some() {
        detail.push(lang.t("camera-clock"));
    }
    if coding {
        detail.push(lang.t("camera-coding"));
    }
    let kind = match mark {
        "" if !recording.trouble.is_empty() || faults.undecodable.is_some() => "bad",
        "" if faults.clock.is_some()
            || faults.unchecked.is_some()
            || faults.loss.is_some()
            || faults.missed.is_some()
            || old.is_some() =>
        {
            "warn"
        }
        "" => "",
        "off" => "info",
        other => other,
    };
    html(&Say {
        id: "camera-how".into(),
        kind,
        title,
        detail: detail.join(" "),
    })
}

fn looks(app: &App, lang: Lang, c: &Camera) -> String {
    let (now, state) = (app.house.clock().wall_ms(), app.journal.state());
    let rows = c
        .looks
        .iter()
        .rev()
        .map(|l| {
            Row {
                mark: "off",
                name: app.who(lang, &state, &l.who),
                words: dates::date(l.at),
                side: dates::since(now, l.at),
                ..Row::default()
            }
            .html()
        })
        .collect();
    html(&Looks {
        rows,
        empty: lang.t("camera-nobody-looked"),
    })
}

/// Writes the look into the access log.
///
/// # Errors
/// The page that tells why no picture is given.
pub async fn look(app: &App, visit: &Visit, cameras: Vec<CameraId>) -> Result<(), Response> {
    app.submit(visit, Command::LookAtPictures { cameras })
        .await
        .map(|_| ())
}

/// The wall.
pub async fn page(State(app): State<App>, visit: Visit) -> Response {
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
        && let Err(refused) = look(&app, &visit, seen).await
    {
        return refused;
    }
    app.live.pictures.look_at_all(app.house.clock().wall_ms());
    let state = app.journal.state();
    let f = app.frame(&visit, &state, "cameras");
    show(&WallPage {
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

/// One camera.
pub async fn one(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Response {
    let state = app.journal.state();
    let Some(camera) = state
        .cameras
        .values()
        .find(|c| c.id.as_str() == id)
        .cloned()
    else {
        return app.problem(&visit, StatusCode::NOT_FOUND, "not-found", "not-found-do");
    };
    let f = app.frame(&visit, &state, "cameras");
    let is_called = app
        .live
        .pictures
        .get(&camera.id)
        .is_some_and(|p| p.pull() != Pull::NoAddress);
    let (wait, slow) = if camera.signal.is_gone() {
        ("watch-lost", "watch-lost")
    } else {
        ("watch-wait", "watch-slow")
    };
    let (wait, slow) = (f.t(wait), f.t(slow));
    show(&CameraPage {
        lost: camera.signal.is_gone(),
        wait,
        slow,
        id,
        name: camera.name.clone(),
        is_called,
        sentence: how(&app, f.lang, &camera),
        looks: looks(&app, f.lang, &camera),
        f,
    })
}

/// The newest still of a camera.
pub async fn still(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    uri: Uri,
) -> Response {
    let Ok(id) = CameraId::new(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Err(refused) = look(&app, &visit, vec![id.clone()]).await {
        return refused;
    }
    // The wall names the minute and takes what is there; who looks at one camera waits for a fresh
    // one.
    let (still, cache) = match uri.query() {
        Some(q) if q.starts_with("at=") => (
            app.live.pictures.get(&id).and_then(|p| p.still()),
            "private, max-age=120",
        ),
        _ => (
            app.live
                .pictures
                .look(&id, app.house.clock().wall_ms())
                .await,
            "no-store",
        ),
    };
    match still {
        Some(still) => {
            // How old it is by our clock: the phone's may show another time.
            let age = app
                .house
                .clock()
                .wall_ms()
                .saturating_sub(still.at_ms)
                .max(0)
                / 1_000;
            let when = [
                ("still-at", still.at_ms.to_string()),
                ("still-age", age.to_string()),
            ];
            (
                [
                    (header::CONTENT_TYPE, "image/jpeg"),
                    (header::CACHE_CONTROL, cache),
                ],
                AppendHeaders(when),
                still.jpeg,
            )
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_still_bears_its_date_whichever_way_the_clock_was_set() {
        // 21 November 2026, 14:04.
        let at = 1_795_244_640_000;
        assert_eq!(
            (taken(at + 120_000, at), taken(at - 1_000, at)),
            (None, None)
        );
        for now in [at + 301_000, at + 9 * 86_400_000, at - 3_600_000] {
            assert_eq!(
                taken(now, at).as_deref(),
                Some(&*format!("{} {}", dates::clock(at), dates::date(at)))
            );
        }
        assert!(taken(at + 301_000, at).expect("old").ends_with("/11/2026"));
    }
}
