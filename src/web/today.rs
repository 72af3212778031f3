//! Hôm nay: one sentence about what is broken since when, tiles, and what just happened.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::app::{App, Visit};
use super::notices::{Brief, brief};
use super::rows::{Say, Tile, html};
use super::words::is_news;
use crate::domain::device::{Device, Presence};
use crate::domain::entity::Kind;
use crate::domain::notice::NoticeKind;
use crate::domain::sensor::{Alarm, Sensor};
use crate::domain::state::State as Village;
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::doors::page::{Frame, show};
use crate::supervisor::health::Light;

/// Names in the sentence of what is broken.
const NAMES: usize = 4;
/// Line icons of the tiles.
const SPEAKER: &str = "M4 10v4h3l6 4V6L7 10zM17 9a4 4 0 0 1 0 6M19.5 6.5a8 8 0 0 1 0 11";
const LAMP: &str =
    "M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.9c.6.5 1 1.2 1 2.1h5c0-.9.4-1.6 1-2.1A6 6 0 0 0 12 3z";
const CAMERA: &str = "M3 8h11a2 2 0 0 1 2 2v5a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM16 11l5-3v9l-5-3";
const WATER: &str = "M12 3s6 6.5 6 11a6 6 0 0 1-12 0c0-4.5 6-11 6-11z";
const WARMTH: &str = "M10 4a2 2 0 0 1 4 0v9a4.5 4.5 0 1 1-4 0z";
const LINK: &str = "M8 20V5M4 9l4-4 4 4M16 4v15M12 15l4 4 4-4";

#[derive(askama::Template)]
#[template(path = "today.html")]
struct TodayPage {
    f: Frame,
    date: String,
    urgent: String,
    broken: String,
    alarm: String,
    tiles: Vec<Tile>,
    recent: Vec<String>,
}

/// Things that do not work: name and since when (wall ms), longest first.
fn broken(lang: Lang, state: &Village) -> Vec<(String, i64)> {
    let mut out: Vec<(String, i64)> = state
        .missing()
        .map(|(device, since)| (device.name.clone(), since))
        .collect();
    for light in state.lights.values() {
        let gone = state
            .device_of(&light.id)
            .is_some_and(|d| d.presence.is_gone());
        if let Some(desired) = light.desired.filter(|_| light.is_unanswered() && !gone) {
            out.push((
                lang.f("tile-lights-bad", &[("name", &light.name)]),
                desired.at,
            ));
        }
    }
    for camera in state.cameras.values() {
        if let Some(since) = camera.signal.gone_since() {
            out.push((format!("camera {}", camera.name), since));
        }
    }
    out.sort_by_key(|(_, since)| *since);
    out
}

/// Devices and cameras that never answered yet, and what should watch and does not say how it is:
/// not broken, and not well either.
pub(super) fn unheard(app: &App, state: &Village) -> Option<Vec<String>> {
    let never = |d: &Device| {
        d.presence == Presence::Unknown
            && app.live.latest.heard(&d.id).is_none()
            && state.accounts.contains_key(&d.id)
    };
    let devices = state
        .devices
        .values()
        .filter(|d| never(d))
        .map(|d| d.name.clone());
    let cameras = state
        .cameras
        .values()
        .filter(|c| c.signal == Presence::Unknown)
        .map(|c| format!("camera {}", c.name));
    // Each once: where the whole device was never heard, it is told as that.
    let told = |s: &Sensor| super::sensors::device_of(state, s).is_some_and(never);
    let blind = state
        .sensors
        .values()
        .filter(|s| super::sensors::is_blind(app, state, s) && !told(s))
        .map(|s| s.name.clone());
    let unseen = super::cameras::unseen(app, state)
        .chain(super::cameras::unsure(app, state))
        .map(|c| format!("camera {}", c.name));
    let all: Vec<String> = devices.chain(cameras).chain(blind).chain(unseen).collect();
    (!all.is_empty()).then_some(all)
}

fn unheard_words(lang: Lang, all: &[String]) -> String {
    let mut names = all
        .iter()
        .take(NAMES)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > NAMES {
        names.push('…');
    }
    lang.f(
        "unheard-things",
        &[("n", &all.len().to_string()), ("names", &names)],
    )
}

