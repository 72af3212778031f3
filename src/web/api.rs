//! The API for programs, on the dashboard's listener, with `authorization: Bearer <token>`.
//!
//! Invariants: a request is let in by the hash of its token and may do what the token's scopes
//! allow; no response holds a hash of a secret or the name of a file about a person.

use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::Value;

use super::control::commands::{error_response, submit_external};
use super::control::entries::{EntryRange, load_entries, without_keys};
use crate::domain::actor::Actor;
use crate::domain::decide::Rejection;
use crate::domain::id::TokenId;
use crate::domain::permissions;
use crate::domain::token::{FILE_TOKEN, Scope};
use crate::i18n::locale::Lang;
use crate::keys::secret;
use crate::protocol::control::Submit;
use crate::web::kit::app::App;

/// Longest body of a command, bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The program that asks, by its token.
#[derive(Clone)]
struct ApiClient(TokenId);

/// The routes.
pub fn router(app: App) -> Router<App> {
    Router::new()
        .route("/api/state", get(state))
        .route("/api/entries", get(entries))
        .route("/api/commands", post(command))
        .route("/api/metrics", get(crate::web::control::broker::metrics))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(axum::middleware::from_fn_with_state(app, require_bearer))
}

/// Lets only requests with a valid token through; only hashes are compared.
async fn require_bearer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "));
    let Some(id) = given.and_then(|token| program(&app, token.trim())) else {
        return error_response(StatusCode::UNAUTHORIZED, Lang::Vi.t("api-no-token"));
    };
    // A request that changes nothing needs the scope for reading; the scope of a command is checked
    // when the command is decided.
    if *request.method() != Method::POST
        && !permissions::has_scope(&app.journal.state(), &id, Scope::Read)
    {
        return error_response(
            StatusCode::FORBIDDEN,
            Lang::Vi.f(
                "api-no-scope",
                &[("name", id.as_str()), ("scope", Scope::Read.name())],
            ),
        );
    }
    request.extensions_mut().insert(ApiClient(id));
    next.run(request).await
}

/// The program that the token belongs to.
fn program(app: &App, token: &str) -> Option<TokenId> {
    let hash = secret::sha256(token.as_bytes());
    let state = app.journal.state();
    let named = state
        .tokens
        .values()
        .find(|t| !t.scopes.is_empty() && secret::constant_time_eq(&hash, &t.sha256))
        .map(|t| t.id.clone());
    let file = || {
        TokenId::new(FILE_TOKEN).ok().filter(|id| {
            !app.api_token.is_empty()
                && !state.tokens.contains_key(id)
                && secret::constant_time_eq(&hash, &app.api_token)
        })
    };
    named.or_else(file)
}

async fn command(
    State(app): State<App>,
    Extension(program): Extension<ApiClient>,
    Json(submit): Json<Submit>,
) -> Response {
    if app.taps.may_have_waited() {
        return error_response(StatusCode::CONFLICT, Lang::Vi.t(Rejection::Expired.key()));
    }
    submit_external(&app, Lang::Vi, Actor::Program { id: program.0 }, submit).await
}

async fn state(State(app): State<App>) -> Response {
    match serde_json::to_value(app.village().as_ref()) {
        Ok(state) => Json(redact(state)).into_response(),
        Err(cause) => error_response(StatusCode::SERVICE_UNAVAILABLE, cause),
    }
}

async fn entries(State(app): State<App>, Query(span): Query<EntryRange>) -> Response {
    match load_entries(&app, span, Lang::Vi).await {
        Ok(entries) => Json(entries.into_iter().map(redact).collect::<Vec<_>>()).into_response(),
        Err(refused) => refused,
    }
}

/// Removes everything that opens something or leads to somebody's file: hashes of secrets and of
/// tokens, records of people.
fn redact(value: Value) -> Value {
    without_keys(value, &["secret_sha256", "sha256", "record"])
}
