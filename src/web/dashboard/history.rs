//! Nhật ký: what happened, in words, with its cause; newest first.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::domain::calendar::day_number;
use crate::http::render::render;
use crate::i18n::dates;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{ListPage, PageSection};

/// Rows of one page.
const ROWS_PER_PAGE: usize = 50;

/// Where the page begins.
#[derive(Debug, Deserialize)]
pub struct HistoryQuery {
    before: Option<u64>,
    about: Option<String>,
}

/// The page.
pub async fn page(
    State(app): State<App>,
    visit: RequestContext,
    Query(from): Query<HistoryQuery>,
) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let before = from.before.unwrap_or(u64::MAX);
    // An id as it stands in entries; any other text is ignored.
    let about = from.about.filter(|a| {
        a.len() <= 64
            && a.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    });
    let found = match &about {
        Some(id) => app.about(id, before, ROWS_PER_PAGE).await,
        None => Some(app.journal.before(before, ROWS_PER_PAGE).await),
    };
    let is_unread = found.is_none();
    let entries = found.unwrap_or_default();
    let rows = app.entry_rows(f.lang, &entries, ROWS_PER_PAGE).await;
    let mut parts: Vec<PageSection> = Vec::new();
    let mut day = None;
    for (at, row) in rows {
        let on = day_number(at);
        if day != Some(on) {
            day = Some(on);
            parts.push(PageSection {
                name: dates::long(f.lang, at),
                ..PageSection::default()
            });
        }
        if let Some(part) = parts.last_mut() {
            part.rows.push(row);
        }
    }
    if parts.is_empty() {
        parts.push(PageSection {
            empty: f.t(if is_unread {
                "history-unread"
            } else {
                "no-history"
            }),
            ..PageSection::default()
        });
    }
    let more = about
        .as_ref()
        .map_or_else(String::new, |a| format!("&about={a}"));
    let older = entries
        .last()
        .map(|e| e.entry.seq)
        .filter(|s| *s > 1 && entries.len() == ROWS_PER_PAGE)
        .map(|s| (format!("/history?before={s}{more}"), f.t("older")));
    let title = about.map_or_else(
        || f.t("history"),
        |a| {
            f.t1(
                "history-of",
                "name",
                crate::web::kit::names::name_of(&state, &a),
            )
        },
    );
    render(&ListPage {
        title,
        live: "/live/other",
        summary: String::new(),
        parts,
        links: older.into_iter().collect(),
        refresh: 0,
        f,
    })
}
