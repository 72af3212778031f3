//! Tìm kiếm: everything that the village publishes, by the beginnings of words, without diacritics.
//!
//! Invariants: one page has all kinds, each with its best; a kind with more has a page of its own.
//! Where the question is a name or a number of the map, the map's hits come first; otherwise the
//! kind of the best text does. A kind that is searched too has a variant of [`FoundKind`] and its
//! row in [`FoundRow::of`].

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::notices::{paper_title, published, size_key};
use super::procedures::{AskedPairs, asked_for, asked_words, effect_words};
use super::visit::PortalVisit;
use super::{Portal, addresses, busy};
use crate::domain::directory::find::MapHit;
use crate::domain::directory::map::VillageMap;
use crate::domain::id::{HouseId, NoticeId, ProcedureId};
use crate::domain::state::VillageState;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, render};
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};
use crate::view::directory_text::{address, road_place};
use crate::view::search::{KindHits, SearchHit, SearchKind};
use crate::web::kit::app::App;
use crate::web::kit::board_cache::ProcedureList;
use crate::web::kit::house_labels::label_lines;
use crate::web::kit::notices::summarize;

/// Texts of one kind, where there are others.
const MOST_OF_KIND: usize = 5;
/// Texts of a page that has one kind.
const MOST_SHOWN: usize = 20;

/// A kind as people look for it; several kinds of texts may be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundKind {
    Notices,
    /// Papers of notices.
    Papers,
    Procedures,
    /// Houses, roads and places.
    Places,
    Addresses,
}

impl FoundKind {
    const ALL: [Self; 5] = [
        Self::Notices,
        Self::Papers,
        Self::Procedures,
        Self::Places,
        Self::Addresses,
    ];

    const fn of(kind: SearchKind) -> Self {
        match kind {
            SearchKind::Notice => Self::Notices,
            SearchKind::Paper => Self::Papers,
            SearchKind::Procedure => Self::Procedures,
            SearchKind::House => Self::Places,
            SearchKind::Address => Self::Addresses,
        }
    }

    /// Its name in addresses.
    const fn name(self) -> &'static str {
        match self {
            Self::Notices => "notice",
            Self::Papers => "paper",
            Self::Procedures => "procedure",
            Self::Places => "place",
            Self::Addresses => "address",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Notices => "found-notices",
            Self::Papers => "found-papers",
            Self::Procedures => "found-procedures",
            Self::Places => "found-places",
            Self::Addresses => "official",
        }
    }
}

/// A text that was found, as its row says.
struct FoundRow {
    href: String,
    title: String,
    words: String,
    /// It is no longer in force.
    is_over: bool,
}

/// The texts of one kind.
struct FoundSection {
    kind: FoundKind,
    title: String,
    total: usize,
    rows: Vec<FoundRow>,
    /// The words of the link to all of them; empty = they are all here.
    more: String,
}

#[derive(askama::Template)]
#[template(path = "portal_search.html")]
struct SearchPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    query: String,
    /// How many were found.
    summary: String,
    sections: Vec<FoundSection>,
    /// It shows one kind, because that was asked for.
    is_one_kind: bool,
}

/// The page.
pub async fn page(State(portal): State<Portal>, visit: PortalVisit, asked: AskedPairs) -> Response {
    let query = asked_words(&asked);
    let kind = asked_for(&asked, "kind");
    let only = FoundKind::ALL.into_iter().find(|k| k.name() == kind);
    let (own, words) = (portal.clone(), query.clone());
    let make = move || found_page(&own, visit, words, only);
    let made = portal.app.search.in_turn(visit.counted(), make).await;
    made.unwrap_or_else(|_| busy::search(&portal, visit, "/search", &kind, query))
}

/// The page with what is found. Blocks.
fn found_page(
    portal: &Portal,
    visit: PortalVisit,
    query: String,
    only: Option<FoundKind>,
) -> Response {
    let f = visit.context(portal);
    let most = only.map_or(MOST_OF_KIND, |_| MOST_SHOWN);
    let found = portal.app.search_by_kind_blocking(&query, most);
    let board = SearchedBoard {
        app: &portal.app,
        lang: f.lang,
        q: visit.query(),
        state: portal.app.journal.state(),
        procedures: portal.app.procedures_blocking(),
        map: portal.app.live.directory.get(),
    };
    let mut sections = board.sections(&query, found, most);
    sections.retain(|section| only.is_none_or(|only| only == section.kind));
    let total: usize = sections.iter().map(|section| section.total).sum();
    let shown: usize = sections.iter().map(|section| section.rows.len()).sum();
    let key = if only.is_some() && total > shown {
        "found-first"
    } else {
        "found-n"
    };
    for section in &mut sections {
        if only.is_none() && section.total > section.rows.len() {
            section.more = f.lang.f("found-more", &[("n", section.total)]);
        }
    }
    render(&SearchPage {
        css: &BOARD_STYLE,
        size: size_key(&f),
        summary: f.lang.f(key, &[("n", total), ("shown", shown)]),
        q: board.q,
        query,
        sections,
        is_one_kind: only.is_some(),
        f,
    })
}

/// The parts of which rows are made.
struct SearchedBoard<'a> {
    app: &'a App,
    lang: Lang,
    /// The preferences of the visitor, as the query of an address.
    q: String,
    state: Arc<VillageState>,
    procedures: Arc<ProcedureList>,
    map: Option<Arc<VillageMap>>,
}

