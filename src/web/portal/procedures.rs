//! Thủ tục: which papers people bring for what. A list with a search, and a page for each to take
//! along.
//!
//! Invariants: a link and its code lead out only to a host of the allow-list, which stands beside
//! them in letters; each page says that no officer asks for a code or a password. A procedure that
//! is not in effect says so first.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::addresses::phone;
use super::notices::size_key;
use super::visit::PortalVisit;
use super::{Portal, busy};
use crate::domain::calendar;
use crate::domain::id::ProcedureId;
use crate::domain::procedure::{Effect, Procedure};
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, TextSpan, dial, render, render_with};
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};
use crate::time::WallMs;
use crate::view::search::{MAX_QUERY_CHARS, SearchKind};
use crate::web::kit::app::App;
use crate::web::kit::links::PublicPage;
use crate::web::kit::notices::verbatim_spans;
use crate::web::kit::qr::{CodeMatrix, CodeUse};

/// Procedures on one page of the list.
const ON_A_PAGE: usize = 30;

/// The pairs of an address; one that cannot be read has none.
pub(super) type AskedPairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// A value of the address.
pub(super) fn asked_for(asked: &AskedPairs, name: &str) -> String {
    let pairs = asked.as_ref().map(|Query(pairs)| pairs.as_slice());
    let mut pairs = pairs.unwrap_or_default().iter();
    let value = pairs.find(|(n, _)| n == name).map(|(_, value)| value);
    value.map_or_else(String::new, |v| v.chars().take(MAX_QUERY_CHARS).collect())
}

/// The words that somebody asks for: `q`, or `find` as it was called before.
pub(super) fn asked_words(asked: &AskedPairs) -> String {
    let words = asked_for(asked, "q");
    let words = if words.is_empty() {
        asked_for(asked, "find")
    } else {
        words
    };
    words.trim().to_owned()
}

/// A procedure in a list.
struct ProcedureRow {
    code: String,
    name: String,
    /// Where to and for how long; or why it is not in effect.
    words: String,
}

/// When a procedure is in effect, if it is not today.
pub(super) fn effect_words(lang: Lang, procedure: &Procedure, now: WallMs) -> Option<String> {
    let (key, day) = match procedure.effect_at(now) {
        Effect::InEffect => return None,
        Effect::NotYet(from) => ("procedure-not-yet", from),
        Effect::NoLonger(until) => ("procedure-no-longer", until),
    };
    let day = dates::date(calendar::day_start(day));
    Some(lang.f(key, &[("day", &day)]))
}

impl ProcedureRow {
    fn new(lang: Lang, p: &Procedure, now: WallMs) -> Self {
        let said = [&p.place, &p.time].map(String::as_str);
        let said: Vec<_> = said.into_iter().filter(|words| !words.is_empty()).collect();
        Self {
            code: p.code.to_string(),
            name: lang.verbatim(&p.name),
            words: effect_words(lang, p, now).unwrap_or_else(|| lang.verbatim(&said.join(" · "))),
        }
    }

    /// One that was searched, and may have been found by what people call it.
    fn found(lang: Lang, p: &Procedure, now: WallMs) -> Self {
        let mut row = Self::new(lang, p, now);
        if let Some(called) = called(lang, p).filter(|_| effect_words(lang, p, now).is_none()) {
            row.words = called;
        }
        row
    }
}

/// The names that people use for a procedure; none = nobody said.
pub(super) fn called(lang: Lang, p: &Procedure) -> Option<String> {
    (!p.also_called.is_empty()).then(|| {
        let names = lang.verbatim(&p.also_called);
        lang.f("procedure-also-called", &[("names", &names)])
    })
}

/// The first place of help that can be called.
fn helper(app: &App) -> Option<(String, String)> {
    let mut places = app.board.help.iter();
    places.find_map(|place| {
        let phone = place.phone.clone()?;
        Some((place.name.clone(), phone))
    })
}

#[derive(askama::Template)]
#[template(path = "portal_procedures.html")]
struct ProceduresPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    /// The question; empty = nothing was searched.
    query: String,
    rows: Vec<ProcedureRow>,
    /// Which part of the list this is, or how many were found.
    summary: String,
    /// The number of the first procedure of the next part.
    next: Option<usize>,
    is_lost: bool,
    /// Nothing was found: how to see the whole list.
    see_all: String,
    /// Nothing was found: the helpers, and their telephone as it is dialled.
    ask: Option<(String, String)>,
}

