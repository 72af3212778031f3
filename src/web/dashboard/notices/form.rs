//! The form of a notice: it is typed, looked at as visitors will see it, and published.
//!
//! Invariants: a form that is not accepted comes back with everything that was typed and chosen.
//! The form's command id makes a double tap one notice. The preview stores nothing: it carries what
//! was typed to the button that publishes, and to the one that leads back to the form.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::DAY_MS;
use crate::domain::id::NoticeId;
use crate::domain::notice::{self, Notice, NoticeDetails, NoticeKind, NoticeWords};
use crate::http::address::Query;
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{PageContext, TextSpan, redirect_see_other, render, render_with};
use crate::http::wrong_input::WrongInput;
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::Post;
use crate::web::kit::notices::{
    NoticeSummary, Posting, paragraphs, posted_when, summarize_text, title_and_paragraphs,
    verbatim_spans,
};
use crate::web::kit::undo::Act;

/// The choice of the form for an urgent warning.
const URGENT: &str = "urgent";

#[derive(askama::Template)]
#[template(path = "notice_new.html")]
struct NewNoticePage {
    f: PageContext,
    once: String,
    /// Why the notice was not accepted.
    wrong: WrongInput,
    title: String,
    body: String,
    kinds: Vec<SelectOption>,
    days: Vec<SelectOption>,
}

/// One choice of a list: its value, its words, whether it is chosen.
struct SelectOption {
    value: &'static str,
    words: String,
    chosen: bool,
}

/// A notice as it was typed.
#[derive(Default)]
pub struct NoticeForm {
    title: String,
    body: String,
    kind: String,
    days: String,
}

impl FormContent<App> for NoticeForm {
    fn read(fields: FormFields) -> Self {
        let [title, body, kind, days] =
            ["title", "body", "kind", "days"].map(|name| fields.get(name).to_owned());
        Self {
            title,
            body,
            kind,
            days,
        }
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        let again = |key| self.again(app, &visit, why.status(), visit.lang.t(key).into());
        let page = match why {
            PageError::OldForm => again("form-again"),
            PageError::TooLate => again("order-late"),
            _ => Err(why),
        };
        match page {
            Ok(page) => page,
            Err(why) => app.page_of(&visit, why).await,
        }
    }
}

/// A notice as it was typed, to be looked at or corrected. It orders nothing yet, at any age.
pub struct UnpublishedForm(NoticeForm);

impl FormContent<App> for UnpublishedForm {
    const MAY_BE_LATE: bool = true;

    fn read(fields: FormFields) -> Self {
        Self(NoticeForm::read(fields))
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        self.0.refused(app, visit, why).await
    }
}

impl NoticeForm {
    /// The form again, with what was typed and the reason, under a fresh id: nobody types it twice.
    fn again(
        &self,
        app: &App,
        visit: &RequestContext,
        status: StatusCode,
        wrong: WrongInput,
    ) -> PageResult {
        let once = secret::token().map_err(|_| PageError::Unavailable)?;
        Ok(render_with(status, &form(app, visit, once, self, wrong)))
    }
}

/// The form with what was typed into it before a sign-in ended, and a note about that.
pub(in crate::web::dashboard) fn typed_again(
    app: &App,
    visit: &RequestContext,
    fields: FormFields,
    note: String,
) -> PageResult {
    let once = secret::token().map_err(|_| PageError::Unavailable)?;
    let typed = <NoticeForm as FormContent<App>>::read(fields);
    let mut page = form(app, visit, once, &typed, WrongInput::default());
    page.f.flash = Some(note);
    Ok(render(&page))
}

