//! The form of a notice: empty, of a template, of a draft or of a notice to be corrected; and the
//! notice as visitors will see it. Its buttons are in `publish`.
//!
//! Invariants: a form that is not accepted comes back with everything that was typed and chosen.
//! The preview stores nothing but the files that were chosen: it carries what was typed to the
//! button that publishes, and to the one that leads back to the form.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::FILES;
use super::content::{NoticeForm, SEEN_FIELD, WrittenNotice};
use super::page::{BRIEF_FIELD, form_page};
use super::templates::{self, UNTIL_HELD};
use super::unfinished::{EarlyEnd, early_end, missing_text};
use super::upload::{PROBLEM_FIELD, PROBLEM_NAME_FIELD};
use crate::domain::id::NoticeId;
use crate::domain::notice::{Notice, NoticeWords};
use crate::http::address::{PathId, Query};
use crate::http::form::{FormContent, FormFields};
use crate::http::notice_body::paragraphs;
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render, render_with};
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::keys::secret;
use crate::store::attachments::FileProblem;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::Post;
use crate::web::kit::notice_sheet::ShownNotice;
use crate::web::kit::notices::{NoticeSummary, Posting, summarize_text};

impl FormContent<App> for NoticeForm {
    fn read(fields: FormFields) -> Self {
        Self::new(fields)
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        let page = match why.form_key() {
            Some(key) => self.again(app, &visit, why.status(), visit.lang.t(key).into()),
            None => Err(why),
        };
        match page {
            Ok(page) => page,
            Err(why) => app.page_of(&visit, why).await,
        }
    }
}

/// A notice as it was typed, to be looked at, corrected or kept. It orders nothing yet, at any age.
pub struct UnpublishedForm(pub(super) NoticeForm);

impl FormContent<App> for UnpublishedForm {
    const MAY_BE_LATE: bool = true;

    fn read(fields: FormFields) -> Self {
        Self(NoticeForm::new(fields))
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        self.0.refused(app, visit, why).await
    }
}

/// A notice as it was found wanting: the status of the answer, and why.
pub(super) type NoticeRefusal = (StatusCode, WrongInput);

impl NoticeForm {
    /// The form again, with what was typed and the reason, under a fresh id: nobody types it twice.
    pub(super) fn again(
        &self,
        app: &App,
        visit: &RequestContext,
        status: StatusCode,
        wrong: WrongInput,
    ) -> PageResult {
        let once = secret::token().map_err(|_| PageError::Unavailable)?;
        Ok(render_with(
            status,
            &form_page(app, visit, once, self, wrong),
        ))
    }

    /// Why a file of this form was not kept.
    fn file_problem(&self, visit: &RequestContext) -> Option<WrongInput> {
        let key = self.get(PROBLEM_FIELD);
        let problem = FileProblem::ALL.into_iter().find(|p| p.key() == key)?;
        let name = visit.lang.verbatim(self.get(PROBLEM_NAME_FIELD));
        let why = visit.lang.f(problem.key(), &[("name", &name)]);
        Some(WrongInput::in_field("files", why))
    }

