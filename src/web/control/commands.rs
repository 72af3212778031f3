//! Commands from outside, by the control socket and by programs: carried out, or rejected in words.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::notice::{NoticeDetails, NoticeWords};
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

/// Why the content of a notice from outside is not taken, as a key; none = it may be. A form of
/// ours holds the same: only authorities warn, and a file that is named is there.
fn refused_content(app: &App, text: &[u8], details: &NoticeDetails) -> Option<&'static str> {
    let words = NoticeWords::decode(&String::from_utf8_lossy(text));
    if details.risk.is_some() && words.source.is_empty() {
        return Some("notice-risk-source");
    }
    let mut files = details.attachments.iter();
    let is_there = files.all(|file| app.attachments.hold(&file.sha256).as_ref() == Some(file));
    (!is_there).then_some("refused-no-attachment")
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
        let (app, details) = (
            app.clone(),
            match &submit.command {
                Command::Notice(command) => command.content().map(|(_, details)| details.clone()),
                _ => None,
            },
        );
        let refused = tokio::task::spawn_blocking(move || {
            let Ok(text) = app.files.get(&blob) else {
                return Some("refused-no-file");
            };
            details.and_then(|details| refused_content(&app, &text, &details))
        });
        if let Some(why) = refused.await.unwrap_or(Some("refused-no-file")) {
            return error_response(StatusCode::CONFLICT, lang.t(why));
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