/// Urgent notices, with their words: they stand before everything and come to an open page by
/// themselves.
fn urgent(app: &App, lang: Lang, state: &Village) -> String {
    let notices: Vec<Brief> = state
        .notices_at(app.house.clock().certain_ms())
        .iter()
        .filter(|n| n.kind == NoticeKind::Urgent)
        .take(2)
        .map(|n| brief(app, lang, n))
        .collect();
    html(&Urgent {
        notices,
        read: lang.t("see-notice"),
    })
}

#[derive(askama::Template)]
#[template(path = "urgent.html")]
struct Urgent {
    notices: Vec<Brief>,
    read: String,
}

/// What has passed a mark stands before everything else: smoke and its like first, then by level;
/// none hides another.
fn alarm(app: &App, lang: Lang, state: &Village) -> Option<String> {
    let now = app.house.clock().wall_ms();
    let yes_no = |s: &Sensor| {
        state
            .entities
            .get(&s.id)
            .is_some_and(|e| e.kind == Kind::BinarySensor)
    };
    let mut all: Vec<_> = state
        .sensors
        .values()
        .filter_map(|s| s.alarm.map(|a| (yes_no(s), a, s)))
        .collect();
    all.sort_by_key(|(smoke, a, _)| std::cmp::Reverse((*smoke, a.level)));
    let one = |(smoke, a, s): &(bool, Alarm, &Arc<Sensor>)| {
        let since = dates::since(now, a.at);
        if *smoke {
            let detail = state
                .entities
                .get(&s.id)
                .and_then(|e| super::sensors::yes_no(app, lang, e))
                .map(|(words, _)| words)
                .unwrap_or_default();
            return html(&Say {
                id: String::new(),
                kind: "bad",
                title: lang.f("alarm-smoke", &[("name", &s.name), ("since", &since)]),
                detail,
            });
        }
        let (mark, is_falling) = super::sensors::passed(app, s, a);
        let key = if is_falling {
            "alarm-falling"
        } else {
            "alarm-now"
        };
        let title = lang.f(
            key,
            &[
                ("name", &s.name),
                ("mark", &dates::number(mark, s.decimals)),
                ("unit", &s.unit),
                ("since", &since),
            ],
        );
        html(&Say {
            id: String::new(),
            kind: if a.level > 1 { "bad" } else { "warn" },
            title,
            detail: lang.t("sensor-note"),
        })
    };
    (!all.is_empty()).then(|| {
        format!(
            "<div id=\"alarm\">{}</div>",
            all.iter().map(one).collect::<String>()
        )
    })
}

