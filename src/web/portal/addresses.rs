//! Địa chỉ đúng: the official addresses and telephones, so that nobody follows a false one.

use axum::extract::State;
use axum::response::Response;

use super::Portal;
use super::notices::size_key;
use super::visit::PortalVisit;
use crate::config::board::{OfficialAddress, OfficialKind};
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, TextSpan, render};
use crate::i18n::locale::Lang;
use crate::web::kit::app::App;

/// An address as its row says.
struct AddressRow {
    /// Its place in the list; the search leads to it.
    number: usize,
    name: String,
    what: String,
    /// The page and its host.
    link: Option<(String, String)>,
    /// The page does not open.
    is_dead: bool,
    /// The telephone as people dial it; empty = none.
    phone: Vec<TextSpan>,
}

impl AddressRow {
    fn new(app: &App, lang: Lang, number: usize, address: &OfficialAddress) -> Self {
        let what = match lang {
            Lang::En if !address.what_en.is_empty() => address.what_en.clone(),
            _ => lang.verbatim(&address.what),
        };
        Self {
            number,
            name: lang.verbatim(&address.name),
            what,
            is_dead: is_dead(app, address),
            link: address.url.clone().zip(address.host()),
            phone: address.phone.as_deref().map_or_else(Vec::new, phone),
        }
    }
}

fn is_dead(app: &App, address: &OfficialAddress) -> bool {
    let url = address.url.as_deref().unwrap_or_default();
    app.live.dead_links.contains(url)
}

/// A telephone that can be dialled.
pub(super) fn phone(number: &str) -> Vec<TextSpan> {
    vec![TextSpan {
        words: number.to_owned(),
        dial: number.chars().filter(char::is_ascii_digit).collect(),
    }]
}

#[derive(askama::Template)]
#[template(path = "portal_addresses.html")]
struct AddressesPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    /// Each kind with its addresses.
    parts: Vec<(String, Vec<AddressRow>)>,
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
    let of_kind = |kind: OfficialKind| {
        let official = portal.app.board.official.iter().enumerate();
        let rows: Vec<_> = official
            .filter(|(_, address)| address.kind == kind)
            .map(|(n, address)| AddressRow::new(&portal.app, f.lang, n, address))
            .collect();
        (f.t(kind_key(kind)), rows)
    };
    let parts = OfficialKind::ALL.map(of_kind);
    render(&AddressesPage {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        parts: parts
            .into_iter()
            .filter(|(_, rows)| !rows.is_empty())
            .collect(),
        f,
    })
}
