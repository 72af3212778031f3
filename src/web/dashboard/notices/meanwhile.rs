//! Changes of a notice or a draft while its form was open: its hour came, or another hand
//! changed it.
//!
//! Invariants: nothing that another hand did is undone or passed over in silence. A form says which
//! text it began with, and when that is not the one of now any more, it comes back beside it. A
//! draft that went up while it was corrected comes back as a correction. A second tap of the same
//! form is no other hand.

use axum::http::StatusCode;
use tokio::sync::Mutex;

use super::content::{NoticeForm, SEEN_FIELD, WrittenNotice};
use super::page::form_page;
use crate::domain::blob::BlobRef;
use crate::domain::id::NoticeId;
use crate::domain::notice::{NoticeDetails, NoticeWords};
use crate::http::notice_body::paragraphs;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{redirect_see_other, render_with};
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};

/// Held from the look at what a form began with until its order is decided.
pub(super) static WRITING: Mutex<()> = Mutex::const_new(());
/// Forms of one choice of days that are sent a while apart end so near to each other, ms.
const SAME_END_MS: u64 = 86_400_000;

/// Whether a notice says what a form says: a second tap of it.
fn is_same(app: &App, text: &BlobRef, details: &NoticeDetails, form: &WrittenNotice) -> bool {
    let ends_alike = match (details.until, form.details.until) {
        (Some(one), Some(other)) => one.distance(other) < SAME_END_MS,
        (one, other) => one == other,
    };
    ends_alike
        && text.mac == app.files.mac(form.words.encode().as_bytes())
        && details.clone().until(None) == form.details.clone().until(None)
}

/// The form beside what there is now, and why; sent again it takes the place of that.
fn beside(
    app: &App,
    visit: &RequestContext,
    form: &NoticeForm,
    now: &BlobRef,
    why: &str,
) -> PageResult {
    let once = secret::token().map_err(|_| PageError::Unavailable)?;
    let typed = form.with(&[(SEEN_FIELD, now.id.to_string())]);
    let mut page = form_page(app, visit, once, &typed, visit.lang.t(why).into());
    page.other = app.files.text(now).map_or_else(
        |_| vec![visit.lang.t("erased")],
        |text| {
            let words = NoticeWords::decode(&text);
            let lines = std::iter::once(words.title).chain(paragraphs(&words.body));
            lines.map(|line| visit.lang.verbatim(&line)).collect()
        },
    );
    Ok(render_with(StatusCode::CONFLICT, &page))
}

/// The answer to a form whose draft is up already: to a second tap that it is published, else the
/// form as a correction of it. None = it is not up.
pub(super) fn went_up(
    app: &App,
    visit: &RequestContext,
    form: &NoticeForm,
    id: &NoticeId,
) -> Option<PageResult> {
    let state = app.journal.state();
    let up = state.notices.get(id).filter(|_| !form.is_correction())?;
    let correction = form.with(&[
        ("notice", id.to_string()),
        ("correct", "1".to_owned()),
        ("publish-day", String::new()),
        ("publish-time", String::new()),
    ]);
    let now = app.supervisor.clock().trusted_ms();
    let written = correction.written(app, visit.lang, now);
    if written.is_ok_and(|written| is_same(app, &up.text, &up.details, &written)) {
        return Some(Ok(redirect_see_other(&published(id))));
    }
    Some(beside(app, visit, &correction, &up.text, "notice-went-up"))
}

/// The address of the notice, which says that it is published.
pub(super) fn published(id: &NoticeId) -> String {
    format!("/notices/{id}?said=published")
}

/// The answer to a form about something that another hand changed after the form was opened; none
/// = nobody did, or to what this form says.
pub(super) fn changed(
    app: &App,
    visit: &RequestContext,
    form: &NoticeForm,
    written: &WrittenNotice,
) -> Option<PageResult> {
    let (state, id) = (app.journal.state(), form.notice_id()?);
    let (text, details) = if form.is_correction() {
        let notice = state.notices.get(&id)?;
        (&notice.text, &notice.details)
    } else {
        let draft = state.drafts.get(&id)?;
        (&draft.text, &draft.details)
    };
    let is_known = text.id.as_str() == form.get(SEEN_FIELD);
    (!is_known && !is_same(app, text, details, written))
        .then(|| beside(app, visit, form, text, "notice-changed"))
}
