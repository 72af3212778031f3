//! Who may sign in, as the technician says on the control socket.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::app::App;
use super::control::obey::{carry_out, refuse};
use crate::domain::actor::{Actor, Role, User};
use crate::domain::command::Command;
use crate::domain::id::UserId;
use crate::domain::words;
use crate::doors::locale::Lang;
use crate::journal::Wish;
use crate::keys::secret;
use crate::protocol::control::{Change, PutPerson};

/// What the technician's terminal is told.
const LANG: Lang = Lang::Vi;

/// Adds a person, gives a new PIN, or another name. Nobody is changed by being added again: the id
/// of the chief typed once more must not make another out of him.
pub async fn put(State(app): State<App>, Json(put): Json<PutPerson>) -> Response {
    match change(&app, put).await {
        Ok(answer) => Json(answer).into_response(),
        Err(refused) => refused,
    }
}

async fn change(app: &App, put: PutPerson) -> Result<serde_json::Value, Response> {
    let bad = |key: &str, id: &str| refuse(StatusCode::BAD_REQUEST, LANG.f(key, &[("id", id)]));
    let cannot = |cause: std::io::Error| refuse(StatusCode::SERVICE_UNAVAILABLE, cause);
    let Ok(id) = UserId::new(&put.id) else {
        return Err(bad("person-id", &words::line(&put.id, 64)));
    };
    let known = app.journal.state().users.get(&id).cloned();
    let person = known.as_ref().and_then(|u| app.sessions.person(u));
    let name = words::line(&put.name, usize::MAX);
    if name.chars().count() > words::NAME_MAX {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            LANG.f(
                "refused-text",
                &[
                    ("part", &LANG.t("part-name")),
                    ("most", &words::NAME_MAX.to_string()),
                ],
            ),
        ));
    }
    match (put.change, &known) {
        (Change::Add, Some(_)) => {
            let called = person.map_or_else(|| id.to_string(), |p| p.name);
            return Err(refuse(
                StatusCode::CONFLICT,
                LANG.f("person-known", &[("id", id.as_str()), ("name", &called)]),
            ));
        }
        (Change::Pin | Change::Rename, None) => {
            return Err(refuse(
                StatusCode::NOT_FOUND,
                LANG.f("person-unknown", &[("id", id.as_str())]),
            ));
        }
        (Change::Add | Change::Rename, _) if name.is_empty() => {
            return Err(bad("person-name", id.as_str()));
        }
        _ => {}
    }
    if put.change == Change::Rename {
        let generation = known.as_ref().map_or(0, |u| u.generation);
        let Some(person) = person else {
            return Err(refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                LANG.f("person-unread", &[("id", id.as_str())]),
            ));
        };
        let record = app.sessions.rename(person, &name).await.map_err(cannot)?;
        let receipt = carry_out(
            app,
            Wish::new(
                Actor::Console,
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
        other => return Err(bad("person-role", &words::line(other, 64))),
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
        return Err(refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            LANG.f("person-unread", &[("id", id.as_str())]),
        ));
    };
    let record = app
        .sessions
        .make_person(&name, &pin)
        .await
        .map_err(cannot)?;
    app.sessions.forget_wrong(&id);
    carry_out(
        app,
        Wish::new(
            Actor::Console,
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
