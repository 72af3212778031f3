//! From a typed sentence to the loudspeakers: it is read aloud to the chief, confirmed, and played.
//!
//! Invariant: nothing is played that was not previewed, and going back or reloading plays nothing
//! again.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::draft::{MAX_ZONE_SPEAKERS, Preview};
use super::form::{MAX_SENTENCE_CHARS, form, unreachable_text};
use crate::domain::id::{AnnouncementId, DeviceId};
use crate::domain::speaker::{self, AnnouncementClass};
use crate::domain::text::line;
use crate::http::address::Query;
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render, render_with};
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::Post;
use crate::web::kit::names::name_of;

/// Where a previewed sentence is sent to be played.
pub const ANNOUNCE_PATH: &str = "/speakers/announce";

/// A typed sentence that could not begin within this time is not played later, ms.
const ANNOUNCEMENT_TTL_MS: i64 = 120_000;

#[derive(askama::Template)]
#[template(path = "hear.html")]
struct PreviewPage {
    f: PageContext,
    text: String,
    preview: Preview,
    query: String,
    question: String,
    /// When it was played before; empty = never.
    before: String,
    play: String,
}

/// A sentence as it was typed, and where it is to be played.
pub struct SentenceForm {
    text: String,
    zone: Vec<String>,
}

impl SentenceForm {
    /// The form again, with what was typed and the reason: nobody types it twice.
    fn again(
        &self,
        app: &App,
        visit: &RequestContext,
        status: StatusCode,
        wrong: WrongInput,
    ) -> Response {
        let page = form(app, visit, self.text.clone(), Some(&self.zone), wrong);
        render_with(status, &page)
    }
}

impl FormContent<App> for SentenceForm {
    // It orders nothing yet.
    const MAY_BE_LATE: bool = true;

    fn read(fields: FormFields) -> Self {
        Self {
            text: line(fields.get("text"), usize::MAX),
            zone: fields
                .all("zone")
                .filter(|z| DeviceId::new(z).is_ok())
                .take(MAX_ZONE_SPEAKERS)
                .map(str::to_owned)
                .collect(),
        }
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        match why {
            PageError::OldForm if visit.is_chief() => {
                let words = visit.lang.t("form-again");
                self.again(app, &visit, why.status(), words.into())
            }
            _ => app.page_of(&visit, why).await,
        }
    }
}

/// The form with what was typed into it before a sign-in ended, and a note about that.
pub(in crate::web::dashboard) fn typed_again(
    app: &App,
    visit: &RequestContext,
    fields: FormFields,
    note: String,
) -> Response {
    let SentenceForm { text, zone } = SentenceForm::read(fields);
    render(&form(app, visit, text, Some(&zone), WrongInput::default()).noting(note))
}

/// The address at which a sentence is previewed, from the fields of the form that plays it. Its
/// seal decides who may see it there.
pub(in crate::web::dashboard) fn preview_address(fields: Vec<(String, String)>) -> String {
    format!("/speakers/hear?{}", Preview::from_fields(fields).query())
}

/// Reads the sentence aloud to the chief before anybody else hears it.
pub async fn preview_form(
    State(app): State<App>,
    Post { visit, form, .. }: Post<SentenceForm>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let wrong = |field, why: String| {
        let wrong = WrongInput::in_field(field, why);
        Ok(form.again(&app, &visit, StatusCode::BAD_REQUEST, wrong))
    };
    let failed = |key: &str| {
        let why = visit.lang.t(key).into();
        Ok(form.again(&app, &visit, StatusCode::SERVICE_UNAVAILABLE, why))
    };
    let text = &form.text;
    if text.is_empty() {
        return wrong("text", visit.lang.t("empty-sentence"));
    }
    if text.chars().count() > MAX_SENTENCE_CHARS {
        return wrong("text", visit.lang.t("long-sentence"));
    }
    if form.zone.is_empty() {
        // None was chosen because none can be heard: that is what the chief must know.
        let status = app.status_on_page(visit.lang, &app.village());
        let why = if status.speakers.all > 0 && status.speakers.working == 0 {
            unreachable_text(visit.lang, &status)
        } else {
            visit.lang.t("refused-empty-zone")
        };
        return wrong("zone", why);
    }
    if let Err(why) = app.ports.speech.speak(text).await {
        tracing::error!(why, "speech synthesis of preview failed");
        return failed("speech-failed-do");
    }
    let (Ok(blob), Ok(once)) = (
        app.keep_text(text.clone().into_bytes()).await,
        secret::token(),
    ) else {
        return failed("journal-closed-do");
    };
    // The preview has an address of its own: going back to it, or reloading it, submits nothing
    // again.
    let preview = Preview {
        blob: blob.id.to_string(),
        mac: blob.mac,
        len: blob.len,
        once,
        zone: form.zone.clone(),
        seal: String::new(),
    };
    Ok(redirect_see_other(&format!(
        "/speakers/hear?{}",
        preview.sealed(&app, &visit).query()
    )))
}

