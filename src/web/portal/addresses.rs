//! Địa chỉ đúng: the official addresses and telephones, so that nobody follows a false one.

use axum::extract::State;
use axum::response::Response;

use super::Portal;
use super::notices::size_key;
use super::visit::PortalVisit;
use crate::config::board::{OfficialAddress, OfficialKind};
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, TextSpan, dial, render};
use crate::i18n::locale::Lang;
use crate::web::kit::app::App;
use crate::web::kit::directory::middle;

/// An address as its row says.
struct AddressRow {
    /// Its place in the list; the search leads to it.
    number: usize,
    name: String,
    what: String,
    /// The page and its host, broken only before a full stop.
    link: Option<(String, Vec<String>)>,
    /// The page does not open.
    is_dead: bool,
    /// The telephone.
    phone: Option<Telephone>,
}

/// A telephone as people read it out and dial it.
struct Telephone {
    words: String,
    dial: String,
    /// The price of a call; empty = nobody said.
    cost: String,
}

impl Telephone {
    fn new(lang: Lang, number: &str) -> Self {
        let dial = dial(number);
        let cost = match dial.get(..4) {
            Some("1800") => lang.t("phone-free"),
            Some("1900") => lang.t("phone-charged"),
            _ => String::new(),
        };
        let words = match dial.split_at_checked(4) {
            Some((first, rest)) if !cost.is_empty() && number == dial => {
                format!("{first}\u{a0}{rest}")
            }
            _ => number.replace(' ', "\u{a0}"),
        };
        Self { words, dial, cost }
    }
}

/// An address in pieces between which a line may break: the first, then each with its full stop.
fn pieces(host: &str) -> Vec<String> {
    let mut parts = host.split('.');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| format!(".{part}"));
    std::iter::once(first).chain(rest).collect()
}

impl AddressRow {
    fn new(app: &App, lang: Lang, number: usize, address: &OfficialAddress) -> Self {
        let what = match lang {
            Lang::En if !address.what_en.is_empty() => address.what_en.clone(),
            _ => lang.verbatim(&address.what),
        };
        Self {
            number,
            name: name(lang, address),
            what,
            is_dead: is_dead(app, address),
            link: address
                .url
                .clone()
                .zip(address.host().map(|host| pieces(&host))),
            phone: address
                .phone
                .as_deref()
                .map(|phone| Telephone::new(lang, phone)),
        }
    }
}

/// The name of an address on a page.
pub(super) fn name(lang: Lang, address: &OfficialAddress) -> String {
    match lang {
        Lang::En if !address.name_en.is_empty() => address.name_en.clone(),
        _ => lang.verbatim(&address.name),
    }
}

fn is_dead(app: &App, address: &OfficialAddress) -> bool {
    let url = address.url.as_deref().unwrap_or_default();
    app.live.dead_links.contains(url)
}

/// A telephone that can be dialled.
pub(super) fn phone(number: &str) -> Vec<TextSpan> {
    vec![TextSpan::telephone(number)]
}

#[derive(askama::Template)]
#[template(path = "portal_addresses.html")]
struct AddressesPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    /// Nobody has checked the list.
    is_unchecked: bool,
    /// The kinds with their addresses.
    parts: Vec<AddressPart>,
}

/// The addresses of a kind.
struct AddressPart {
    title: String,
    rows: Vec<AddressRow>,
    /// Those that serve other parts of the country.
    elsewhere: Vec<AddressRow>,
}

const fn kind_key(kind: OfficialKind) -> &'static str {
    match kind {
        OfficialKind::Service => "official-service",
        OfficialKind::Health => "official-health",
        OfficialKind::Electricity => "official-electricity",
        OfficialKind::Water => "official-water",
        OfficialKind::Emergency => "official-emergency",
    }
}

/// The page.
pub async fn page(State(portal): State<Portal>, visit: PortalVisit) -> Response {
    let f = visit.context(&portal);
    let latitude = middle(&portal.app.journal.state()).map(|middle| middle.lat);
    let of_kind = |kind: OfficialKind| {
        let rows = |is_here: bool| {
            let official = portal.app.board.official.iter().enumerate();
            official
                .filter(|(_, address)| address.kind == kind && address.serves(latitude) == is_here)
                .map(|(n, address)| AddressRow::new(&portal.app, f.lang, n, address))
                .collect()
        };
        AddressPart {
            title: f.t(kind_key(kind)),
            rows: rows(true),
            elsewhere: rows(false),
        }
    };
    let parts = OfficialKind::ALL.map(of_kind).into_iter();
    render(&AddressesPage {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        is_unchecked: !portal.app.board.is_checked,
        parts: parts
            .filter(|part| !part.rows.is_empty() || !part.elsewhere.is_empty())
            .collect(),
        f,
    })
}
