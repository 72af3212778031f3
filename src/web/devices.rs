//! Thiết bị: every box on the wire and whether it answers. Thêm: the rest of the doors.

use axum::extract::State;
use axum::response::Response;

use super::app::{App, Visit};
use super::rows::{ListPage, Part, Row, Say, html};
use crate::domain::device::{Device, Presence};
use crate::domain::state::State as Village;
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::doors::page::show;
use crate::doors::refusals;
use crate::protocol::broker::STRANGER;
use crate::supervisor::health::Light;

/// Strangers that are shown.
const STRANGERS: usize = 3;

/// When a device that does not say whether it is there said something last, wall ms; none = never
/// since the house began.
fn heard(app: &App, device: &Device) -> Option<i64> {
    let clock = app.house.clock();
    let ago = clock
        .mono_ms()
        .saturating_sub(app.live.latest.heard(&device.id)?);
    Some(
        clock
            .wall_ms()
            .saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)),
    )
}

/// The sentence that the page opens with; none = there are no devices.
fn summary(app: &App, lang: Lang, state: &Village) -> Option<String> {
    let now = app.house.clock().wall_ms();
    let say = |kind, title| Say {
        id: "devices-sum".into(),
        kind,
        title,
        detail: String::new(),
    };
    let parts = app.house.health().parts();
    let fails = |part: &str| parts.get(part).is_some_and(|c| c.light == Light::Red);
    if ["journal", "broker", "south"].into_iter().any(fails) {
        return Some(html(&Say {
            detail: lang.t("machine-trouble-do"),
            ..say("warn", lang.t("devices-old"))
        }));
    }
    // Who was sent away on purpose is not missed.
    let all = state
        .devices
        .keys()
        .filter(|id| !state.is_sent_away(id))
        .count();
    let here = state
        .devices
        .values()
        .filter(|d| !state.is_sent_away(&d.id) && matches!(d.presence, Presence::Here { .. }))
        .count();
    let never = state
        .devices
        .values()
        .filter(|d| {
            !state.is_sent_away(&d.id) && d.presence == Presence::Unknown && heard(app, d).is_none()
        })
        .count();
    let n = |n: usize| n.to_string();
    let words = match state.missing().min_by_key(|(_, since)| *since) {
        _ if all == 0 => return None,
        Some((d, since)) => say(
            "bad",
            lang.f(
                "devices-gone",
                &[
                    ("n", &n(state.missing().count())),
                    ("all", &n(all)),
                    ("name", &d.name),
                    ("since", &dates::since(now, since)),
                ],
            ),
        ),
        None if never == 0 && here < all => say(
            "info",
            lang.f(
                "devices-unwatched",
                &[("n", &n(here)), ("more", &n(all - here))],
            ),
        ),
        None if here < all => say(
            "info",
            lang.f("devices-never", &[("n", &n(here)), ("never", &n(never))]),
        ),
        None => say("", lang.f("devices-well", &[("n", &n(all))])),
    };
    Some(html(&words))
}

/// The devices of the village: what is broken first, then what was never heard.
fn rows(app: &App, lang: Lang, state: &Village) -> Vec<String> {
    let now = app.house.clock().wall_ms();
    let mut devices: Vec<_> = state.devices.values().collect();
    let rank = |d: &Device| match d.presence {
        _ if state.is_sent_away(&d.id) => 3,
        Presence::Gone { .. } => 0,
        Presence::Unknown => 1,
        Presence::Here { .. } => 2,
    };
    devices.sort_by_key(|d| (rank(d), d.id.clone()));
    let refusals = app.live.broker.refusals();
    let recent = |at: i64| now - at * 1000 < 86_400_000;
    let row = |d: &Device| {
        let (words, mark) = match d.presence {
            _ if state.is_sent_away(&d.id) => (
                format!(
                    "{}. {}",
                    lang.t("device-sent-away"),
                    lang.t("device-sent-away-do")
                ),
                "off",
            ),
            Presence::Unknown => match heard(app, d) {
                Some(at) => (
                    lang.f("device-heard", &[("time", &dates::since(now, at))]),
                    "",
                ),
                None => (lang.t("device-unknown"), "off"),
            },
            Presence::Here { since } => (
                lang.f("device-here-since", &[("since", &dates::since(now, since))]),
                "",
            ),
            Presence::Gone { since } => (
                lang.f("device-gone", &[("since", &dates::since(now, since))]),
                "bad",
            ),
        };
        // Why it does not get in, if that is why it is not here. Details are the technician's
        // (`conglang broker why`).
        let gone_at = d.presence.gone_since().map_or(0, |since| since - 120_000);
        let refused = refusals.iter().rfind(|r| {
            !mark.is_empty()
                && !state.is_sent_away(&d.id)
                && r.who == d.id.as_str()
                && recent(r.at)
                && r.at * 1000 >= gone_at
        });
        let words = match refused.and_then(|r| cause(&r.why)) {
            Some(why) => format!("{words}. {}", lang.t(why)),
            None => words,
        };
        // What it says that it does and the house cannot use.
        let (down, more) = app.live.turned_down.of(&d.id);
        let (words, mark) = match down.first() {
            Some(first) => {
                let why = if lang == Lang::Vi {
                    refusals::vietnamese(&first.why)
                } else {
                    first.why.clone()
                };
                let told = lang.f(
                    "device-turned-down",
                    &[("n", &(down.len() + more).to_string()), ("why", &why)],
                );
                (
                    format!("{words}. {told}"),
                    if mark.is_empty() { "warn" } else { mark },
                )
            }
            None => (words, mark),
        };
        let place = d
            .place
            .as_ref()
            .and_then(|p| state.places.get(p))
            .map(|p| p.name.clone());
        let words = match place {
            Some(place) => format!(
                "{words}{}{place}",
                if words.ends_with('.') { " " } else { " · " }
            ),
            None => words,
        };
        Row {
            id: format!("device-{}", d.id),
            mark,
            name: d.name.clone(),
            words,
            side: String::new(),
            href: format!("/history?about={}", d.id),
        }
        .html()
    };
    devices.into_iter().map(|d| row(d)).collect()
}

