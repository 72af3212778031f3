//! Thiết bị: every device and whether it answers. Thêm: links to the remaining pages.

use axum::extract::State;
use axum::response::Response;

use super::app::{App, RequestContext};
use super::components::{Banner, ListPage, PageSection, Row, html};
use crate::domain::device::{Availability, Device};
use crate::domain::state::VillageState;
use crate::http::refusal_text;
use crate::http::render::render;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::broker::QUARANTINE_REASON;
use crate::supervisor::health::HealthStatus;

/// Most unprovisioned devices that are shown.
const MAX_STRANGERS: usize = 3;

/// When a device without known availability published last, wall ms; none = never since the gateway
/// started.
fn last_seen(app: &App, device: &Device) -> Option<i64> {
    let clock = app.supervisor.clock();
    let ago = clock
        .mono_ms()
        .saturating_sub(app.live.latest.last_seen(&device.id)?);
    Some(
        clock
            .wall_ms()
            .saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)),
    )
}

/// The sentence that the page opens with; none = there are no devices.
fn summary(app: &App, lang: Lang, state: &VillageState) -> Option<String> {
    let now = app.supervisor.clock().wall_ms();
    let say = |kind, title| Banner {
        id: "devices-sum".into(),
        status_class: kind,
        title,
        detail: String::new(),
    };
    let parts = app.supervisor.health().parts();
    let fails = |part: &str| {
        parts
            .get(part)
            .is_some_and(|c| c.status == HealthStatus::Red)
    };
    if ["journal", "broker", "south"].into_iter().any(fails) {
        return Some(html(&Banner {
            detail: lang.t("machine-trouble-do"),
            ..say("warn", lang.t("devices-old"))
        }));
    }
    // A device whose account was revoked on purpose is not missed.
    let all = state
        .devices
        .keys()
        .filter(|id| !state.is_revoked(id))
        .count();
    let here = state
        .devices
        .values()
        .filter(|d| {
            !state.is_revoked(&d.id) && matches!(d.availability, Availability::Online { .. })
        })
        .count();
    let never = state
        .devices
        .values()
        .filter(|d| {
            !state.is_revoked(&d.id)
                && d.availability == Availability::Unknown
                && last_seen(app, d).is_none()
        })
        .count();
    let n = |n: usize| n.to_string();
    let words = match state.offline_devices().min_by_key(|(_, since)| *since) {
        _ if all == 0 => return None,
        Some((d, since)) => say(
            "bad",
            lang.f(
                "devices-gone",
                &[
                    ("n", &n(state.offline_devices().count())),
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

/// The devices of the village: offline ones first, then those that never answered.
fn rows(app: &App, lang: Lang, state: &VillageState) -> Vec<String> {
    let now = app.supervisor.clock().wall_ms();
    let mut devices: Vec<_> = state.devices.values().collect();
    let rank = |d: &Device| match d.availability {
        _ if state.is_revoked(&d.id) => 3,
        Availability::Offline { .. } => 0,
        Availability::Unknown => 1,
        Availability::Online { .. } => 2,
    };
    devices.sort_by_key(|d| (rank(d), d.id.clone()));
    let refusals = app.live.broker.refusals();
    let recent = |at: i64| now - at * 1000 < 86_400_000;
    let row = |d: &Device| {
        let (words, mark) = match d.availability {
            _ if state.is_revoked(&d.id) => (
                format!(
                    "{}. {}",
                    lang.t("device-sent-away"),
                    lang.t("device-sent-away-do")
                ),
                "off",
            ),
            Availability::Unknown => match last_seen(app, d) {
                Some(at) => (
                    lang.f("device-heard", &[("time", &dates::since(now, at))]),
                    "",
                ),
                None => (lang.t("device-unknown"), "off"),
            },
            Availability::Online { since } => (
                lang.f("device-here-since", &[("since", &dates::since(now, since))]),
                "",
            ),
            Availability::Offline { since } => (
                lang.f("device-gone", &[("since", &dates::since(now, since))]),
                "bad",
            ),
        };
        // Why the broker refuses the device, if that is why it is offline. Details are for the
        // technician (`conglang broker why`).
        let gone_at = d
            .availability
            .offline_since()
            .map_or(0, |since| since - 120_000);
        let refused = refusals.iter().rfind(|r| {
            !mark.is_empty()
                && !state.is_revoked(&d.id)
                && r.client == d.id.as_str()
                && recent(r.at_s)
                && r.at_s * 1000 >= gone_at
        });
        let words = match refused.and_then(|r| cause_key(&r.reason)) {
            Some(why) => format!("{words}. {}", lang.t(why)),
            None => words,
        };
        // Its discovery messages that the gateway cannot use.
        let (down, more) = app.live.rejected_discovery.of(&d.id);
        let (words, mark) = match down.first() {
            Some(first) => {
                let why = if lang == Lang::Vi {
                    refusal_text::vietnamese(&first.why)
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
            status_class: mark,
            name: d.name.clone(),
            words,
            side: String::new(),
            href: format!("/history?about={}", d.id),
        }
        .html()
    };
    devices.into_iter().map(|d| row(d)).collect()
}

/// Unprovisioned devices of the last hour: somebody plugged them in. The newest come first, so that
/// noise does not hide them.
fn unknown_devices(app: &App, lang: Lang, state: &VillageState) -> Vec<String> {
    let now = app.supervisor.clock().wall_ms();
    let refusals = app.live.broker.refusals();
    let known = |name: &str| state.devices.keys().any(|id| id.as_str() == name);
    let mut strangers: Vec<_> = refusals
        .iter()
        .filter(|r| {
            r.reason == QUARANTINE_REASON && now - r.at_s * 1000 < 3_600_000 && !known(&r.client)
        })
        .collect();
    strangers.sort_by_key(|r| (std::cmp::Reverse(r.at_s), r.client.clone()));
    let others = strangers.len().saturating_sub(MAX_STRANGERS);
    let row = |id: String, name: String, words: String| {
        Row {
            id,
            status_class: "warn",
            name,
            words,
            ..Row::default()
        }
        .html()
    };
    let mut rows: Vec<String> = strangers
        .into_iter()
        .take(MAX_STRANGERS)
        .map(|r| {
            row(
                format!("stranger-{}", r.client),
                r.client.clone(),
                lang.f(
                    "device-stranger-seen",
                    &[("time", &dates::since(now, r.at_s * 1000))],
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
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<String> {
    let mut out: Vec<String> = summary(app, visit.lang, state).into_iter().collect();
    out.extend(rows(app, visit.lang, state));
    out.extend(unknown_devices(app, visit.lang, state));
    out
}

/// The sentence for the chief about a refusal; none = the refusal tells nothing about the device.
fn cause_key(why: &str) -> Option<&'static str> {
    Some(match why {
        "wrong user name or password" | "a user name and a password are needed" => {
            "device-why-password"
        }
        "account changed; disconnecting"
        | "the certificate's name has no account"
        | QUARANTINE_REASON => "device-why-account",
        "it was silent longer than its keep alive" => "device-why-silent",
        "another connection took its session over"
        | "a technician ended it"
        | "the broker ends" => return None,
        _ => "device-why-other",
    })
}

/// The page.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let mut parts = vec![PageSection {
        rows: rows(&app, visit.lang, &state),
        empty: f.t("no-devices"),
        ..PageSection::default()
    }];
    let strangers = unknown_devices(&app, visit.lang, &state);
    if !strangers.is_empty() {
        parts.push(PageSection {
            name: f.t("device-strangers"),
            controls: format!("<p class=\"soft\">{}</p>", f.t("device-strangers-do")),
            rows: strangers,
            empty: String::new(),
        });
    }
    let summary = summary(&app, visit.lang, &state).unwrap_or_default();
    render(&ListPage {
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
pub async fn more(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
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
    render(&ListPage {
        title: f.t("more"),
        live: "/live/other",
        summary: String::new(),
        parts: Vec::new(),
        links,
        refresh: 0,
        f,
    })
}
