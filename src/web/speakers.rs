//! Loa: type a sentence, hear it, play it, stop everything.

mod form;
mod listen;
mod played;
mod sentence;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use self::form::{SENTENCE, form};
pub use self::listen::{announce, hear, heard, sound};
use self::played::{last, played_list};
use self::sentence::Heard;
use super::app::{App, Fields, Visit};
use crate::domain::command::Command;
use crate::domain::id::NoticeId;
use crate::domain::state::State as Village;
use crate::doors::page::{see, show};

/// The fragments of this page.
pub fn fragments(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    vec![last(app, visit.lang, state), played_list(app, visit, state)]
}

/// The page; a sentence that was heard and is to be mended stands in its form again, a notice that
/// is to be read aloud too.
pub async fn page(
    State(app): State<App>,
    visit: Visit,
    Query(asked): Query<Vec<(String, String)>>,
) -> Response {
    if let Some((_, id)) = asked
        .iter()
        .find(|(name, _)| name == "notice")
        .filter(|_| visit.is_chief())
    {
        let state = app.journal.state();
        let notice = NoticeId::new(id)
            .ok()
            .and_then(|id| state.notices.get(&id).cloned())
            .filter(|n| app.files.text(&n.text).is_ok());
        let (title, body) = notice
            .map(|n| super::notices::words(&app, visit.lang, &n))
            .unwrap_or_default();
        let sentence = |p: String| {
            if p.is_empty() || p.ends_with(['.', '!', '?']) {
                p
            } else {
                format!("{p}.")
            }
        };
        let (text, is_cut) = spoken_part(
            &std::iter::once(title)
                .chain(body)
                .map(sentence)
                .collect::<Vec<_>>()
                .join(" "),
        );
        return show(&form(
            &app,
            &visit,
            text,
            None,
            if is_cut {
                visit.lang.t("notice-cut")
            } else {
                String::new()
            },
        ));
    }
    let heard = Heard::of(asked);
    let text = heard.text(&app, &visit);
    let chosen = text.is_some().then_some(heard.zone.as_slice());
    show(&form(
        &app,
        &visit,
        text.unwrap_or_default(),
        chosen,
        String::new(),
    ))
}

/// As much of a text as one announcement holds, to the end of a sentence; true = there was more.
fn spoken_part(text: &str) -> (String, bool) {
    if text.chars().count() <= SENTENCE {
        return (text.to_owned(), false);
    }
    let most: String = text.chars().take(SENTENCE).collect();
    let end = most.rfind(['.', '!', '?']).map_or(most.len(), |at| at + 1);
    (most[..end].to_owned(), true)
}

/// Dừng tất cả: one tap, from any page, by anybody signed in.
pub async fn stop(State(app): State<App>, visit: Visit, fields: Fields) -> Response {
    if !app.proves(&visit, fields.get("form")) {
        return app.problem(&visit, StatusCode::FORBIDDEN, "form-old", "form-old-do");
    }
    let was_silent = app.journal.state().on_air().is_empty();
    match app.submit(&visit, Command::StopEverything).await {
        Ok(_) => see(if was_silent {
            "/speakers?said=was-silent"
        } else {
            "/speakers?said=stopped"
        }),
        Err(page) => page,
    }
}
