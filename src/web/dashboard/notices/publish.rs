//! The buttons of the form of a notice: they publish it, schedule it, put it in the place of what
//! was published before, keep it as a draft, throw a draft away.
//!
//! Invariants: a form that is not accepted comes back with everything that was typed and chosen.
//! The form's command id makes a double tap one notice. Nothing that happened meanwhile is undone
//! or passed over in silence (`meanwhile`).

use axum::extract::State;
use axum::http::StatusCode;

use super::content::{NoticeForm, WrittenNotice};
use super::form::UnpublishedForm;
use super::meanwhile::{WRITING, changed, published, went_up};
use crate::domain::blob::BlobRef;
use crate::domain::id::{CommandId, NoticeId};
use crate::domain::notice;
use crate::domain::state::VillageState;
use crate::http::address::PathId;
use crate::http::form::ButtonOnly;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::redirect_see_other;
use crate::web::kit::app::App;
use crate::web::kit::form::{COMMAND_ID_MS, Post};
use crate::web::kit::undo::Act;

/// The command that the form orders, when it can be given: a correction, a schedule, or a
/// publication; and the page that says so.
fn order(
    form: &NoticeForm,
    state: &VillageState,
    once: &CommandId,
    text: BlobRef,
    written: WrittenNotice,
) -> Result<(notice::Command, String), &'static str> {
    let fresh = NoticeId::new(once.as_str()).map_err(|_| "form-again")?;
    let id = form.notice_id().unwrap_or(fresh);
    let WrittenNotice {
        details,
        publish_at,
        ..
    } = written;
    if form.is_correction() {
        let said = format!("/notices/{id}?said=corrected");
        return Ok((notice::Command::Correct { id, text, details }, said));
    }
    // After “back” from an undone publication the form's id is spent.
    if state.ended.contains_key(&id) {
        return Err("notice-was-down");
    }
    Ok(match publish_at {
        Some(publish_at) => (
            notice::Command::Schedule {
                id,
                text,
                details,
                publish_at,
            },
            "/notices?said=scheduled".to_owned(),
        ),
        None => {
            let said = published(&id);
            (notice::Command::Publish { id, text, details }, said)
        }
    })
}

/// Publishes the notice in the form, schedules it, or corrects one with it. The form's command id
/// makes a double tap harmless.
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
    let Some(once) = once else {
        return again(StatusCode::BAD_REQUEST, visit.lang.t("form-again").into());
    };
    let _writing = WRITING.lock().await;
    let fresh = NoticeId::new(once.as_str()).ok();
    let id = form.notice_id().or(fresh);
    let went_up = || went_up(&app, &visit, &form, id.as_ref()?);
    if let Some(page) = went_up() {
        return page;
    }
    let written = match form.checked(&app, &visit) {
        Ok(written) => written,
        Err((status, why)) => return again(status, why),
    };
    if let Some(page) = changed(&app, &visit, &form, &written) {
        return page;
    }
    let state = app.journal.state();
    let text = match app.keep_text(written.words.encode().into_bytes()).await {
        Ok(text) => text,
        Err(why) => return again(why.status(), visit.lang.t(why.detail_key()).into()),
    };
    let (command, said) = match order(&form, &state, &once, text, written) {
        Ok(ordered) => ordered,
        Err(key) => return again(StatusCode::CONFLICT, visit.lang.t(key).into()),
    };
    let is_scheduled = matches!(command, notice::Command::Schedule { .. });
    let expires_at = app.supervisor.clock().trusted_ms() + COMMAND_ID_MS;
    let request = visit.request(command)?.idempotent(once, expires_at);
    match app.journal.submit(request.before(deadline)).await {
        Ok(_) if is_scheduled => Ok(redirect_see_other(&said)),
        Ok(committed) => Ok(redirect_see_other(&Act::address(Act::of(committed), &said))),
        Err(why) => went_up().unwrap_or_else(|| {
            let why = PageError::from(why);
            again(why.status(), visit.lang.t(why.order_key()).into())
        }),
    }
}

/// Keeps the form as a draft. All that a publication needs must be right. With a moment to publish
/// it, the draft is scheduled, and the list says so.
pub async fn save_draft(
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
    let again = |status, wrong| form.again(&app, &visit, status, wrong);
    let fresh = once.and_then(|once| NoticeId::new(once.as_str()).ok());
    let Some(id) = form.notice_id().or(fresh).filter(|_| !form.is_correction()) else {
        return again(StatusCode::BAD_REQUEST, visit.lang.t("form-again").into());
    };
    let _writing = WRITING.lock().await;
    if let Some(page) = went_up(&app, &visit, &form, &id) {
        return page;
    }
    let written = match form.checked(&app, &visit) {
        Ok(written) => written,
        Err((status, why)) => return again(status, why),
    };
    if let Some(page) = changed(&app, &visit, &form, &written) {
        return page;
    }
    let text = match app.keep_text(written.words.encode().into_bytes()).await {
        Ok(text) => text,
        Err(why) => return again(why.status(), visit.lang.t(why.detail_key()).into()),
    };
    let details = written.details;
    let (order, said) = match written.publish_at {
        Some(publish_at) => (
            notice::Command::Schedule {
                id,
                text,
                details,
                publish_at,
            },
            "/notices?said=scheduled",
        ),
        None => (
            notice::Command::SaveDraft { id, text, details },
            "/notices?said=draft-saved",
        ),
    };
    match app.submit(&visit, order).await {
        Ok(_) => Ok(redirect_see_other(said)),
        Err(why) => again(why.status(), visit.lang.t(why.order_key()).into()),
    }
}

/// Throws a draft away.
pub async fn remove_draft(
    State(app): State<App>,
    PathId(id): PathId<NoticeId>,
    Post { visit, .. }: Post<ButtonOnly>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let draft = app.journal.state().drafts.get(&id).cloned();
    let is_scheduled = draft.as_ref().is_some_and(|d| d.publish_at.is_some());
    let removed = if draft.is_some() {
        let order = notice::Command::RemoveDraft { id: id.clone() };
        app.submit(&visit, order).await.map(drop)
    } else {
        // A second tap finds it gone already.
        Ok(())
    };
    // Its hour came first: nobody may believe that it is gone.
    if app.journal.state().notices.contains_key(&id) {
        let page = format!("/notices/{id}?said=draft-went-up");
        return Ok(redirect_see_other(&page));
    }
    removed?;
    Ok(redirect_see_other(if is_scheduled {
        "/notices?said=scheduled-removed"
    } else {
        "/notices?said=draft-removed"
    }))
}
