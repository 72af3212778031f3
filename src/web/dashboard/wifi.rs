//! Wifi miễn phí: who is in now, what was used, the week as a picture; from here a device is cut,
//! blocked or let in always, and the rules are set.
//!
//! Invariants: a device is a short code on this page, or the name that somebody gave it; no
//! address, no page that a guest opened. Every act is a command in history before the network is
//! asked.

mod chart;
mod device;
mod rules;
mod rules_wrong;
mod sheet;
mod summary;

use axum::extract::{RawQuery, State};
use axum::response::Response;

pub(super) use self::device::typed_again as decision_typed_again;
pub use self::device::{cut, decide, forget, one};
pub(super) use self::rules::{RULES_FIELDS, typed_again as rules_typed_again};
pub use self::rules::{form as rules_form, set};
pub use self::sheet::sheet;
use self::summary::summary;
use crate::domain::guest::admission::UplinkUse;
use crate::domain::guest::{DeviceCodes, Standing};
use crate::domain::id::GuestId;
use crate::domain::state::VillageState;
use crate::http::render::{PageContext, render};
use crate::i18n::amounts;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::live::guests::{GuestRow, GuestsNow};
use crate::time::WallMs;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{Fragment, Row, Tile};

/// Rows of a list before it is asked for whole.
const MOST_ROWS: usize = 20;

#[derive(askama::Template)]
#[template(path = "wifi.html")]
struct WifiPage {
    f: PageContext,
    live: &'static str,
    summary: String,
    lists: String,
    week: chart::WeekPicture,
}

#[derive(askama::Template)]
#[template(path = "wifi_lists.html")]
struct DeviceLists {
    lists: Vec<DeviceList>,
    all: String,
    /// The block list's work of today; empty = it is not in use.
    blocked: String,
}

struct DeviceList {
    name: String,
    rows: Vec<String>,
    empty: String,
    /// Rows that are left out.
    more: usize,
}

/// The codes of all devices that have a page.
fn codes(state: &VillageState, guests: &GuestsNow) -> DeviceCodes {
    let decided = state.wifi.decided.values().map(|d| &d.id);
    let seen = guests.devices.iter().map(|row| &row.id);
    decided.chain(seen).collect()
}

/// The name of a device on the page: one that somebody gave it, or its code.
fn called(lang: Lang, state: &VillageState, codes: &DeviceCodes, id: &GuestId) -> String {
    match state.wifi.decided.get(id) {
        Some(decided) => lang.verbatim(&decided.name),
        None => lang.f("wifi-device-code", &[("code", &codes.of(id))]),
    }
}

fn standing_key(standing: Standing) -> &'static str {
    match standing {
        Standing::AlwaysIn => "wifi-always-in",
        Standing::Blocked => "wifi-is-blocked",
    }
}

/// How a device stands, in words.
fn device_words(lang: Lang, now: WallMs, state: &VillageState, row: &GuestRow) -> String {
    let mut words = Vec::new();
    if let Some(since) = row.since {
        words.push(lang.f("wifi-since", &[("at", &dates::since(now, since))]));
    }
    let used = amounts::bytes(lang, row.used_today);
    words.push(lang.f("wifi-used-today", &[("bytes", &used)]));
    if let Some(decided) = state.wifi.decided.get(&row.id) {
        words.push(lang.t(standing_key(decided.standing)));
    }
    words.join(" · ")
}

/// Whether devices that are in are online: not while guests wait for the internet, and nobody knows
/// it without the network helper. With the name of their list.
fn online(state: &VillageState, guests: &GuestsNow) -> (bool, &'static str) {
    if guests.is_configured && !guests.is_in_force {
        (false, "wifi-last-known")
    } else if guests.uplink_use(&state.wifi.rules) == UplinkUse::Open {
        (true, "wifi-on-now")
    } else {
        (false, "wifi-waiting")
    }
}

fn device_row(
    lang: Lang,
    now: WallMs,
    state: &VillageState,
    row: &GuestRow,
    name: String,
    is_online: bool,
) -> String {
    Row {
        id: format!("guest-{}", row.id),
        status_class: if is_online { "" } else { "off" },
        name,
        words: device_words(lang, now, state, row),
        href: format!("/wifi/devices/{}", row.id),
        ..Row::default()
    }
    .html()
}

