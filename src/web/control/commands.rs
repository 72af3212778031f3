//! Commands from outside, by the control socket and by programs: carried out, or rejected in words.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::speaker;
use crate::i18n::locale::Lang;
use crate::i18n::rejection_text;
use crate::journal::{CommandRequest, Committed, SubmitError};
use crate::protocol::control::Submit;
use crate::web::kit::app::App;

pub(in crate::web) fn error_response(status: StatusCode, why: impl std::fmt::Display) -> Response {
    (
        status,
        Json(serde_json::json!({ "error": why.to_string() })),
    )
        .into_response()
}

pub(in crate::web) async fn submit_request(
    app: &App,
    lang: Lang,
    request: CommandRequest,
) -> Result<Committed, Response> {
    let (actor, command) = (
        request.actor.clone(),
        rejection_text::command_name(&request.command),
    );
    app.journal
        .submit(request)
        .await
        .map_err(|error| match error {
            SubmitError::Rejected(why) => error_response(
                if why == Rejection::NotPermitted {
                    StatusCode::FORBIDDEN
                } else {
                    StatusCode::CONFLICT
                },
                rejection_text::rejection_text(lang, &why, &actor, &command),
            ),
            SubmitError::Closed(why) => {
                tracing::warn!(%why, "command refused: the journal is closed");
                error_response(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!(
                        "{} {}",
                        lang.t("journal-closed"),
                        lang.t("journal-closed-do")
                    ),
                )
            }
        })
}

pub(super) fn receipt_response(receipt: Committed) -> Response {
    Json(serde_json::json!({ "first": receipt.first, "last": receipt.last })).into_response()
}

/// Submits a command from outside. A blob that it names must be stored here, whole and verified: an
/// entry must not point at nothing.
pub(in crate::web) async fn submit_external(
    app: &App,
    lang: Lang,
    actor: Actor,
    mut submit: Submit,
) -> Response {
    if let Some(blob) = submit.command.blob().cloned() {
        let files = app.files.clone();
        let found = tokio::task::spawn_blocking(move || files.get(&blob).is_ok()).await;
        if !found.unwrap_or(false) {
            return error_response(StatusCode::CONFLICT, lang.t("refused-no-file"));
        }
    }
    // The receipt tells the same of the other clusters as the page would have shown.
    if let Command::Speaker(speaker::Command::QueueAnnouncement { unreachable, .. }) =
        &mut submit.command
    {
        *unreachable = Some(app.unreachable_speakers());
    }
    submit_request(app, lang, CommandRequest::new(actor, submit.command))
        .await
        .map_or_else(|refused| refused, receipt_response)
}
