//! Hoàn tác: takes back what the same person did just before.

use axum::extract::State;

use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::redirect_see_other;
use crate::web::kit::app::App;
use crate::web::kit::form::{COMMAND_ID_MS, Post};
use crate::web::kit::undo::Act;

/// The form of the bar.
pub struct UndoForm {
    /// None = the field names no act.
    act: Option<Act>,
}

impl FormContent<App> for UndoForm {
    fn read(fields: FormFields) -> Self {
        Self {
            act: fields.get("act").parse().ok(),
        }
    }
}

/// Takes the act back, as a command of its own that names the act as its cause. The form's command
/// id makes a double tap one tap.
pub async fn undo(
    State(app): State<App>,
    Post {
        visit,
        once,
        deadline,
        form,
        ..
    }: Post<UndoForm>,
) -> PageResult {
    let (act, once) = form.act.zip(once).ok_or(PageError::OldForm)?;
    app.find_undo(act).await;
    let undo = app.undo_of(&visit, act).ok_or(PageError::UndoTooLate)?;
    let expires_at = app.supervisor.clock().trusted_ms() + COMMAND_ID_MS;
    let request = visit.request(undo.command)?.caused_by(act.first);
    let request = request.idempotent(once, expires_at).before(deadline);
    app.journal.submit(request).await?;
    Ok(redirect_see_other(&undo.page))
}
