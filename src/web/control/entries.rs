//! Entries of the history for the control socket and for programs, in the shape of today, whatever
//! version their bytes are.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::app::App;
use super::commands::error_response;
use crate::journal::codec;

/// Which entries are asked for.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct EntryRange {
    after: Option<u64>,
    limit: Option<usize>,
    about: Option<String>,
}

/// The entries, oldest first.
pub(in crate::web) async fn load_entries(
    app: &App,
    span: EntryRange,
) -> Result<Vec<serde_json::Value>, Response> {
    let limit = span.limit.unwrap_or(20).min(1_000);
    let found = match span.after {
        _ if span.about.is_some() => {
            let Some(mut found) = app
                .about(span.about.as_deref().unwrap_or_default(), u64::MAX, limit)
                .await
            else {
                return Err(error_response(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the index of the history cannot be read now; “conglang journal tail” still can",
                ));
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
    Ok(found.iter().map(|e| codec::entry_json(&e.entry)).collect())
}
