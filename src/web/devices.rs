//! Thiết bị: every box on the wire and whether it answers. Thêm: the rest of the doors.

use axum::extract::State;
use axum::response::Response;

use super::app::{App, Visit};
use super::rows::{ListPage, Part, Row};
use crate::domain::device::Presence;
use crate::domain::state::State as Village;
use crate::doors::dates;
use crate::doors::page::show;
use crate::protocol::broker::STRANGER;

/// Strangers that are shown.
const STRANGERS: usize = 3;

/// The fragments of this page.
pub fn fragments(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    let (now, lang) = (app.house.clock().wall_ms(), visit.lang);
    let mut devices: Vec<_> = state.devices.values().collect();
    // What is broken stands first, then what was never heard.
    let rank = |p: Presence| match p {
        Presence::Gone { .. } => 0,
        Presence::Unknown => 1,
        Presence::Here { .. } => 2,
    };
    devices.sort_by_key(|d| (rank(d.presence), d.id.clone()));
    let refusals = app.live.broker.refusals();
    let recent = |at: i64| now - at * 1000 < 86_400_000;
    let mut rows: Vec<String> = devices
        .into_iter()
        .map(|d| {
            let (words, mark) = match d.presence {
                Presence::Unknown => (lang.t("device-unknown"), "off"),
                Presence::Here { since } => (lang.f("device-here-since", &[("since", &dates::since(now, since))]), ""),
                Presence::Gone { since } => (lang.f("device-gone", &[("since", &dates::since(now, since))]), "bad"),
            };
            let place = d.place.as_ref().and_then(|p| state.places.get(p)).map(|p| p.name.clone());
            // Why it does not get in, if that is why it is not here. Details are the technician's (`conglang broker why`).
            let gone_at = if let Presence::Gone { since } = d.presence { since - 120_000 } else { 0 };
            let refused = refusals.iter().rfind(|r| !mark.is_empty() && r.who == d.id.as_str() && recent(r.at) && r.at * 1000 >= gone_at);
            let refused = refused.and_then(|r| Some(lang.f("device-refused", &[("why", &lang.t(cause(&r.why)?)), ("time", &dates::since(now, r.at * 1000))])));
            let words = [Some(words), place, refused, (!d.model.is_empty()).then(|| d.model.clone())].into_iter().flatten().collect::<Vec<_>>().join(" · ");
            Row { id: format!("device-{}", d.id), mark, name: d.name.clone(), words, side: String::new(), href: format!("/history?about={}", d.id) }.html()
        })
        .collect();
    // Strangers of the last hour: somebody plugged them in. The newest first; noise must not hide them.
    let known = |name: &str| state.devices.keys().any(|id| id.as_str() == name);
    let mut strangers: Vec<_> = refusals.iter().filter(|r| r.why == STRANGER && now - r.at * 1000 < 3_600_000 && !known(&r.who)).collect();
    strangers.sort_by_key(|r| (std::cmp::Reverse(r.at), r.who.clone()));
    let others = strangers.len().saturating_sub(STRANGERS);
    for (n, r) in strangers.into_iter().take(STRANGERS).enumerate() {
        let mut words = lang.f("device-stranger-words", &[("name", &r.who), ("time", &dates::since(now, r.at * 1000)), ("address", &r.address)]);
        if others > 0 && n + 1 == STRANGERS {
            words = format!("{words} {}", lang.f("device-strangers-more", &[("n", &others.to_string())]));
        }
        rows.push(Row { id: format!("stranger-{}", r.who), mark: "warn", name: lang.t("device-stranger"), words, side: String::new(), href: String::new() }.html());
    }
    rows
}

/// What the chief is told of a refusal; none = it says nothing about the device.
fn cause(why: &str) -> Option<&'static str> {
    Some(match why {
        "wrong user name or password" | "a user name and a password are needed" => "device-why-password",
        "its account changed" | "the certificate's name has no account" | STRANGER => "device-why-account",
        "it was silent longer than its keep alive" => "device-why-silent",
        "another connection took its session over" | "a technician ended it" | "the broker ends" => return None,
        _ => "device-why-other",
    })
}

/// The page.
pub async fn page(State(app): State<App>, visit: Visit) -> Response {
    let state = app.journal.state();
    let f = app.frame(&visit, &state, "more");
    let parts = vec![Part { rows: fragments(&app, &visit, &state), empty: f.t("no-devices"), ..Part::default() }];
    show(&ListPage { title: f.t("devices"), live: "/live/devices", summary: String::new(), parts, links: Vec::new(), refresh: 0, f })
}

/// Thêm.
pub async fn more(State(app): State<App>, visit: Visit) -> Response {
    let state = app.journal.state();
    let f = app.frame(&visit, &state, "more");
    let links = [("/notices", "notices"), ("/sensors", "sensors"), ("/devices", "devices"), ("/history", "history")];
    let links = links.into_iter().map(|(href, key)| (href.to_owned(), f.t(key))).collect();
    show(&ListPage { title: f.t("more"), live: "/live/other", summary: String::new(), parts: Vec::new(), links, refresh: 0, f })
}
