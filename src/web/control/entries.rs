//! History for the control socket and for programs: entries in the shape of today, whatever version
//! their bytes are, without the hashes of
//! secrets, and for the technician in words.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::Value;

use super::commands::error_response;
use super::terminal_lang::TerminalLang;
use crate::domain::actor::Actor;
use crate::domain::user::User;
use crate::i18n::locale::Lang;
use crate::journal::index::EntryQuery;
use crate::journal::{StoredEntry, codec};
use crate::protocol::control::{HistoryLine, HistoryReport};
use crate::time::WallMs;
use crate::view::history_rows::HistoryRow;
use crate::web::dashboard::history_names::HistoryReader;
use crate::web::kit::app::App;

/// Most entries in one response.
const MAX_ENTRIES: usize = 1_000;
/// Most pages that are read to find the rows that are asked for.
const MAX_PAGES: usize = 10;
/// The longest wait for the next entry; a request may take 30 s.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Which entries are asked for.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct EntryRange {
    after: Option<u64>,
    limit: Option<usize>,
    about: Option<String>,
}

/// The value without these keys, wherever they are.
pub(in crate::web) fn without_keys(mut value: Value, keys: &[&str]) -> Value {
    match &mut value {
        Value::Object(map) => {
            map.retain(|key, _| !keys.contains(&key.as_str()));
            map.values_mut()
                .for_each(|inner| *inner = without_keys(inner.take(), keys));
        }
        Value::Array(list) => list
            .iter_mut()
            .for_each(|inner| *inner = without_keys(inner.take(), keys)),
        _ => {}
    }
    value
}

/// The value without the hashes of secrets. A hash of 128 random bits cannot be reversed; but what
/// is printed is copied into tickets and logs, and nobody needs it there.
pub(in crate::web) fn without_hashes(value: Value) -> Value {
    without_keys(value, &["secret_sha256", "sha256"])
}

fn json_of(stored: &StoredEntry) -> Value {
    without_hashes(codec::entry_json(&stored.entry))
}

fn index_unreadable(lang: Lang) -> Response {
    error_response(
        StatusCode::SERVICE_UNAVAILABLE,
        lang.t("history-index-unread"),
    )
}

/// The entries, oldest first.
pub(in crate::web) async fn load_entries(
    app: &App,
    span: EntryRange,
    lang: Lang,
) -> Result<Vec<Value>, Response> {
    let limit = span.limit.unwrap_or(20).min(MAX_ENTRIES);
    let found = match span.after {
        _ if span.about.is_some() => {
            let Some(mut found) = app
                .about(span.about.as_deref().unwrap_or_default(), u64::MAX, limit)
                .await
            else {
                return Err(index_unreadable(lang));
            };
            found.reverse();
            found
        }
        Some(after) => app.journal.after(after, limit).await,
        None => {
            let mut found = app.journal.before(u64::MAX, limit).await;
            found.reverse();
            found
        }
    };
    Ok(found.iter().map(|e| json_of(e)).collect())
}

/// Which part of history is asked for in words.
#[derive(Debug, Deserialize)]
pub(super) struct EntriesQuery {
    /// Only entries behind this one, and wait for the first; none = the newest.
    after: Option<u64>,
    #[serde(default = "default_limit")]
    limit: usize,
    /// Only about this thing.
    about: Option<String>,
    /// Not older than this.
    since: Option<WallMs>,
    /// Only what this person or program caused: an id, or a name.
    person: Option<String>,
}

const fn default_limit() -> usize {
    20
}

impl EntriesQuery {
    /// The entries that are asked for.
    fn entries(&self, app: &App) -> EntryQuery {
        let state = app.journal.state();
        EntryQuery {
            about: self
                .about
                .as_ref()
                .map_or_else(Vec::new, |id| state.with_parts(id)),
            by: self.person.as_ref().map(|person| key_of(app, person)),
            from_ms: self.since,
            to_ms: None,
        }
    }
}