    /// The notice that the form says; the error is why it cannot be published.
    pub(super) fn checked(
        &self,
        app: &App,
        visit: &RequestContext,
    ) -> Result<WrittenNotice, NoticeRefusal> {
        if let Some(wrong) = self.file_problem(visit) {
            return Err((StatusCode::BAD_REQUEST, wrong));
        }
        // A gateway whose clock is dead believes in 1970: a notice that is published then must
        // still be valid for days to come.
        let now = app.supervisor.clock().trusted_ms();
        let written = self
            .written(app, visit.lang, now)
            .map_err(|wrong| (StatusCode::BAD_REQUEST, wrong))?;
        // After “back” and a second submit the form's id is new, but the text is not.
        let mac = app.files.mac(written.words.encode().as_bytes());
        let corrected = self.notice_id().filter(|_| self.is_correction());
        let is_same = |n: &Notice| n.text.mac == mac && Some(&n.id) != corrected.as_ref();
        let state = app.journal.state();
        let mut up = state.notices.values().filter(|n| !n.details.is_over(now));
        if up.any(|n| is_same(n)) {
            return Err((StatusCode::CONFLICT, visit.lang.t("notice-twice").into()));
        }
        Ok(written)
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
    let typed = NoticeForm::new(fields);
    let mut page = form_page(app, visit, once, &typed, WrongInput::default());
    page.f.flash = Some(note);
    Ok(render(&page))
}

/// The form of a notice of before, whose text is there.
fn form_of(
    app: &App,
    notice: &Notice,
    further: impl IntoIterator<Item = (&'static str, String)>,
) -> Option<NoticeForm> {
    let text = app.files.text(&notice.text).ok()?;
    let words = NoticeWords::decode(&text);
    Some(NoticeForm::of(&words, &notice.details, further))
}

/// The form: empty, with the beginning of a template, or with the text of an older notice that is
/// to be published anew.
pub async fn new(
    State(app): State<App>,
    visit: RequestContext,
    Query(query): Query<Vec<(String, String)>>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let state = app.journal.state();
    let asked = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let template = asked("template").and_then(|id| templates::named(id));
    let older = asked("again")
        .and_then(|id| NoticeId::new(id).ok())
        .and_then(|id| super::archive::find(&state, &id))
        .and_then(|n| {
            let is_held = n.details.occasion.is_some();
            let days = if is_held { UNTIL_HELD } else { "" };
            form_of(&app, n, [("days", days.to_owned())])
        });
    let typed = older.or_else(|| template.map(NoticeForm::of_template));
    let typed = typed.unwrap_or_default();
    typed.again(&app, &visit, StatusCode::OK, WrongInput::default())
}

/// The form of a notice that is up, to correct it: the whole, or (`only`) its day and its place.
pub async fn correct(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<NoticeId>,
    Query(query): Query<Vec<(String, String)>>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let state = app.journal.state();
    let notice = state.notices.get(&id).filter(|n| !n.from_commune);
    let notice = notice.ok_or(PageError::NoticeGone)?;
    let only = query.into_iter().find(|(name, _)| name == BRIEF_FIELD);
    let further = [
        ("notice", id.to_string()),
        ("correct", "1".to_owned()),
        (SEEN_FIELD, notice.text.id.to_string()),
        (BRIEF_FIELD, only.map_or_else(String::new, |(_, what)| what)),
    ];
    let typed = form_of(&app, notice, further).ok_or(PageError::NoticeGone)?;
    typed.again(&app, &visit, StatusCode::OK, WrongInput::default())
}

/// The form of a draft.
pub async fn draft(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<NoticeId>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let state = app.journal.state();
    if state.notices.contains_key(&id) {
        return Ok(redirect_see_other(&format!("/notices/{id}")));
    }
    let draft = state.drafts.get(&id).ok_or(PageError::NoticeGone)?;
    let text = app.files.text(&draft.text);
    let words = text.map_or_else(|_| NoticeWords::default(), |t| NoticeWords::decode(&t));
    let typed = NoticeForm::of_draft(&words, draft);
    typed.again(&app, &visit, StatusCode::OK, WrongInput::default())
}

#[derive(askama::Template)]
#[template(path = "notice_preview.html")]
struct NoticePreviewPage {
    f: PageContext,
    once: String,
    /// All that was filled in, for the buttons.
    typed: Vec<(&'static str, String)>,
    /// As it stands on top of the first page.
    summary: NoticeSummary,
    is_urgent: bool,
    /// As its own page shows it.
    sheet: ShownNotice,
    /// The sentence about places that are not filled in; empty = none is.
    missing: String,
    /// It would be taken off the board before its day.
    early: EarlyEnd,
    /// The button that publishes.
    publish: String,
    is_correction: bool,
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
    let written = match form.checked(&app, &visit) {
        Ok(written) => written,
        Err((status, why)) => return form.again(&app, &visit, status, why),
    };
    let once = match once {
        Some(once) => once.to_string(),
        None => secret::token().map_err(|_| PageError::Unavailable)?,
    };
    let f = app.page_context(&visit, &app.journal.state(), "more");
    let posting = Posting {
        at: written
            .publish_at
            .unwrap_or_else(|| app.supervisor.clock().trusted_ms()),
        until: written.details.until,
        from_commune: false,
    };
    let (words, details) = (&written.words, &written.details);
    let paragraphs = paragraphs(&words.body);
    let sheet = ShownNotice::of(&app, f.lang, words, details, FILES);
    let sheet = sheet.to_be_posted(f.lang, posting);
    let missing = missing_text(f.lang, words, details);
    Ok(render(&NoticePreviewPage {
        once,
        summary: summarize_text(f.lang, words.title.clone(), &paragraphs, posting),
        is_urgent: details.urgent,
        sheet,
        early: early_end(f.lang, details),
        publish: match written.publish_at {
            _ if !missing.is_empty() => f.t("notice-publish-anyway"),
            Some(at) if !form.is_correction() => {
                f.t1("notice-publish-at", "when", dates::moment(f.lang, at))
            }
            _ if form.is_correction() => f.t("notice-correct-now"),
            _ => f.t("publish-now"),
        },
        missing,
        is_correction: form.is_correction(),
        typed: form.filled_in(),
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