/// The form, with the text that was typed before and why it was not accepted.
fn form(
    app: &App,
    visit: &RequestContext,
    once: String,
    typed: &NoticeForm,
    wrong: WrongInput,
) -> NewNoticePage {
    let f = app.page_context(visit, &app.journal.state(), "more");
    let choice = |typed: &str, value: &'static str, words: String| SelectOption {
        chosen: typed == value,
        value,
        words,
    };
    let mut kinds: Vec<_> = NoticeKind::ALL
        .into_iter()
        .map(|kind| choice(&typed.kind, kind.name(), f.t(kind_key(kind))))
        .collect();
    kinds.push(choice(&typed.kind, URGENT, f.t("kind-urgent")));
    let days = [
        ("7", f.t1("for-days", "n", "7")),
        ("30", f.t1("for-days", "n", "30")),
        ("0", f.t("until-taken-down")),
    ]
    .map(|(v, words)| choice(&typed.days, v, words))
    .into();
    NewNoticePage {
        once,
        wrong,
        title: typed.title.clone(),
        body: typed.body.clone(),
        kinds,
        days,
        f,
    }
}

/// The key of a kind's name.
const fn kind_key(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Notice => "kind-notice",
        NoticeKind::Document => "kind-document",
        NoticeKind::Regulation => "kind-regulation",
        NoticeKind::Event => "kind-event",
        NoticeKind::Warning => "kind-warning",
        NoticeKind::Obituary => "kind-obituary",
        NoticeKind::Meeting => "kind-meeting",
    }
}

/// The form: empty, or with the text of an older notice that is to be published anew.
pub async fn new(
    State(app): State<App>,
    visit: RequestContext,
    Query(query): Query<Vec<(String, String)>>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let state = app.journal.state();
    let older = query
        .iter()
        .find(|(name, _)| name == "again")
        .and_then(|(_, id)| NoticeId::new(id).ok())
        .and_then(|id| super::archive::find(&state, &id))
        .filter(|n| app.files.text(&n.text).is_ok());
    let typed = older.map_or_else(NoticeForm::default, |n| NoticeForm::of(&app, &visit, n));
    typed.again(&app, &visit, StatusCode::OK, WrongInput::default())
}

/// A notice that may be published: what the form says, checked.
struct WrittenNotice {
    words: NoticeWords,
    details: NoticeDetails,
}

impl NoticeForm {
    /// The form of an older notice.
    fn of(app: &App, visit: &RequestContext, notice: &Notice) -> Self {
        let (title, body) = title_and_paragraphs(app, visit.lang, notice);
        Self {
            title,
            body: body.join("\n"),
            kind: if notice.details.urgent {
                URGENT.to_owned()
            } else {
                notice.details.kind.name().to_owned()
            },
            days: String::new(),
        }
    }

    /// The notice that the form says; the error is why it cannot be published.
    fn draft(
        &self,
        app: &App,
        visit: &RequestContext,
    ) -> Result<WrittenNotice, (StatusCode, WrongInput)> {
        let words = NoticeWords::of(&self.title, &self.body);
        if let Some(wrong) = WrongInput::in_notice(visit.lang, &words.title, &words.body) {
            return Err((StatusCode::BAD_REQUEST, wrong));
        }
        // A gateway whose clock is dead believes in 1970: a notice that is published then must
        // still be valid for days to come.
        let now = app.supervisor.clock().trusted_ms();
        // After “back” and a second submit the form's id is new, but the text is not.
        let text = words.encode();
        let is_up = |n: &Notice| app.files.text(&n.text).is_ok_and(|t| t == text);
        if app.journal.state().notices_at(now).iter().any(|n| is_up(n)) {
            return Err((StatusCode::CONFLICT, visit.lang.t("notice-twice").into()));
        }
        let days = self.days.parse::<i64>().ok();
        let until = days
            .filter(|d| (1..=366).contains(d))
            .map(|d| now + d * DAY_MS);
        let details = if self.kind == URGENT {
            NoticeDetails::of(NoticeKind::Warning).urgent()
        } else {
            NoticeDetails::of(NoticeKind::named(&self.kind).unwrap_or(NoticeKind::Notice))
        };
        Ok(WrittenNotice {
            words,
            details: details.until(until),
        })
    }
}