/// The devices that are in, those that were in today, and those on which somebody decided.
fn lists(
    lang: Lang,
    now: WallMs,
    state: &VillageState,
    guests: &GuestsNow,
    most: usize,
) -> Fragment {
    let codes = codes(state, guests);
    let (is_online, in_name) = online(state, guests);
    let rows = |is_in: bool| {
        let devices = guests.devices.iter();
        let rows = devices.filter(move |row| row.since.is_some() == is_in);
        rows.map(|row| {
            let name = called(lang, state, &codes, &row.id);
            device_row(lang, now, state, row, name, is_in && is_online)
        })
        .collect::<Vec<_>>()
    };
    let is_seen = |id: &GuestId| guests.devices.iter().any(|row| row.id == *id);
    let decided = state.wifi.decided.values();
    let absent = decided.filter(|d| !is_seen(&d.id)).map(|d| {
        Row {
            id: format!("guest-{}", d.id),
            status_class: "off",
            name: lang.verbatim(&d.name),
            words: lang.t(standing_key(d.standing)),
            href: format!("/wifi/devices/{}", d.id),
            ..Row::default()
        }
        .html()
    });
    let list = |name: &str, mut rows: Vec<String>, empty: &str| {
        let more = rows.len().saturating_sub(most);
        rows.truncate(most);
        DeviceList {
            name: lang.t(name),
            rows,
            empty: lang.t(empty),
            more,
        }
    };
    let nobody = if guests.is_configured && !guests.is_in_force {
        "wifi-unknown-in"
    } else {
        "wifi-nobody-in"
    };
    let rows_in = rows(true);
    let in_name = if rows_in.is_empty() {
        "wifi-on-now"
    } else {
        in_name
    };
    let mut lists = vec![list(in_name, rows_in, nobody)];
    for (name, rows) in [
        ("wifi-earlier", rows(false)),
        ("wifi-decided", absent.collect()),
    ] {
        if !rows.is_empty() {
            lists.push(list(name, rows, nobody));
        }
    }
    let all = lang.t("wifi-show-all");
    let blocked = guests
        .blocked_today
        .map_or_else(String::new, |n| lang.f("wifi-blocked-today", &[("n", n)]));
    let lists = DeviceLists {
        lists,
        all,
        blocked,
    };
    Fragment::new("wifi-lists", &lists)
}

/// The tile of the first page; none = the box serves no guests.
pub(super) fn tile(app: &App, lang: Lang, state: &VillageState) -> Option<Tile> {
    let guests = app.live.guests.get();
    let sentence = summary(app, lang, state, &guests);
    let is_well = sentence.status_class.is_empty();
    guests.is_configured.then(|| Tile {
        id: "tile-wifi".into(),
        href: "/wifi",
        bad: sentence.status_class == "bad",
        icon: "wifi",
        name: if online(state, &guests).0 {
            lang.f("tile-wifi", &[("n", guests.count_in())])
        } else {
            lang.t("tile-wifi-only")
        },
        words: if is_well {
            let used = amounts::bytes(lang, guests.used_today);
            lang.f("wifi-used-today", &[("bytes", &used)])
        } else {
            sentence.title
        },
    })
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<Fragment> {
    let guests = app.live.guests.get();
    let now = app.supervisor.clock().wall_ms();
    vec![
        summary(app, visit.lang, state, &guests).fragment(),
        lists(visit.lang, now, state, &guests, MOST_ROWS),
    ]
}

/// The page. With the query `all` its lists are whole, and stand still.
pub async fn page(
    State(app): State<App>,
    visit: RequestContext,
    RawQuery(query): RawQuery,
) -> Response {
    let is_whole = query.is_some_and(|q| q.split('&').any(|pair| pair == "all"));
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let (guests, now) = (app.live.guests.get(), app.supervisor.clock().wall_ms());
    let (live, most) = if is_whole {
        ("/live/other", usize::MAX)
    } else {
        ("/live/wifi", MOST_ROWS)
    };
    render(&WifiPage {
        live,
        summary: summary(&app, f.lang, &state, &guests).fragment().html,
        lists: lists(f.lang, now, &state, &guests, most).html,
        week: chart::WeekPicture::new(f.lang, now, &guests.week),
        f,
    })
}
