//! People who may sign in, as the technician sets them on the control socket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::commands::{error_response, submit_request};
use super::terminal_lang::TerminalLang;
use crate::domain::actor::Actor;
use crate::domain::id::UserId;
use crate::domain::text;
use crate::domain::user::{self, Role, User};
use crate::http::session::Person;
use crate::i18n::io_text::io_text;
use crate::i18n::locale::Lang;
use crate::journal::CommandRequest;
use crate::keys::secret;
use crate::protocol::control::{UserChange, UserRow, UserUpdate};
use crate::web::kit::app::App;

/// Adds a person, sets a new PIN, or another name. Adding never changes a person: the id of the
/// chief typed once more must not turn the chief into somebody else.
pub(super) async fn put_user(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Json(put): Json<UserUpdate>,
) -> Response {
    match apply_change(&app, lang, put).await {
        Ok(answer) => Json(answer).into_response(),
        Err(refused) => refused,
    }
}

/// Everybody who may sign in.
pub async fn list(State(app): State<App>) -> Json<Vec<UserRow>> {
    let state = app.journal.state();
    let row = |u: &Arc<User>| UserRow {
        id: u.id.to_string(),
        name: app.sessions.person(u).map(|p| p.name),
        role: u.role,
    };
    Json(state.users.values().map(row).collect())
}

/// The person that a change is about, and the name that was typed.
struct ChangeTarget {
    id: UserId,
    /// None = no user has this id.
    user: Option<Arc<User>>,
    /// None = no user has this id, or their file cannot be read.
    person: Option<Person>,
    /// The typed name; empty = none was typed.
    name: String,
}

fn bad_request(lang: Lang, key: &str, id: &str) -> Response {
    error_response(StatusCode::BAD_REQUEST, lang.f(key, &[("id", id)]))
}

fn cannot_store(lang: Lang, cause: &std::io::Error) -> Response {
    let why = io_text(lang, cause);
    error_response(
        StatusCode::SERVICE_UNAVAILABLE,
        lang.f("person-not-stored", &[("why", &why)]),
    )
}

fn person_unreadable(lang: Lang, id: &UserId) -> Response {
    error_response(
        StatusCode::SERVICE_UNAVAILABLE,
        lang.f("person-unread", &[("id", id.as_str())]),
    )
}

async fn apply_change(
    app: &App,
    lang: Lang,
    put: UserUpdate,
) -> Result<serde_json::Value, Response> {
    let Ok(id) = UserId::new(&put.id) else {
        return Err(bad_request(lang, "person-id", &text::line(&put.id, 64)));
    };
    let user = app.journal.state().users.get(&id).cloned();
    let person = user.as_ref().and_then(|u| app.sessions.person(u));
    let target = ChangeTarget {
        id,
        user,
        person,
        name: text::line(&put.name, usize::MAX),
    };
    if let Some(refused) = refusal(lang, put.change, &target) {
        return Err(refused);
    }
    if put.change == UserChange::Rename {
        rename(app, lang, target).await
    } else {
        put_pin(app, lang, target, &put.role, put.pin).await
    }
}

/// Why the change cannot be made; none = it can.
fn refusal(lang: Lang, change: UserChange, target: &ChangeTarget) -> Option<Response> {
    let id = target.id.as_str();
    if target.name.chars().count() > text::MAX_NAME_CHARS {
        return Some(error_response(
            StatusCode::BAD_REQUEST,
            lang.f(
                "refused-text",
                &[
                    ("part", &lang.t("part-name")),
                    ("most", &text::MAX_NAME_CHARS.to_string()),
                ],
            ),
        ));
    }
    match (change, &target.user) {
        (UserChange::Add, Some(_)) => {
            let called = target.person.as_ref().map_or(id, |p| p.name.as_str());
            Some(error_response(
                StatusCode::CONFLICT,
                lang.f("person-known", &[("id", id), ("name", called)]),
            ))
        }
        (UserChange::Pin | UserChange::Rename, None) => Some(error_response(
            StatusCode::NOT_FOUND,
            lang.f("person-unknown", &[("id", id)]),
        )),
        (UserChange::Add | UserChange::Rename, _) if target.name.is_empty() => {
            Some(bad_request(lang, "person-name", id))
        }
        _ => None,
    }
}

/// Gives a known person another name; the PIN stays.
async fn rename(
    app: &App,
    lang: Lang,
    target: ChangeTarget,
) -> Result<serde_json::Value, Response> {
    let generation = target.user.as_ref().map_or(0, |u| u.generation);
    let Some(person) = target.person else {
        return Err(person_unreadable(lang, &target.id));
    };
    let name = target.name;
    let record = app
        .sessions
        .rename(person, &name)
        .await
        .map_err(|e| cannot_store(lang, &e))?;
    let receipt = submit_request(
        app,
        lang,
        CommandRequest::new(
            Actor::LocalAdmin,
            user::Command::Rename {
                user: target.id,
                record,
                generation,
            },
        ),
    )
    .await?;
    Ok(serde_json::json!({ "name": name, "last": receipt.last }))
}

/// Adds a person or gives a known one a new PIN: the typed one, or else a random one.
async fn put_pin(
    app: &App,
    lang: Lang,
    target: ChangeTarget,
    role: &str,
    pin: Option<String>,
) -> Result<serde_json::Value, Response> {
    let id = target.id;
    let role = match role {
        // A new PIN changes no rights.
        "" => target.user.as_ref().map_or(Role::Chief, |u| u.role),
        "chief" => Role::Chief,
        "technician" => Role::Technician,
        other => return Err(bad_request(lang, "person-role", &text::line(other, 64))),
    };
    let pin = match pin.map_or_else(secret::pin, Ok) {
        Ok(pin) if secret::is_pin(&pin) => pin,
        Ok(_) => return Err(bad_request(lang, "person-pin", id.as_str())),
        Err(cause) => return Err(cannot_store(lang, &cause)),
    };
    let name = if target.name.is_empty() {
        target.person.map(|p| p.name)
    } else {
        Some(target.name)
    };
    let Some(name) = name else {
        return Err(person_unreadable(lang, &id));
    };
    let record = app
        .sessions
        .make_person(&name, &pin)
        .await
        .map_err(|e| cannot_store(lang, &e))?;
    app.sessions.clear_failures(&id);
    submit_request(
        app,
        lang,
        CommandRequest::new(
            Actor::LocalAdmin,
            user::Command::Put {
                user: User {
                    id,
                    role,
                    record,
                    generation: 0,
                },
            },
        ),
    )
    .await?;
    Ok(serde_json::json!({ "pin": pin, "name": name }))
}
