//! Who may sign in, as the technician says on the control socket.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::app::App;
use super::control::commands::{error_response, submit_request};
use crate::domain::actor::{Actor, Role, User};
use crate::domain::command::Command;
use crate::domain::id::UserId;
use crate::domain::text;
use crate::http::locale::Lang;
use crate::journal::CommandRequest;
use crate::keys::secret;
use crate::protocol::control::{UserChange, UserUpdate};

/// What the technician's terminal is told.
const LANG: Lang = Lang::Vi;

/// Adds a person, gives a new PIN, or another name. Nobody is changed by being added again: the id
/// of the chief typed once more must not make another out of him.
pub async fn put_user(State(app): State<App>, Json(put): Json<UserUpdate>) -> Response {
    match apply_change(&app, put).await {
        Ok(answer) => Json(answer).into_response(),
        Err(refused) => refused,
    }
}

async fn apply_change(app: &App, put: UserUpdate) -> Result<serde_json::Value, Response> {
    let bad =
        |key: &str, id: &str| error_response(StatusCode::BAD_REQUEST, LANG.f(key, &[("id", id)]));
    let cannot = |cause: std::io::Error| error_response(StatusCode::SERVICE_UNAVAILABLE, cause);
    let Ok(id) = UserId::new(&put.id) else {
        return Err(bad("person-id", &text::line(&put.id, 64)));
    };
    let known = app.journal.state().users.get(&id).cloned();
    let person = known.as_ref().and_then(|u| app.sessions.person(u));
    let name = text::line(&put.name, usize::MAX);
    if name.chars().count() > text::MAX_NAME_CHARS {
        return Err(error_response(
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
    match (put.change, &known) {
        (UserChange::Add, Some(_)) => {
            let called = person.map_or_else(|| id.to_string(), |p| p.name);
            return Err(error_response(
                StatusCode::CONFLICT,
                LANG.f("person-known", &[("id", id.as_str()), ("name", &called)]),
            ));
        }
        (UserChange::Pin | UserChange::Rename, None) => {
            return Err(error_response(
                StatusCode::NOT_FOUND,
                LANG.f("person-unknown", &[("id", id.as_str())]),
            ));
        }
        (UserChange::Add | UserChange::Rename, _) if name.is_empty() => {
            return Err(bad("person-name", id.as_str()));
        }
        _ => {}
    }
    if put.change == UserChange::Rename {
        let generation = known.as_ref().map_or(0, |u| u.generation);
        let Some(person) = person else {
            return Err(error_response(
                StatusCode::SERVICE_UNAVAILABLE,
                LANG.f("person-unread", &[("id", id.as_str())]),
            ));
        };
        let record = app.sessions.rename(person, &name).await.map_err(cannot)?;
        let receipt = submit_request(
            app,
            CommandRequest::new(
                Actor::LocalAdmin,
                Command::RenameUser {
                    user: id,
                    record,
                    generation,
                },
            ),
        )
        .await?;
        return Ok(serde_json::json!({ "name": name, "last": receipt.last }));
    }
    let role = match put.role.as_str() {
        // A new PIN changes no rights.
        "" => known.as_ref().map_or(Role::Chief, |u| u.role),
        "chief" => Role::Chief,
        "technician" => Role::Technician,
        other => return Err(bad("person-role", &text::line(other, 64))),
    };
    let pin = match put.pin.map_or_else(secret::pin, Ok) {
        Ok(pin) if secret::is_pin(&pin) => pin,
        Ok(_) => return Err(bad("person-pin", id.as_str())),
        Err(cause) => return Err(cannot(cause)),
    };
    let name = if name.is_empty() {
        person.map(|p| p.name)
    } else {
        Some(name)
    };
    let Some(name) = name else {
        return Err(error_response(
            StatusCode::SERVICE_UNAVAILABLE,
            LANG.f("person-unread", &[("id", id.as_str())]),
        ));
    };
    let record = app
        .sessions
        .make_person(&name, &pin)
        .await
        .map_err(cannot)?;
    app.sessions.clear_failures(&id);
    submit_request(
        app,
        CommandRequest::new(
            Actor::LocalAdmin,
            Command::PutUser {
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
