//! Thiết bị: every box on the wire and whether it answers. Thêm: the rest of the doors.

use axum::extract::State;
use axum::response::Response;

use super::app::{App, Visit};
use super::rows::{ListPage, Part, Row};
use crate::domain::device::Presence;
use crate::domain::state::State as Village;
use crate::doors::locale::Lang;
use crate::doors::page::show;
use crate::doors::{dates, refusals};
use crate::protocol::broker::STRANGER;

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
            // The last reason why it was refused, while it is not here: that is what the technician will ask.
            let refused = refusals.iter().rfind(|r| r.who == d.id.as_str() && recent(r.at) && !mark.is_empty());
            let refused = refused.map(|r| lang.f("device-refused", &[("time", &dates::clock(r.at * 1000)), ("why", &why(lang, &r.why))]));
            let words = [Some(words), refused, place, (!d.model.is_empty()).then(|| d.model.clone())].into_iter().flatten().collect::<Vec<_>>().join(" · ");
            Row { id: format!("device-{}", d.id), mark, name: d.name.clone(), words, side: String::new(), href: format!("/history?about={}", d.id) }.html()
        })
        .collect();
    // Strangers that announced themselves: somebody plugged them in.
    let mut strangers: Vec<&str> = refusals.iter().filter(|r| r.why == STRANGER && recent(r.at)).map(|r| r.who.as_str()).collect();
    strangers.retain(|name| !state.devices.keys().any(|id| id.as_str() == *name));
    strangers.sort_unstable();
    strangers.dedup();
    rows.extend(
        strangers
            .into_iter()
            .take(10)
            .map(|name| Row { id: format!("stranger-{name}"), mark: "warn", name: name.to_owned(), words: lang.t("device-stranger"), side: String::new(), href: String::new() }.html()),
    );
    rows
}

/// Why it was refused, in the reader's language.
fn why(lang: Lang, why: &str) -> String {
    if lang == Lang::Vi { refusals::vietnamese(why) } else { why.to_owned() }
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
