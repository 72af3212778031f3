//! Tìm kiếm: everything that the village publishes, by the beginnings of words, without diacritics.

use axum::extract::State;
use axum::response::Response;

use super::Portal;
use super::notices::{paper_name, published, size_key};
use super::procedures::{AskedPairs, asked_for, effect_words};
use super::visit::PortalVisit;
use crate::domain::id::{NoticeId, ProcedureId};
use crate::domain::state::VillageState;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, render};
use crate::i18n::locale::Lang;
use crate::view::search::{SearchHit, SearchKind};
use crate::web::kit::app::App;
use crate::web::kit::board_cache::ProcedureList;
use crate::web::kit::notices::summarize;

/// Texts that a page shows.
const MOST_SHOWN: usize = 25;

/// A text that was found, as its row says.
struct FoundRow {
    href: String,
    title: String,
    words: String,
    /// Its kind.
    kind: String,
    /// It is no longer in force.
    is_over: bool,
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
    rows: Vec<FoundRow>,
}

/// The page.
pub async fn page(State(portal): State<Portal>, visit: PortalVisit, asked: AskedPairs) -> Response {
    let f = visit.context(&portal);
    let app = &portal.app;
    let query = asked_for(&asked, "find").trim().to_owned();
    let found = app.search(query.clone(), None, MOST_SHOWN).await;
    let (state, procedures) = (app.journal.state(), app.procedures().await);
    let row = |hit: &SearchHit| row(app, f.lang, hit, &state, &procedures);
    let rows: Vec<FoundRow> = found.best.iter().filter_map(row).collect();
    let key = if found.total > rows.len() {
        "found-first"
    } else {
        "found-n"
    };
    let counts = [("n", found.total), ("shown", rows.len())];
    render(&SearchPage {
        css: BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        summary: f.lang.f(key, &counts),
        query,
        rows,
        f,
    })
}

/// The row of a text; none = it is gone since.
fn row(
    app: &App,
    lang: Lang,
    hit: &SearchHit,
    state: &VillageState,
    procedures: &ProcedureList,
) -> Option<FoundRow> {
    let (href, title, words, key) = match hit.kind {
        SearchKind::Notice => {
            let notice = published(state, &NoticeId::new(&hit.id).ok()?)?;
            let summary = summarize(app, lang, &notice);
            let href = format!("/t/{}", hit.id);
            (href, summary.title, summary.when, "found-notice")
        }
        SearchKind::Paper => {
            let (id, sha256) = hit.id.split_once('/')?;
            let notice = published(state, &NoticeId::new(id).ok()?)?;
            let name = paper_name(app, &notice, sha256)?;
            let about = summarize(app, lang, &notice);
            let href = format!("/t/{}/read", hit.id);
            let title = if name.is_empty() {
                about.title.clone()
            } else {
                lang.verbatim(&name)
            };
            (href, title, about.title, "found-paper")
        }
        SearchKind::Procedure => {
            let found = procedures.get(&ProcedureId::new(&hit.id).ok()?)?;
            let now = app.supervisor.clock().trusted_ms();
            let words = effect_words(lang, found, now);
            let words = words.unwrap_or_else(|| lang.verbatim(&found.place));
            let href = format!("/p/{}", hit.id);
            (href, lang.verbatim(&found.name), words, "found-procedure")
        }
    };
    Some(FoundRow {
        href,
        title,
        words,
        kind: lang.t(key),
        is_over: hit.is_over,
    })
}
