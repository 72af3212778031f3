//! People who may sign in, as the technician sets them on the control socket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::app::App;
use super::control::commands::{error_response, submit_request};
use crate::domain::actor::Actor;
use crate::domain::id::UserId;
use crate::domain::text;
use crate::domain::user::{self, Role, User};
use crate::http::session::Person;
use crate::i18n::locale::Lang;
use crate::journal::CommandRequest;
use crate::keys::secret;
use crate::protocol::control::{UserChange, UserUpdate};

/// Language of the technician's terminal.
const LANG: Lang = Lang::Vi;

/// Adds a person, sets a new PIN, or another name. Adding never changes a person: the id of the
/// chief typed once more must not turn the chief into somebody else.
pub async fn put_user(State(app): State<App>, Json(put): Json<UserUpdate>) -> Response {
    match apply_change(&app, put).await {
        Ok(answer) => Json(answer).into_response(),
        Err(refused) => refused,
    }
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

fn bad_request(key: &str, id: &str) -> Response {
    error_response(StatusCode::BAD_REQUEST, LANG.f(key, &[("id", id)]))
}

fn cannot_store(cause: std::io::Error) -> Response {
    error_response(StatusCode::SERVICE_UNAVAILABLE, cause)
}

fn person_unreadable(id: &UserId) -> Response {
    error_response(
        StatusCode::SERVICE_UNAVAILABLE,
        LANG.f("person-unread", &[("id", id.as_str())]),
    )
}

async fn apply_change(app: &App, put: UserUpdate) -> Result<serde_json::Value, Response> {
    let Ok(id) = UserId::new(&put.id) else {
        return Err(bad_request("person-id", &text::line(&put.id, 64)));
    };
    let user = app.journal.state().users.get(&id).cloned();
    let person = user.as_ref().and_then(|u| app.sessions.person(u));
    let target = ChangeTarget {
        id,
        user,
        person,
        name: text::line(&put.name, usize::MAX),
    };
    if let Some(refused) = refusal(put.change, &target) {
        return Err(refused);
    }
    if put.change == UserChange::Rename {
        rename(app, target).await
    } else {
        put_pin(app, target, &put.role, put.pin).await
    }
}

/// Why the change cannot be made; none = it can.
fn refusal(change: UserChange, target: &ChangeTarget) -> Option<Response> {
    let id = target.id.as_str();
    if target.name.chars().count() > text::MAX_NAME_CHARS {
        return Some(error_response(
            StatusCode::BAD_REQUEST,
            LANG.f(
                "refused-text",
                &[
                    ("part", &LANG.t("part-name")),
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
                LANG.f("person-known", &[("id", id), ("name", called)]),
            ))
        }
        (UserChange::Pin | UserChange::Rename, None) => Some(error_response(
            StatusCode::NOT_FOUND,
            LANG.f("person-unknown", &[("id", id)]),
        )),
        (UserChange::Add | UserChange::Rename, _) if target.name.is_empty() => {
            Some(bad_request("person-name", id))
        }
        _ => None,
    }
}

/// Gives a known person another name; the PIN stays.
async fn rename(app: &App, target: ChangeTarget) -> Result<serde_json::Value, Response> {
    let generation = target.user.as_ref().map_or(0, |u| u.generation);
    let Some(person) = target.person else {
        return Err(person_unreadable(&target.id));
    };
    let name = target.name;
    let record = app
        .sessions
        .rename(person, &name)
        .await
        .map_err(cannot_store)?;
    let receipt = submit_request(
        app,
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
        other => return Err(bad_request("person-role", &text::line(other, 64))),
    };
    let pin = match pin.map_or_else(secret::pin, Ok) {
        Ok(pin) if secret::is_pin(&pin) => pin,
        Ok(_) => return Err(bad_request("person-pin", id.as_str())),
        Err(cause) => return Err(cannot_store(cause)),
    };
    let name = if target.name.is_empty() {
        target.person.map(|p| p.name)
    } else {
        Some(target.name)
    };
    let Some(name) = name else {
        return Err(person_unreadable(&id));
    };
    let record = app
        .sessions
        .make_person(&name, &pin)
        .await
        .map_err(cannot_store)?;
    app.sessions.clear_failures(&id);
    submit_request(
        app,
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
