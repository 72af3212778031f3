//! Camera: each camera by its place, and whether its picture comes.

use axum::extract::State;
use axum::response::Response;

use super::app::{App, Visit};
use super::lights::ListPage;
use super::rows::{Part, Row};
use crate::domain::device::Presence;
use crate::domain::state::State as Village;
use crate::doors::dates;
use crate::doors::page::show;

/// The fragments of this page.
pub fn fragments(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    let (now, lang) = (app.house.clock().wall_ms(), visit.lang);
    state
        .cameras
        .values()
        .map(|c| {
            let (words, mark) = match c.signal {
                Presence::Unknown => (lang.t("camera-unknown"), "off"),
                Presence::Here { since } => (lang.f("camera-live", &[("since", &dates::since(now, since))]), ""),
                Presence::Gone { since } => (lang.f("camera-lost", &[("since", &dates::since(now, since))]), "bad"),
            };
            Row { id: format!("camera-{}", c.id), mark, name: c.name.clone(), words, side: String::new(), href: String::new() }.html()
        })
        .collect()
}

/// The page.
pub async fn page(State(app): State<App>, visit: Visit) -> Response {
    let state = app.journal.state();
    let f = app.frame(&visit, &state, "cameras");
    let parts = vec![Part { rows: fragments(&app, &visit, &state), empty: f.t("no-cameras"), ..Part::default() }];
    let summary = format!("<p class=\"soft\">{}</p>", f.t("camera-soon"));
    show(&ListPage { title: f.t("cameras"), live: "/live/cameras", summary, parts, links: Vec::new(), f })
}