#[derive(askama::Template)]
#[template(path = "notice_preview.html")]
struct NoticePreviewPage {
    f: PageContext,
    once: String,
    typed: NoticeForm,
    /// As it stands in the list, or on top of the first page.
    summary: NoticeSummary,
    is_urgent: bool,
    kind: String,
    when: String,
    paragraphs: Vec<Vec<TextSpan>>,
}

/// The notice as visitors will see it, and the question whether to publish it.
pub async fn preview(
    State(app): State<App>,
    Post {
        visit,
        once,
        form: UnpublishedForm(form),
        ..
    }: Post<UnpublishedForm>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let draft = match form.draft(&app, &visit) {
        Ok(draft) => draft,
        Err((status, why)) => return form.again(&app, &visit, status, why),
    };
    let once = match once {
        Some(once) => once.to_string(),
        None => secret::token().map_err(|_| PageError::Unavailable)?,
    };
    let f = app.page_context(&visit, &app.journal.state(), "more");
    let posting = Posting {
        at: app.supervisor.clock().trusted_ms(),
        until: draft.details.until,
        from_commune: false,
    };
    let body = paragraphs(&draft.words.body);
    Ok(render(&NoticePreviewPage {
        once,
        summary: summarize_text(f.lang, draft.words.title, &body, posting),
        is_urgent: draft.details.urgent,
        kind: f.t(kind_key(draft.details.kind)),
        when: posted_when(f.lang, posting),
        paragraphs: body.iter().map(|p| verbatim_spans(f.lang, p)).collect(),
        typed: form,
        f,
    }))
}

/// The address of the preview, opened without a form: nothing is typed yet.
pub async fn nothing_typed() -> Response {
    redirect_see_other("/notices/new")
}

/// The form again, from its preview.
pub async fn mend(
    State(app): State<App>,
    Post {
        visit,
        form: UnpublishedForm(form),
        ..
    }: Post<UnpublishedForm>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    form.again(&app, &visit, StatusCode::OK, WrongInput::default())
}

/// Publishes the notice in the form. The form's command id makes a double tap harmless.
pub async fn publish(
    State(app): State<App>,
    Post {
        visit,
        once,
        deadline,
        form,
        ..
    }: Post<NoticeForm>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let again = |status, wrong| form.again(&app, &visit, status, wrong);
    let Some((once, id)) = once.and_then(|once| {
        let id = NoticeId::new(once.as_str()).ok()?;
        Some((once, id))
    }) else {
        return again(StatusCode::BAD_REQUEST, visit.lang.t("form-again").into());
    };
    let state = app.journal.state();
    if state.notices.contains_key(&id) {
        return Ok(redirect_see_other(&published(&id)));
    }
    // After “back” from an undone publication the form's id is spent.
    if state.ended.contains_key(&id) {
        return again(StatusCode::CONFLICT, visit.lang.t("notice-was-down").into());
    }
    let draft = match form.draft(&app, &visit) {
        Ok(draft) => draft,
        Err((status, why)) => return again(status, why),
    };
    let Ok(text) = app.files.put(draft.words.encode().into_bytes()).await else {
        let why = PageError::JournalClosed;
        return again(why.status(), visit.lang.t(why.detail_key()).into());
    };
    let order = notice::Command::Publish {
        id: id.clone(),
        text,
        details: draft.details,
    };
    let expires_at = app.supervisor.clock().trusted_ms() + DAY_MS;
    let request = visit.request(order)?.idempotent(once, expires_at);
    match app.journal.submit(request.before(deadline)).await {
        Ok(committed) => {
            let offer = Act::address(Act::of(committed), &published(&id));
            Ok(redirect_see_other(&offer))
        }
        Err(why) => {
            let why = PageError::from(why);
            let key = match why {
                PageError::TooLate => why.title_key(),
                _ => why.detail_key(),
            };
            again(why.status(), visit.lang.t(key).into())
        }
    }
}

/// The address of the notice, which says that it is published.
fn published(id: &NoticeId) -> String {
    format!("/notices/{id}?said=published")
}
