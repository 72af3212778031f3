//! Loa: type a sentence, hear it, play it, stop everything.

mod draft;
mod form;
mod preview;
mod results;

use axum::extract::State;
use axum::response::Response;

use self::draft::Preview;
pub(super) use self::form::unreachable_names;
use self::form::{MAX_SENTENCE_CHARS, form, unreachable_banner};
pub use self::preview::{ANNOUNCE_PATH, announce, preview, preview_form, preview_sound};
pub(super) use self::preview::{preview_address, typed_again};
use self::results::{latest_result, recent_list};
use crate::domain::id::NoticeId;
use crate::domain::speaker;
use crate::domain::state::VillageState;
use crate::http::address::Query;
use crate::http::form::AnyTimeButton;
use crate::http::page_error::PageResult;
use crate::http::render::{redirect_see_other, render};
use crate::http::wrong_input::WrongInput;
use crate::i18n::locale::Lang;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::Fragment;
use crate::web::kit::form::Post;
use crate::web::kit::notice_sheet::{ShownNotice, as_speech};
use crate::web::kit::notices::words_of;

/// The fragments of this page.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<Fragment> {
    vec![
        latest_result(app, visit.lang, state),
        unreachable_banner(visit.lang, &app.status_on_page(visit.lang, state)),
        recent_list(app, visit, state),
    ]
}

/// The page. A sentence that was previewed and is to be corrected stands in its form again, and so
/// does a notice that is to be read aloud.
pub async fn page(
    State(app): State<App>,
    visit: RequestContext,
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
            .and_then(|id| state.notices.get(&id).cloned());
        let said = notice.and_then(|notice| {
            let words = words_of(&app, &notice).ok()?;
            let sheet = ShownNotice::of(&app, Lang::Vi, &words, &notice.details, "");
            Some(as_speech(&sheet, &words).replace('\n', " "))
        });
        let (text, is_cut) = spoken_part(&said.unwrap_or_default());
        return render(&form(
            &app,
            &visit,
            text,
            None,
            if is_cut {
                visit.lang.t("notice-cut").into()
            } else {
                WrongInput::default()
            },
        ));
    }
    let preview = Preview::from_fields(asked);
    let text = preview.text(&app, &visit);
    let chosen = text.is_some().then_some(preview.zone.as_slice());
    render(&form(
        &app,
        &visit,
        text.unwrap_or_default(),
        chosen,
        WrongInput::default(),
    ))
}

/// As much of a text as one announcement holds, up to the end of a sentence; true = there was more.
fn spoken_part(text: &str) -> (String, bool) {
    if text.chars().count() <= MAX_SENTENCE_CHARS {
        return (text.to_owned(), false);
    }
    let most: String = text.chars().take(MAX_SENTENCE_CHARS).collect();
    let end = most.rfind(['.', '!', '?']).map_or(most.len(), |at| at + 1);
    (most[..end].to_owned(), true)
}

/// Dừng tất cả: one tap, from any page, by anybody signed in. Silence is right also when it comes
/// late.
pub async fn stop(State(app): State<App>, Post { visit, .. }: Post<AnyTimeButton>) -> PageResult {
    let was_silent = app.journal.state().on_air().is_empty();
    app.submit(&visit, speaker::Command::StopEverything {})
        .await?;
    Ok(redirect_see_other(if was_silent {
        "/speakers?said=was-silent"
    } else {
        "/speakers?said=stopped"
    }))
}
