//! Nhật ký: what happened, in words, with its cause; newest first.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::app::{App, Visit};
use super::lights::ListPage;
use super::rows::Part;
use crate::doors::page::show;

/// Rows of one page.
const ROWS: usize = 50;

/// Where the page begins.
#[derive(Debug, Deserialize)]
pub struct From {
    before: Option<u64>,
}

/// The page.
pub async fn page(State(app): State<App>, visit: Visit, Query(from): Query<From>) -> Response {
    let state = app.journal.state();
    let f = app.frame(&visit, &state, "more");
    let entries = app.journal.before(from.before.unwrap_or(u64::MAX), ROWS).await;
    let rows = app.entry_rows(f.lang, &entries).await;
    let older = entries.last().map(|e| e.entry.seq).filter(|s| *s > 1).map(|s| (format!("/history?before={s}"), f.t("older")));
    let parts = vec![Part { rows, empty: f.t("no-history"), ..Part::default() }];
    show(&ListPage { title: f.t("history"), live: "/live/other", summary: String::new(), parts, links: older.into_iter().collect(), f })
}
