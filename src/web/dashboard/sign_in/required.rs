//! Lets only signed-in people through; others sign in first, and come out where they were going.
//!
//! Invariant: a request without a sign-in is never carried out later by itself. A page that was
//! asked for is opened after the sign-in; a button is pressed again by the person.

use axum::extract::{FromRequest as _, FromRequestParts as _, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::destination::Destination;
use super::interrupted::{InterruptedForm, TypedForm};
use super::sign_in_page;
use crate::domain::id::UserId;
use crate::http::form::{FormFields, SignInFields};
use crate::http::render::{redirect_see_other, render_with};
use crate::http::wrong_input::WrongInput;
use crate::web::dashboard::speakers;
use crate::web::kit::app::{App, RequestContext};

/// Lets only signed-in people through.
pub async fn require_sign_in(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(visit) = RequestContext::from_request_parts(&mut parts, &app).await;
    if visit.user.is_some() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    if visit.live || parts.uri.path().starts_with("/live/") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let last = app.last_person(&parts.headers);
    // A person who was signed in learns why they must sign in again.
    let has_expired = last.is_some() || !visit.token.is_empty();
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let destination = if is_read {
        Destination::page(parts.uri.path_and_query().map_or("/", |path| path.as_str()))
    } else {
        let request = Request::from_parts(parts, body);
        match interrupted(&app, &visit, last, request).await {
            Ok(destination) => destination,
            Err(page) => return page,
        }
    };
    redirect_see_other(&destination.sign_in_address(has_expired))
}

/// Where a person goes whose form was sent without a sign-in. A form that people type into is
/// carried by the page that asks them to sign in (the error): so is the text of whoever was signed
/// in here last. Of anybody else nothing is read.
async fn interrupted(
    app: &App,
    visit: &RequestContext,
    last: Option<UserId>,
    request: Request,
) -> Result<Destination, Response> {
    let path = request.uri().path().to_owned();
    let typed = TypedForm::sent_to(&path);
    let Some(owner) = last.filter(|_| typed.is_some() || path == speakers::ANNOUNCE_PATH) else {
        return Ok(Destination::page(&visit.came_from));
    };
    let fields = typed_fields(app, request).await?;
    let Some(form) = typed else {
        // The sentence stands in the address of its preview, sealed for the person.
        let address = speakers::preview_address(fields.into_pairs());
        return Ok(Destination::page(&address));
    };
    let chosen = owner.to_string();
    let there = Destination::form(InterruptedForm::new(form, owner, fields));
    let page = sign_in_page(app, visit, &chosen, WrongInput::default(), &there);
    Err(render_with(StatusCode::UNAUTHORIZED, &page))
}

async fn typed_fields(app: &App, request: Request) -> Result<FormFields, Response> {
    match SignInFields::from_request(request, app).await {
        Ok(SignInFields(fields)) => Ok(fields),
        Err(refused) => Err(refused.into_response()),
    }
}