/// The key of the actor that the technician names: by the name or the id of a person, or by the id
/// of a program.
fn key_of(app: &App, person: &str) -> String {
    let state = app.journal.state();
    let wanted = person.to_lowercase();
    let is_called = |user: &User| {
        user.id.as_str() == person
            || app
                .sessions
                .person(user)
                .is_some_and(|p| p.name.to_lowercase() == wanted)
    };
    if let Some(user) = state.users.values().find(|u| is_called(u)) {
        return user.id.to_string();
    }
    let program = state.tokens.keys().find(|id| id.as_str() == person);
    let program = program.and_then(|id| Actor::Program { id: id.clone() }.key());
    program.unwrap_or_else(|| person.to_owned())
}

/// History in words, oldest first: the rows of the page.
pub(super) async fn history(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Query(query): Query<EntriesQuery>,
) -> Response {
    let found = match query.after {
        Some(after) => Some(newer(&app, lang, &query, after).await),
        None => newest(&app, lang, &query).await,
    };
    found.map_or_else(
        || index_unreadable(lang),
        |report| Json(report).into_response(),
    )
}

/// The technician, who may read every file of the machine.
const fn technician(lang: Lang) -> HistoryReader {
    HistoryReader {
        lang,
        shows_drafts: true,
    }
}

/// The newest rows that are asked for, and the newest entry that there is; none = the index cannot
/// be read.
async fn newest(app: &App, lang: Lang, query: &EntriesQuery) -> Option<HistoryReport> {
    let limit = query.limit.min(MAX_ENTRIES);
    let last = app.journal.state().seq;
    let wanted = query.entries(app);
    // An entry that is committed from now on is behind `last`: a reader who follows gets it then,
    // once.
    let (mut rows, mut before) = (Vec::new(), last.saturating_add(1));
    let mut entries: Vec<Arc<StoredEntry>> = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = app
            .history_page(technician(lang), &wanted, |_| true, before, limit.max(1))
            .await?;
        rows.extend(page.rows);
        entries.extend(page.entries);
        match page.next {
            Some(next) if rows.len() < limit => before = next,
            _ => break,
        }
    }
    rows.truncate(limit);
    entries.sort_by_key(|s| std::cmp::Reverse(s.entry.seq));
    entries.dedup_by_key(|s| s.entry.seq);
    entries.truncate(limit);
    Some(report(last, rows, &entries))
}

/// The entries behind `after` that are asked for. Waits for the first that is there at all.
async fn newer(app: &App, lang: Lang, query: &EntriesQuery, after: u64) -> HistoryReport {
    let mut state = app.journal.watch();
    let stop = app.supervisor.stop().soft.clone();
    tokio::select! {
        _ = tokio::time::timeout(MAX_WAIT, state.wait_for(|s| s.seq > after)) => {}
        () = stop.cancelled() => {}
    }
    let wanted = query.entries(app);
    let mut found = app.journal.after(after, MAX_ENTRIES).await;
    let last = found.last().map_or(after, |s| s.entry.seq);
    found.retain(|s| wanted.takes(&s.entry));
    found.reverse();
    // Results that come later are sent when they come.
    let rows = app.rows_of(technician(lang), &found, &[], |_| false).await;
    report(last, rows, &found)
}

/// Rows and entries, both newest first, as they are sent.
fn report(last: u64, rows: Vec<HistoryRow>, entries: &[Arc<StoredEntry>]) -> HistoryReport {
    HistoryReport {
        last,
        lines: rows.into_iter().rev().map(HistoryLine::from).collect(),
        entries: entries.iter().rev().map(|e| json_of(e)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::{self, Account};
    use crate::domain::event::Event;
    use crate::domain::id::DeviceId;

    #[test]
    fn no_hash_of_a_secret_is_left_however_deep_it_stands() {
        let id = DeviceId::new("den-01").expect("id");
        let account = Account::of_device(id, "ab".repeat(32));
        let event = serde_json::to_value(Event::Account(account::Event::Granted { account }))
            .expect("json");
        assert!(event.to_string().contains(&"ab".repeat(32)));
        let shown = without_hashes(serde_json::json!({ "entries": [{ "event": event }] }));
        assert!(!shown.to_string().contains("abab"), "{shown}");
        assert!(shown.to_string().contains("den-01"), "the rest is there");
    }
}
