//! The first page: the urgent notices, the way to the internet, the newest notices. The parts
//! that all see alike are made once for each change (`made_once`); how a device stands is its own.

use axum::extract::State;
use axum::response::Response;

use super::Portal;
use super::gate::{self, AddressSentence, Gate};
use super::notices::{self, Lists};
use super::staff::WayToDashboard;
use super::visit::PortalVisit;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, failed_page, render};
use crate::i18n::locale::Lang;
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

/// The parts of the page that all see alike.
#[derive(Clone)]
pub struct FrontParts {
    /// A warning is in force for which the storm page is made.
    is_stormy: bool,
    /// A warning of a lower level is in force, and stands in no box of the page.
    has_quiet_warning: bool,
    lists: Lists,
    tiles: Vec<PortalTile>,
}

impl FrontParts {
    fn of(portal: &Portal, lang: Lang, has_button: bool) -> Self {
        let app = &portal.app;
        let lists = Lists::brief(portal, lang);
        let is_stormy = app.is_stormy();
        let is_in_box = lists.urgent.iter().any(|n| n.risk.is_some());
        let mut bulletins = app.bulletins().into_iter();
        let warns = bulletins.any(|notice| notice.details.risk.is_some());
        Self {
            is_stormy,
            has_quiet_warning: warns && !is_stormy && !is_in_box,
            lists,
            tiles: tiles(portal, lang, has_button),
        }
    }
}

/// A way into the village's board, and how much is there.
#[derive(Clone)]
struct PortalTile {
    href: &'static str,
    icon: &'static str,
    name: String,
    words: String,
}

/// The ways into the board: those for which the village has something, and the official addresses.
/// Where a large button leads to the notices, the page for a storm takes the place of theirs.
fn tiles(portal: &Portal, lang: Lang, has_button: bool) -> Vec<PortalTile> {
    let app = &portal.app;
    let state = app.journal.state();
    let now = app.supervisor.clock().trusted_ms();
    let up = state.notices.values().filter(|n| !n.details.is_over(now));
    let procedures = state.procedures.as_ref().map_or(0, |list| list.count);
    let roads = app.live.directory.get().map(|map| map.data().roads.len());
    let tile = |href, icon, name, words| PortalTile {
        href,
        icon,
        name: lang.t(name),
        words,
    };
    let counted = |key, n: usize| lang.f(key, &[("n", &n.to_string())]);
    let mut tiles = Vec::new();
    if !has_button {
        let words = counted("portal-notices-n", up.count());
        tiles.push(tile("/t", "notice", "notices", words));
    }
    if procedures > 0 {
        let words = counted("procedures-n", procedures as usize);
        tiles.push(tile("/p", "papers", "procedures", words));
    }
    if let Some(roads) = roads {
        let words = counted("portal-roads-n", roads);
        tiles.push(tile("/r", "map", "portal-roads", words));
    }
    let words = lang.t("portal-official-why");
    tiles.push(tile("/addresses", "call", "portal-official", words));
    if has_button {
        let words = lang.t("storm-where");
        tiles.push(tile("/khan", "water", "storm", words));
    }
    tiles
}

/// The first page.
pub async fn page(State(portal): State<Portal>, visit: PortalVisit) -> Response {
    let visitor = portal.app.ports.guests.look(visit.address).await;
    show(&portal, visit, visitor, false).await
}

/// The first page of a device that stands so; `tapped` = this is the answer to its tap.
pub async fn show(
    portal: &Portal,
    visit: PortalVisit,
    visitor: GuestVisitor,
    tapped: bool,
) -> Response {
    // Between two runs of its service nobody serves the port of a guest network that is there.
    let visitor = match visitor {
        GuestVisitor::NotServed if portal.app.live.guests.get().is_configured => {
            GuestVisitor::OutOfOrder
        }
        visitor => visitor,
    };
    let f = visit.context(portal);
    let gate = Gate::new(portal, visit, visitor, tapped);
    let (shared, key) = (portal.clone(), (visit.lang, !gate.has_tap()));
    let front = move || FrontParts::of(&shared, key.0, key.1);
    let Some(front) = portal.fronts.get(&portal.app, key, front).await else {
        return failed_page();
    };
    let is_in = matches!(visitor, GuestVisitor::In { .. });
    let come_back = gate::come_back(f.lang, portal).filter(|_| is_in || gate.has_tap());
    render(&Splash {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: notices::size_key(&f),
        label: gate.label(f.lang),
        gate,
        come_back,
        way: portal.site.way_to_dashboard(visit.address),
        has_rules: visitor != GuestVisitor::NotServed,
        has_quiet_warning: front.has_quiet_warning,
        is_stormy: front.is_stormy,
        lists: front.lists,
        tiles: front.tiles,
        f,
    })
}
