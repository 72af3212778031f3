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
use crate::domain::event::Entry;
use crate::i18n::locale::Lang;
use crate::journal::{StoredEntry, codec};
use crate::protocol::control::{HistoryLine, HistoryReport};
use crate::web::kit::app::App;

/// Most entries in one response.
const MAX_ENTRIES: usize = 1_000;
/// Most entries that are read to find those that are asked for.
const MAX_READ: usize = 50_000;
/// Entries that are read at once.
const PAGE: usize = 500;
/// The longest wait for the next entry; a request may take 30 s.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// How far entries may be out of order in time, because the clock was set, ms.
const CLOCK_SLACK_MS: i64 = 86_400_000;

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
pub(super) struct HistoryQuery {
    /// Only entries behind this one, and wait for the first; none = the newest.
    after: Option<u64>,
    #[serde(default = "default_limit")]
    limit: usize,
    /// Only about this thing.
    about: Option<String>,
    /// Not older than this, wall ms.
    since: Option<i64>,
    /// Only what this person or program caused: an id, or a name.
    person: Option<String>,
}

const fn default_limit() -> usize {
    20
}

impl HistoryQuery {
    /// Whether an entry is one of those that are asked for, apart from what it is about.
    fn takes(&self, app: &App, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.wall_ms >= since)
            && self
                .person
                .as_deref()
                .is_none_or(|person| is_by(app, &entry.actor, person))
    }

    /// Whether an entry is about the thing that is asked for, or about one of its entities.
    fn is_about(&self, entry: &Entry) -> bool {
        self.about.as_deref().is_none_or(|about| {
            entry.event.subject().is_some_and(|subject| {
                subject == about
                    || subject
                        .strip_prefix(about)
                        .is_some_and(|rest| rest.starts_with('.'))
            })
        })
    }
}

/// Whether `person`, an id or a name, caused an entry.
fn is_by(app: &App, actor: &Actor, person: &str) -> bool {
    match actor {
        Actor::User { id } => {
            id.as_str() == person
                || app
                    .journal
                    .state()
                    .users
                    .get(id)
                    .and_then(|u| app.sessions.person(u))
                    .is_some_and(|p| p.name.to_lowercase() == person.to_lowercase())
        }
        Actor::Program { id } => id.as_str() == person,
        _ => false,
    }
}

/// History in words, oldest first: the sentences of the page.
pub(super) async fn history(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Query(query): Query<HistoryQuery>,
) -> Response {
    let (last, found) = match query.after {
        Some(after) => newer(&app, &query, after).await,
        None => match newest(&app, &query).await {
            Some(found) => found,
            None => return index_unreadable(lang),
        },
    };
    let state = app.village();
    let mut lines = Vec::with_capacity(found.len());
    for stored in found {
        let cause = app.cause_of(&stored.entry).await;
        let row = app.entry_row(
            lang,
            &state,
            &stored.entry,
            cause.as_ref().map(|c| &c.entry),
        );
        lines.push(HistoryLine {
            at: stored.entry.wall_ms,
            what: row.name,
            who: row.words,
            entry: json_of(&stored),
        });
    }
    Json(HistoryReport { last, lines }).into_response()
}

/// The newest entries that are asked for, oldest first, and the newest that there is; none = the
/// index cannot be read.
async fn newest(app: &App, query: &HistoryQuery) -> Option<(u64, Vec<Arc<StoredEntry>>)> {
    let limit = query.limit.min(MAX_ENTRIES);
    let (mut before, mut read, mut out) = (u64::MAX, 0, Vec::new());
    let last = app.journal.state().seq;
    while out.len() < limit && read < MAX_READ {
        let page = match &query.about {
            Some(about) => app.about(about, before, PAGE).await?,
            None => app.journal.before(before, PAGE).await,
        };
        let Some(oldest) = page.last() else { break };
        before = oldest.entry.seq;
        read += page.len();
        let is_past = query
            .since
            .is_some_and(|since| oldest.entry.wall_ms < since - CLOCK_SLACK_MS);
        out.extend(page.into_iter().filter(|s| query.takes(app, &s.entry)));
        if is_past {
            break;
        }
    }
    out.truncate(limit);
    out.reverse();
    Some((last, out))
}

/// The entries behind `after` that are asked for. Waits for the first that is there at all.
async fn newer(app: &App, query: &HistoryQuery, after: u64) -> (u64, Vec<Arc<StoredEntry>>) {
    let mut state = app.journal.watch();
    let stop = app.supervisor.stop().soft.clone();
    tokio::select! {
        _ = tokio::time::timeout(MAX_WAIT, state.wait_for(|s| s.seq > after)) => {}
        () = stop.cancelled() => {}
    }
    let found = app.journal.after(after, MAX_ENTRIES).await;
    let last = found.last().map_or(after, |s| s.entry.seq);
    let found = found
        .into_iter()
        .filter(|s| query.takes(app, &s.entry) && query.is_about(&s.entry))
        .collect();
    (last, found)
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