/// What was kept and is not any more; none = all is there.
fn lost(app: &App, lang: Lang) -> Option<String> {
    let parts = app.house.health().parts();
    let is_lost = |part: &&str| parts.get(*part).is_some_and(|c| c.light == Light::Amber);
    let words: Vec<String> = ["history", "ledger", "people", "commune"]
        .iter()
        .filter(|p| is_lost(p))
        .map(|p| lang.t(&format!("lost-{p}")))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn sentence(app: &App, lang: Lang, state: &Village) -> String {
    let now = app.house.clock().wall_ms();
    let things = broken(lang, state);
    // Words, not the names of parts; each once.
    let part = |name: &str| match name {
        "queues" => "part-queues",
        "broker" | "south" => "part-broker",
        "journal" => "part-journal",
        "keys" => "part-keys",
        _ => "part-other",
    };
    let red: Vec<String> = app
        .house
        .health()
        .parts()
        .into_iter()
        .filter(|(_, c)| c.light == Light::Red)
        .map(|(name, _)| name)
        .collect();
    // With a card that takes nothing, nothing of what is told about devices can be kept up to date.
    let grave = red.iter().any(|name| name == "journal");
    let trouble: std::collections::BTreeSet<String> =
        red.iter().map(|name| lang.t(part(name))).collect();
    let trouble: Vec<String> = trouble.into_iter().collect();
    let lost = lost(app, lang);
    let say = if let Some((oldest, since)) = things.first().filter(|_| !grave) {
        let mut names = things
            .iter()
            .take(NAMES)
            .map(|(n, _)| n.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        if things.len() > NAMES {
            names.push('…');
        }
        Say {
            id: "broken".into(),
            kind: "bad",
            title: lang.f(
                "broken-things",
                &[("n", &things.len().to_string()), ("names", &names)],
            ),
            detail: [
                Some(lang.f(
                    "broken-oldest",
                    &[("name", oldest), ("since", &dates::since(now, *since))],
                )),
                unheard(app, state).map(|names| unheard_words(lang, &names)),
                lost,
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
        }
    } else if !trouble.is_empty() {
        Say {
            id: "broken".into(),
            kind: "warn",
            title: lang.f("machine-trouble", &[("what", &trouble.join(", "))]),
            detail: lang.t("machine-trouble-do"),
        }
    } else if let Some(lost) = lost {
        Say {
            id: "broken".into(),
            kind: "warn",
            title: lost,
            detail: lang.t("lost-do"),
        }
    } else if state.devices.is_empty() {
        Say {
            id: "broken".into(),
            kind: "info",
            title: lang.t("nothing-yet"),
            detail: lang.t("nothing-yet-do"),
        }
    } else if let Some(names) = unheard(app, state) {
        Say {
            id: "broken".into(),
            kind: "warn",
            title: unheard_words(lang, &names),
            detail: String::new(),
        }
    } else {
        Say {
            id: "broken".into(),
            kind: "",
            title: lang.t("all-well"),
            detail: String::new(),
        }
    };
    html(&say)
}

fn tiles(app: &App, lang: Lang, state: &Village) -> Vec<Tile> {
    let now = app.house.clock().wall_ms();
    let presence = |id| {
        state
            .devices
            .get(id)
            .map(|d| d.presence)
            .unwrap_or_default()
    };
    let mut out = Vec::new();
    // A cluster that was sent away is nobody's any more: it is neither well nor missing.
    let ours: Vec<_> = state
        .speakers
        .values()
        .filter(|s| !state.is_sent_away(&s.id))
        .collect();
    let here = ours
        .iter()
        .filter(|s| matches!(presence(&s.id), Presence::Here { .. }))
        .count();
    let none = if here == ours.len() {
        lang.t("tile-speakers-ok")
    } else {
        lang.f("tile-unheard", &[("n", &(ours.len() - here).to_string())])
    };
    let silent = ours
        .iter()
        .find_map(|s| Some((s.name.clone(), presence(&s.id).gone_since()?)));
    let words = silent.as_ref().map_or(none, |(name, since)| {
        lang.f(
            "tile-speakers-silent",
            &[("name", name), ("since", &dates::since(now, *since))],
        )
    });
    out.push(Tile {
        id: "tile-speakers".into(),
        icon: SPEAKER,
        href: "/speakers",
        bad: silent.is_some(),
        name: lang.f(
            "tile-speakers",
            &[("n", &here.to_string()), ("all", &ours.len().to_string())],
        ),
        words,
    });
    let bad = state
        .lights
        .values()
        .find(|l| super::lights::words(app, lang, state, l).1 == "bad");
    let on = state
        .lights
        .values()
        .filter(|l| super::lights::words(app, lang, state, l).1.is_empty())
        .count();
    let never = super::lights::never(state);
    let words = match (bad, never.first()) {
        (Some(l), _) => lang.f("tile-lights-bad", &[("name", &l.name)]),
        (None, Some(name)) => lang.f("tile-lights-never", &[("name", name)]),
        (None, None) => lang.t("tile-lights-ok"),
    };
    out.push(Tile {
        id: "tile-lights".into(),
        icon: LAMP,
        href: "/lights",
        bad: bad.is_some(),
        name: lang.f(
            "tile-lights",
            &[
                ("n", &on.to_string()),
                ("all", &super::lights::all(state).to_string()),
            ],
        ),
        words,
    });
    let seen = state
        .cameras
        .values()
        .filter(|c| matches!(c.signal, Presence::Here { .. }))
        .count();
    let lost = state.cameras.values().find(|c| c.signal.is_gone());
    let unseen = super::cameras::unseen(app, state).next();
    let words = match lost {
        Some(c) => lang.f("tile-cameras-bad", &[("name", &c.name)]),
        None if seen == 0 => lang.t("tile-cameras-none"),
        None if unseen.is_some() => lang.f(
            "tile-cameras-unseen",
            &[("name", &unseen.map(|c| c.name.clone()).unwrap_or_default())],
        ),
        None if seen < state.cameras.len() => lang.f(
            "tile-cameras-unheard",
            &[("n", &(state.cameras.len() - seen).to_string())],
        ),
        None => lang.t("tile-cameras-ok"),
    };
    out.push(Tile {
        id: "tile-cameras".into(),
        icon: CAMERA,
        href: "/cameras",
        bad: lost.is_some() || unseen.is_some(),
        name: lang.f(
            "tile-cameras",
            &[
                ("n", &seen.to_string()),
                ("all", &state.cameras.len().to_string()),
            ],
        ),
        words,
    });
    for sensor in state
        .sensors
        .values()
        .filter(|s| {
            !s.marks.is_empty() && !s.unit.is_empty() && !super::sensors::is_sent_away(state, s)
        })
        .take(2)
    {
        let latest = app.live.latest.get(&sensor.id);
        let name = latest.map_or_else(
            || sensor.name.clone(),
            |v| {
                format!(
                    "{} {} {}",
                    sensor.name,
                    dates::number(v.number, sensor.decimals),
                    sensor.unit
                )
            },
        );
        let words = super::sensors::when(app, lang, state, sensor, "tile-reading-time");
        let silent = super::sensors::silent_since(state, sensor);
        let words = silent.map_or(words, |since| {
            lang.f("tile-reading-gone", &[("since", &dates::since(now, since))])
        });
        let icon = if sensor.unit == "°C" { WARMTH } else { WATER };
        out.push(Tile {
            id: format!("tile-{}", sensor.id),
            icon,
            href: "/sensors",
            bad: sensor.alarm.is_some() || silent.is_some(),
            name,
            words,
        });
    }
    let link = app.live.uplink.now();
    let (name, words, bad) = if !link.configured {
        (lang.t("tile-sync-none"), lang.t("tile-sync-none-do"), false)
    } else if !link.up {
        (
            lang.t("tile-sync-down"),
            lang.f("tile-sync-down-do", &[("n", &link.waiting.to_string())]),
            true,
        )
    } else if link.waiting > 0 {
        (
            lang.f("tile-sync-waiting", &[("n", &link.waiting.to_string())]),
            lang.t("tile-sync-waiting-do"),
            false,
        )
    } else {
        (
            lang.f(
                "tile-sync-ok",
                &[("time", &dates::since(now, link.received_at))],
            ),
            lang.t("tile-sync-ok-do"),
            false,
        )
    };
    out.push(Tile {
        id: "tile-sync".into(),
        icon: LINK,
        href: "/history",
        bad,
        name,
        words,
    });
    out
}

async fn recent(app: &App, lang: Lang) -> Vec<String> {
    let entries = app.journal.before(u64::MAX, 200).await;
    let news: Vec<_> = entries
        .into_iter()
        .filter(|e| is_news(&e.entry.event))
        .take(60)
        .collect();
    app.entry_rows(lang, &news, 6)
        .await
        .into_iter()
        .map(|(_, row)| row)
        .collect()
}

#[derive(askama::Template)]
#[template(path = "today_tile.html")]
struct TilePart<'a> {
    t: &'a Tile,
}

/// The fragments of this page.
pub async fn fragments(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    let lang = visit.lang;
    let mut out = vec![
        urgent(app, lang, state),
        sentence(app, lang, state),
        alarm(app, lang, state).unwrap_or_else(|| "<div id=\"alarm\"></div>".to_owned()),
    ];
    out.extend(
        tiles(app, lang, state)
            .iter()
            .map(|t| html(&TilePart { t })),
    );
    out.push(format!(
        "<ul class=\"rows sheet\" id=\"recent\">{}</ul>",
        recent(app, lang).await.concat()
    ));
    out
}

/// The page.
pub async fn page(State(app): State<App>, visit: Visit) -> Response {
    let state = app.village();
    let f = app.frame(&visit, &state, "today");
    let now = app.house.clock().wall_ms();
    let urgent = urgent(&app, f.lang, &state);
    let date = format!(
        "{} · {}",
        dates::long(f.lang, now),
        dates::lunar_words(f.lang, now)
    );
    let alarm =
        alarm(&app, f.lang, &state).unwrap_or_else(|| "<div id=\"alarm\"></div>".to_owned());
    let (broken, tiles, recent) = (
        sentence(&app, f.lang, &state),
        tiles(&app, f.lang, &state),
        recent(&app, f.lang).await,
    );
    show(&TodayPage {
        f,
        date,
        urgent,
        broken,
        alarm,
        tiles,
        recent,
    })
}
