//! Sign-ins, sign-outs and wrong PINs as entries.
//!
//! A storage medium that refuses writes keeps nobody out: an entry that cannot be written is
//! logged, and the person goes on. How few entries wrong PINs make is decided in
//! [`crate::http::session::wrong_pin_log`].

use crate::domain::actor::Actor;
use crate::domain::id::UserId;
use crate::domain::user;
use crate::http::session::SignIns;
use crate::http::session::wrong_pin_log::WrongPins;
use crate::journal::{CommandRequest, Journal, SubmitError};
use crate::web::kit::app::App;

/// Records what a person did with their sign-in, behind the wrong PINs that were tried for them.
pub(super) async fn record(app: &App, person: &UserId, command: user::Command) {
    if !is_writable(&app.journal) {
        return;
    }
    let taken = app.sessions.take_wrong_pins(Some(person));
    record_wrong_pins(&app.journal, &app.sessions, taken).await;
    let actor = Actor::User { id: person.clone() };
    if let Err(cause) = app
        .journal
        .submit(CommandRequest::new(actor, command))
        .await
    {
        tracing::warn!(user = %person, %cause, "sign-in or sign-out not recorded");
    }
}

/// Records the wrong PINs that are due now.
pub(super) async fn record_due(app: &App) {
    if is_writable(&app.journal) {
        let taken = app.sessions.take_wrong_pins(None);
        record_wrong_pins(&app.journal, &app.sessions, taken).await;
    }
}

/// Whether entries can be written: a medium that failed is reported by its health, not here.
fn is_writable(journal: &Journal) -> bool {
    journal.failed().borrow().is_none()
}

/// Records wrong PINs that were taken from the sign-ins. Those that cannot be written go back.
pub async fn record_wrong_pins(journal: &Journal, sign_ins: &SignIns, taken: Vec<WrongPins>) {
    for wrong in taken {
        let command = user::Command::NoteWrongPins {
            user: wrong.user.clone(),
            count: wrong.count,
            is_locked: wrong.is_locked,
        };
        let done = journal
            .submit(CommandRequest::new(Actor::System, command))
            .await;
        // A rejection means that the person was removed meanwhile.
        if let Err(SubmitError::Closed(cause)) = done {
            tracing::warn!(
                user = %wrong.user,
                n = wrong.count,
                %cause,
                "wrong PINs not recorded yet"
            );
            sign_ins.return_wrong_pins(&wrong);
        }
    }
}
