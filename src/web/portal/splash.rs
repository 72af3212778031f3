//! The first page: the urgent notices, the way to the internet, the newest notices.

use axum::extract::State;
use axum::response::Response;

use super::Portal;
use super::gate::{self, AddressSentence, Gate};
use super::notices::{self, Lists};
use super::staff::WayToDashboard;
use super::visit::PortalVisit;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, render};
use crate::ports::guests::GuestVisitor;

#[derive(askama::Template)]
#[template(path = "splash.html")]
struct Splash {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    gate: Gate,
    label: String,
    /// How to come back, for a device that is in or can be.
    come_back: Option<AddressSentence>,
    /// The box serves a wifi, and has rules for it.
    has_rules: bool,
    way: WayToDashboard,
    /// A warning is in force for which the storm page is made.
    is_stormy: bool,
    /// A warning of a lower level is in force, and stands in no box of this page.
    has_quiet_warning: bool,
    lists: Lists,
    tiles: Vec<PortalTile>,
}

/// A way into the village's board, and how much is there.
struct PortalTile {
    href: &'static str,
    icon: &'static str,
    name: String,
    words: String,
}

/// The ways into the board: those for which the village has something, and the official addresses.
/// Where a large button leads to the notices, the page for a storm takes the place of theirs.
fn tiles(portal: &Portal, f: &PageContext, has_button: bool) -> Vec<PortalTile> {
    let app = &portal.app;
    let state = app.journal.state();
    let now = app.supervisor.clock().trusted_ms();
    let up = state.notices.values().filter(|n| !n.details.is_over(now));
    let procedures = state.procedures.as_ref().map_or(0, |list| list.count);
    let roads = app.live.directory.get().map(|map| map.data().roads.len());
    let tile = |href, icon, name, words| PortalTile {
        href,
        icon,
        name: f.t(name),
        words,
    };
    let counted = |key, n: usize| f.lang.f(key, &[("n", &n.to_string())]);
    let mut tiles = Vec::new();
    if !has_button {
        let words = counted("portal-notices-n", up.count());
        tiles.push(tile("/t", "notice", "portal-notices", words));
    }
    if procedures > 0 {
        let words = counted("procedures-n", procedures as usize);
        tiles.push(tile("/p", "papers", "portal-papers", words));
    }
    if let Some(roads) = roads {
        let words = counted("portal-roads-n", roads);
        tiles.push(tile("/r", "map", "portal-roads", words));
    }
    let words = f.t("portal-official-why");
    tiles.push(tile("/addresses", "call", "portal-official", words));
    if has_button {
        let words = f.t("storm-where-low");
        tiles.push(tile("/khan", "water", "storm", words));
    }
    tiles
}

/// The first page.
pub async fn page(State(portal): State<Portal>, visit: PortalVisit) -> Response {
    let visitor = portal.app.ports.guests.look(visit.address).await;
    show(&portal, visit, visitor, false)
}

/// The first page of a device that stands so; `tapped` = this is the answer to its tap.
pub fn show(portal: &Portal, visit: PortalVisit, visitor: GuestVisitor, tapped: bool) -> Response {
    // Between two runs of its service nobody serves the port of a guest network that is there.
    let visitor = match visitor {
        GuestVisitor::NotServed if portal.app.live.guests.get().is_configured => {
            GuestVisitor::OutOfOrder
        }
        visitor => visitor,
    };
    let f = visit.context(portal);
    let gate = Gate::new(portal, visit, visitor, tapped);
    let is_in = matches!(visitor, GuestVisitor::In { .. });
    let come_back = gate::come_back(f.lang, portal).filter(|_| is_in || gate.has_tap());
    let lists = Lists::brief(portal, f.lang);
    let is_stormy = portal.app.is_stormy();
    let is_in_box = lists.urgent.iter().any(|n| n.risk.is_some());
    let mut bulletins = portal.app.bulletins().into_iter();
    let warns = bulletins.any(|notice| notice.details.risk.is_some());
    render(&Splash {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: notices::size_key(&f),
        label: gate.label(f.lang),
        tiles: tiles(portal, &f, !gate.has_tap()),
        gate,
        come_back,
        way: portal.site.way_to_dashboard(visit.address),
        has_rules: visitor != GuestVisitor::NotServed,
        has_quiet_warning: warns && !is_stormy && !is_in_box,
        is_stormy,
        lists,
        f,
    })
}