impl SearchedBoard<'_> {
    fn sections(&self, query: &str, found: Vec<KindHits>, most: usize) -> Vec<FoundSection> {
        let mut sections = Vec::new();
        let map = self.map.as_deref();
        let on_map = map.map_or_else(Vec::new, |map| map.find(query));
        let mut places = self.section(FoundKind::Places, on_map.len());
        if let Some(map) = map {
            let rows = on_map.iter().filter_map(|hit| self.map_row(map, *hit));
            places.rows.extend(rows);
        }
        if !places.rows.is_empty() {
            sections.push(places);
        }
        for KindHits { kind, hits } in found {
            let kind = FoundKind::of(kind);
            let at = sections.iter().position(|known| known.kind == kind);
            let at = at.unwrap_or_else(|| {
                sections.push(self.section(kind, 0));
                sections.len() - 1
            });
            let section = &mut sections[at];
            section.total += hits.total;
            for row in hits.best.iter().filter_map(|hit| FoundRow::of(self, hit)) {
                if section.rows.iter().any(|known| known.href == row.href) {
                    // The map had found it, too.
                    section.total -= 1;
                } else {
                    section.rows.push(row);
                }
            }
        }
        sections.retain(|section| !section.rows.is_empty());
        for section in &mut sections {
            section.rows.truncate(most);
        }
        sections
    }

    fn section(&self, kind: FoundKind, total: usize) -> FoundSection {
        FoundSection {
            kind,
            title: self.lang.t(kind.key()),
            total,
            rows: Vec::new(),
            more: String::new(),
        }
    }

    fn map_row(&self, map: &VillageMap, hit: MapHit) -> Option<FoundRow> {
        let (lang, q) = (self.lang, &self.q);
        match hit {
            MapHit::House(house) => Some(self.house_row(map, house)),
            MapHit::Road(road) => map.road(road).map(|known| FoundRow {
                href: format!("/r/{}{q}", known.id),
                title: lang.verbatim(&known.name),
                words: capital(&road_place(lang, map, known)),
                is_over: false,
            }),
            MapHit::Site(site) => map.data().sites.get(site).map(|known| FoundRow {
                href: format!("/s/{}{q}", known.id),
                title: lang.verbatim(&known.name),
                words: capital(&lang.verbatim(&known.kind)),
                is_over: false,
            }),
        }
    }

    fn house_row(&self, map: &VillageMap, house: usize) -> FoundRow {
        let known = map.house(house);
        let label = known.map(|known| label_lines(self.app, self.lang, known));
        FoundRow {
            href: known.map_or_else(String::new, |known| format!("/h/{}{}", known.id, self.q)),
            title: address(self.lang, map, house),
            words: label.unwrap_or_default().join(" · "),
            is_over: false,
        }
    }
}

impl FoundRow {
    /// The row of a text; none = it is gone since.
    fn of(board: &SearchedBoard<'_>, hit: &SearchHit) -> Option<Self> {
        let (app, lang, q) = (board.app, board.lang, &board.q);
        let (href, title, words) = match hit.kind {
            SearchKind::Notice => {
                let notice = published(&board.state, &NoticeId::new(&hit.id).ok()?)?;
                let summary = summarize(app, lang, &notice);
                let day = notice.details.occasion.map_or(summary.when, |occasion| {
                    let (day, clock) = (dates::long(lang, occasion.at), dates::clock(occasion.at));
                    if clock == "00:00" {
                        day
                    } else {
                        format!("{day}, {clock}")
                    }
                });
                let words = format!("{} · {day}", summary.kind);
                (format!("/t/{}{q}", summary.name), summary.title, words)
            }
            SearchKind::Paper => {
                let (id, sha256) = hit.id.split_once('/')?;
                let notice = published(&board.state, &NoticeId::new(id).ok()?)?;
                let title = paper_title(app, lang, &notice, sha256)?;
                let about = summarize(app, lang, &notice).title;
                let href = format!("/t/{}/{sha256}/read{q}", notice.public_name());
                (href, title, about)
            }
            SearchKind::Procedure => {
                let found = board.procedures.get(&ProcedureId::new(&hit.id).ok()?)?;
                let now = app.supervisor.clock().trusted_ms();
                let words = effect_words(lang, found, now);
                let words = words.unwrap_or_else(|| lang.verbatim(&found.place));
                let href = format!("/p/{}{q}", hit.id);
                (href, lang.verbatim(&found.name), words)
            }
            SearchKind::House => {
                let map = board.map.as_deref()?;
                let id = HouseId::new(&hit.id).ok()?;
                let house = map.house_index(&id).or_else(|| map.house_formerly(&id))?;
                return Some(board.house_row(map, house));
            }
            SearchKind::Address => {
                let official = app.board.official.get(hit.id.parse::<usize>().ok()?)?;
                let words = official.host().into_iter().chain(official.phone.clone());
                let words = words.collect::<Vec<_>>().join(" · ");
                let href = format!("/addresses{q}#a{}", hit.id);
                (href, addresses::name(lang, official), words)
            }
        };
        Some(Self {
            href,
            title,
            words,
            is_over: hit.is_over,
        })
    }
}
