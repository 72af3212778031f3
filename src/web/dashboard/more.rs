//! Thêm: all other pages, each with one thing that is so now.
//!
//! Invariant: a row leads only where its reader may go.

use axum::extract::State;
use axum::response::Response;

use super::wifi;
use crate::domain::state::VillageState;
use crate::http::render::{PageContext, render};
use crate::web::kit::app::{App, RequestContext};

/// A page that it leads to.
struct MoreRow {
    href: &'static str,
    /// Its drawing: a name of `templates/components/icon.html`.
    icon: &'static str,
    name: String,
    /// One thing that is so now.
    fact: String,
}

#[derive(askama::Template)]
#[template(path = "more.html")]
struct MorePage {
    f: PageContext,
    rows: Vec<MoreRow>,
}

/// “8 đang treo · 1 bản nháp”.
fn notices(app: &App, f: &PageContext, state: &VillageState) -> String {
    let now = app.supervisor.clock().trusted_ms();
    let up = state.notices.values().filter(|n| !n.details.is_over(now));
    let counted = |key: &str, n: usize| f.lang.f(key, &[("n", n)]);
    let up = counted("more-notices", up.count());
    match state.drafts.len() {
        n if n > 0 && f.is_chief => format!("{up} · {}", counted("more-drafts", n)),
        _ => up,
    }
}

fn wifi_fact(app: &App, f: &PageContext, state: &VillageState) -> String {
    wifi::tile(app, f.lang, state).map_or_else(
        || f.t("more-wifi-none"),
        |tile| format!("{} · {}", tile.name, tile.words),
    )
}

fn directory(f: &PageContext, state: &VillageState) -> String {
    match &state.directory.map {
        Some(map) => f.lang.f(
            "more-directory",
            &[("roads", map.roads), ("houses", map.houses)],
        ),
        None => f.t("more-no-map"),
    }
}

fn rows(app: &App, f: &PageContext, state: &VillageState) -> Vec<MoreRow> {
    let row = |href, icon, key: &str, fact: String| MoreRow {
        href,
        icon,
        name: f.t(key),
        fact,
    };
    let procedures = state.procedures.as_ref();
    let procedures = procedures.map_or_else(
        || f.t("more-no-list"),
        |list| f.lang.f("procedures-n", &[("n", list.count)]),
    );
    let mut rows = vec![
        row("/notices", "notice", "notices", notices(app, f, state)),
        row("/wifi", "wifi", "free-wifi", wifi_fact(app, f, state)),
        row("/directory", "map", "roads-title", directory(f, state)),
    ];
    if f.is_chief {
        rows.push(row("/print", "code", "print-link", f.t("print-link-do")));
    }
    rows.push(row(
        "/files/procedures",
        "papers",
        "procedures-list",
        procedures,
    ));
    if f.is_chief {
        let plan = if state.storm_plan.is_some() {
            "more-plan-written"
        } else {
            "more-plan-none"
        };
        rows.push(row("/storm", "water", "storm-plan", f.t(plan)));
    }
    let counted = |key: &str, n: usize| f.lang.f(key, &[("n", n)]);
    let sensors = counted("more-sensors", state.sensors.len());
    let devices = counted("more-devices", state.devices.len());
    rows.extend([
        row("/sensors", "warmth", "sensors", sensors),
        row("/devices", "link", "devices", devices),
        row("/history", "clock", "history", f.t("more-history")),
    ]);
    rows
}

/// The page.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.village();
    let f = app.page_context(&visit, &state, "more");
    render(&MorePage {
        rows: rows(&app, &f, &state),
        f,
    })
}