/// The sentence, its sound, and the question whether to play it.
pub async fn preview(
    State(app): State<App>,
    visit: RequestContext,
    Query(preview): Query<Vec<(String, String)>>,
) -> Response {
    let is_again = preview.iter().any(|(name, _)| name == "again");
    let preview = Preview::from_fields(preview);
    let text = preview.text(&app, &visit);
    let (Some(text), Ok(id), false) = (
        text,
        AnnouncementId::new(&preview.once),
        preview.zone.is_empty(),
    ) else {
        return redirect_see_other("/speakers");
    };
    let state = app.journal.state();
    // The sentence was played under this id already: playing it once more needs an id of its own,
    // and the page says when it was played.
    let before = state.announcements.get(&id).map(|a| a.at);
    let preview = match (before.is_some() || is_again, secret::token()) {
        (true, Ok(once)) => Preview { once, ..preview }.sealed(&app, &visit),
        _ => preview,
    };
    let f = app.page_context(&visit, &state, "speakers");
    let names = preview
        .zone
        .iter()
        .map(|z| f.verbatim(&name_of(&state, z)))
        .collect::<Vec<_>>()
        .join(", ");
    let mut question = f.t2("hear-question", "n", preview.zone.len(), "names", names);
    let status = app.status_on_page(f.lang, &state);
    if status.speakers.working < status.speakers.all {
        question = format!("{question} {}.", unreachable_text(f.lang, &status));
    }
    let before = match before {
        Some(at) => f.t1(
            "heard-before",
            "time",
            dates::since(app.supervisor.clock().wall_ms(), at),
        ),
        None if is_again => f.t("heard-before-once"),
        None => String::new(),
    };
    let play = f.t(if before.is_empty() {
        "play-now"
    } else {
        "play-again"
    });
    render(&PreviewPage {
        f,
        text,
        query: preview.query(),
        preview,
        question,
        before,
        play,
    })
}

/// The sound of a sentence that was typed.
pub async fn preview_sound(
    State(app): State<App>,
    visit: RequestContext,
    Query(preview): Query<Vec<(String, String)>>,
) -> Response {
    let Some(text) = Preview::from_fields(preview).text(&app, &visit) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match app.ports.speech.speak(&text).await {
        Ok(spoken) => ([(header::CONTENT_TYPE, "audio/wav")], spoken.wav).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

impl FormContent<App> for Preview {
    fn read(fields: FormFields) -> Self {
        Self::from_fields(fields.into_pairs())
    }

    /// A page of an earlier sign-in of the same person: the sentence is previewed again, and played
    /// by the next press.
    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        if why == PageError::OldForm && self.text(app, &visit).is_some() {
            return redirect_see_other(&format!("/speakers/hear?{}&said=form-again", self.query()));
        }
        app.page_of(&visit, why).await
    }
}

/// Plays the previewed sentence.
pub async fn announce(
    State(app): State<App>,
    Post {
        visit,
        once,
        deadline,
        form: preview,
        ..
    }: Post<Preview>,
) -> PageResult {
    let is_typed_here = preview.text(&app, &visit).is_some();
    let query = preview.query();
    let zone: Vec<DeviceId> = preview
        .zone
        .iter()
        .filter_map(|z| DeviceId::new(z).ok())
        .collect();
    let (Ok(id), Some(once), Some(text), true) = (
        AnnouncementId::new(&preview.once),
        once,
        preview.blob(),
        is_typed_here,
    ) else {
        return Err(PageError::OldForm);
    };
    let until = app.supervisor.clock().trusted_ms() + ANNOUNCEMENT_TTL_MS;
    let order = speaker::Command::QueueAnnouncement {
        id,
        text,
        class: AnnouncementClass::Normal,
        zone,
        expires_in_ms: ANNOUNCEMENT_TTL_MS,
        unreachable: Some(app.unreachable_speakers()),
    };
    let request = visit.request(order)?.idempotent(once, until);
    let committed = app.journal.submit(request.before(deadline)).await?;
    // After “back” and a second submit nothing is played again, and the page does not claim that it
    // is.
    Ok(if committed.repeated {
        redirect_see_other(&format!("/speakers/hear?{query}&again=1"))
    } else {
        redirect_see_other("/speakers?said=playing")
    })
}