/// The list.
pub async fn list(State(portal): State<Portal>, visit: PortalVisit, asked: AskedPairs) -> Response {
    let f = visit.context(&portal);
    let (app, lang) = (&portal.app, f.lang);
    let now = app.supervisor.clock().trusted_ms();
    let procedures = app.procedures().await;
    let query = asked_words(&asked);
    let (rows, total, next) = if query.is_empty() {
        let from: usize = asked_for(&asked, "from").parse().unwrap_or(0);
        let part = procedures.all.iter().skip(from).take(ON_A_PAGE);
        let rows: Vec<_> = part.map(|p| ProcedureRow::new(lang, p, now)).collect();
        let next = from.saturating_add(rows.len());
        let total = procedures.all.len();
        (rows, total, (next < total).then_some(next))
    } else {
        let only = Some(SearchKind::Procedure);
        let found = app.search(visit.counted(), query.clone(), only, ON_A_PAGE);
        let Ok(found) = found.await else {
            return busy::search(&portal, visit, "/p", "", query);
        };
        let of = |id: &str| procedures.get(&ProcedureId::new(id).ok()?);
        let hits = found.best.iter().filter_map(|hit| of(&hit.id));
        let rows = hits.map(|p| ProcedureRow::found(lang, p, now)).collect();
        (rows, found.total, None)
    };
    let key = if query.is_empty() {
        "procedures-n"
    } else {
        "found-n"
    };
    render(&ProceduresPage {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        summary: lang.f(key, &[("n", total)]),
        see_all: lang.f("procedures-see-all", &[("n", procedures.all.len())]),
        ask: helper(app).map(|(name, phone)| {
            let told = [("name", &*lang.verbatim(&name)), ("phone", &*phone)];
            (lang.f("procedures-ask", &told), dial(&phone))
        }),
        query,
        rows,
        next,
        is_lost: procedures.is_lost(),
        f,
    })
}

/// Where people get help, as a page shows it.
struct HelpRow {
    name: String,
    hours: String,
    phone: Vec<TextSpan>,
}

/// The official page of a procedure.
struct OfficialPage {
    url: String,
    host: String,
    /// Its code, for another phone and for paper; empty = its address is too long for one.
    code: String,
}

/// This page itself, for paper: its code, and its address in letters.
struct OwnPage {
    code: String,
    typed: String,
}

impl OwnPage {
    fn new(app: &App, f: &PageContext, p: &Procedure) -> Self {
        let page = PublicPage::Procedure(p.code.as_str());
        let code = CodeMatrix::new(&app.links.to(page), CodeUse::Paper);
        let words = f.t("procedure-this-page");
        Self {
            code: code.map_or_else(String::new, |code| code.svg(&words)),
            typed: app.links.typed(page),
        }
    }
}

impl OfficialPage {
    fn new(lang: Lang, url: String) -> Self {
        let host = url::Url::parse(&url).ok();
        let host = host.and_then(|u| u.host_str().map(str::to_owned));
        let host = host.unwrap_or_default();
        let words = lang.f("procedure-code", &[("host", &host)]);
        let code = CodeMatrix::new(&url, CodeUse::Paper);
        Self {
            code: code.map_or_else(String::new, |code| code.svg(&words)),
            url,
            host,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "portal_procedure.html")]
struct ProcedurePage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    name: String,
    /// The names that people use for it; empty = nobody said.
    called: String,
    code: String,
    /// Why it is not in effect; empty = it is.
    effect: String,
    papers: Vec<String>,
    /// Where, when, how long, how much: each with its name.
    facts: Vec<(String, Vec<TextSpan>)>,
    /// The official page; none = there is none, or it is not on the allow-list.
    link: Option<OfficialPage>,
    /// This page, for paper.
    own: Option<OwnPage>,
    /// The official page does not open.
    is_dead: bool,
    help: Vec<HelpRow>,
}

/// One procedure.
pub async fn one(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path(code): Path<String>,
) -> Response {
    let f = visit.context(&portal);
    let (app, lang) = (&portal.app, f.lang);
    let now = app.supervisor.clock().trusted_ms();
    let procedures = app.procedures().await;
    let found = ProcedureId::new(&code).ok();
    let found = found.and_then(|code| procedures.get(&code));
    let page = ProcedurePage {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        name: found.map_or_else(|| f.t("procedure-unknown"), |p| lang.verbatim(&p.name)),
        called: found.and_then(|p| called(lang, p)).unwrap_or_default(),
        code: found.map_or_else(String::new, |p| p.code.to_string()),
        effect: found
            .and_then(|p| effect_words(lang, p, now))
            .unwrap_or_default(),
        papers: found.map_or_else(Vec::new, |p| {
            p.papers.iter().map(|paper| lang.verbatim(paper)).collect()
        }),
        facts: found.map_or_else(Vec::new, |p| facts(lang, p)),
        is_dead: found
            .and_then(|p| p.link.as_deref())
            .is_some_and(|link| app.live.dead_links.contains(link)),
        link: found
            .and_then(|p| p.link.clone())
            .filter(|link| app.board.allows(link))
            .map(|link| OfficialPage::new(lang, link)),
        own: found.map(|p| OwnPage::new(app, &f, p)),
        help: app
            .board
            .help
            .iter()
            .map(|place| HelpRow {
                name: lang.verbatim(&place.name),
                hours: lang.verbatim(&place.hours),
                phone: place.phone.as_deref().map_or_else(Vec::new, phone),
            })
            .collect(),
        f,
    };
    let status = if found.is_some() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    render_with(status, &page)
}

fn facts(lang: Lang, p: &Procedure) -> Vec<(String, Vec<TextSpan>)> {
    [
        ("procedure-place", &p.place),
        ("procedure-hours", &p.hours),
        ("procedure-time", &p.time),
        ("procedure-fee", &p.fee),
    ]
    .into_iter()
    .filter(|(_, words)| !words.is_empty())
    .map(|(key, words)| (lang.t(key), verbatim_spans(lang, &capital(words))))
    .collect()
}