/// Strangers of the last hour: somebody plugged them in. The newest first; noise must not hide
/// them.
fn strangers(app: &App, lang: Lang, state: &Village) -> Vec<String> {
    let now = app.house.clock().wall_ms();
    let refusals = app.live.broker.refusals();
    let known = |name: &str| state.devices.keys().any(|id| id.as_str() == name);
    let mut strangers: Vec<_> = refusals
        .iter()
        .filter(|r| r.why == STRANGER && now - r.at * 1000 < 3_600_000 && !known(&r.who))
        .collect();
    strangers.sort_by_key(|r| (std::cmp::Reverse(r.at), r.who.clone()));
    let others = strangers.len().saturating_sub(STRANGERS);
    let row = |id: String, name: String, words: String| {
        Row {
            id,
            mark: "warn",
            name,
            words,
            ..Row::default()
        }
        .html()
    };
    let mut rows: Vec<String> = strangers
        .into_iter()
        .take(STRANGERS)
        .map(|r| {
            row(
                format!("stranger-{}", r.who),
                r.who.clone(),
                lang.f(
                    "device-stranger-seen",
                    &[("time", &dates::since(now, r.at * 1000))],
                ),
            )
        })
        .collect();
    if others > 0 {
        rows.push(row(
            "strangers-more".into(),
            lang.f("device-strangers-more", &[("n", &others.to_string())]),
            String::new(),
        ));
    }
    rows
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    let mut out: Vec<String> = summary(app, visit.lang, state).into_iter().collect();
    out.extend(rows(app, visit.lang, state));
    out.extend(strangers(app, visit.lang, state));
    out
}

/// What the chief is told of a refusal; none = it says nothing about the device.
fn cause(why: &str) -> Option<&'static str> {
    Some(match why {
        "wrong user name or password" | "a user name and a password are needed" => {
            "device-why-password"
        }
        "its account changed" | "the certificate's name has no account" | STRANGER => {
            "device-why-account"
        }
        "it was silent longer than its keep alive" => "device-why-silent",
        "another connection took its session over"
        | "a technician ended it"
        | "the broker ends" => return None,
        _ => "device-why-other",
    })
}

/// The page.
pub async fn page(State(app): State<App>, visit: Visit) -> Response {
    let state = app.journal.state();
    let f = app.frame(&visit, &state, "more");
    let mut parts = vec![Part {
        rows: rows(&app, visit.lang, &state),
        empty: f.t("no-devices"),
        ..Part::default()
    }];
    let strangers = strangers(&app, visit.lang, &state);
    if !strangers.is_empty() {
        parts.push(Part {
            name: f.t("device-strangers"),
            controls: format!("<p class=\"soft\">{}</p>", f.t("device-strangers-do")),
            rows: strangers,
            empty: String::new(),
        });
    }
    let summary = summary(&app, visit.lang, &state).unwrap_or_default();
    show(&ListPage {
        title: f.t("devices"),
        live: "/live/devices",
        summary,
        parts,
        links: Vec::new(),
        refresh: 0,
        f,
    })
}

/// Thêm.
pub async fn more(State(app): State<App>, visit: Visit) -> Response {
    let state = app.journal.state();
    let f = app.frame(&visit, &state, "more");
    let links = [
        ("/notices", "notices"),
        ("/sensors", "sensors"),
        ("/devices", "devices"),
        ("/history", "history"),
    ];
    let links = links
        .into_iter()
        .map(|(href, key)| (href.to_owned(), f.t(key)))
        .collect();
    show(&ListPage {
        title: f.t("more"),
        live: "/live/other",
        summary: String::new(),
        parts: Vec::new(),
        links,
        refresh: 0,
        f,
    })
}
