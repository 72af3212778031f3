//! Sign-in and what a person may set for this phone.

use axum::extract::{Path, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Response};

use super::sign_in_log;
use crate::domain::id::UserId;
use crate::domain::user::{Command, Role};
use crate::http::form::{AnyTimeButton, FormFields, SignInFields};
use crate::http::headers::{cookie, same_site_referer};
use crate::http::render::{PageContext, redirect_see_other, render, render_with};
use crate::http::session::{SIGN_IN_IDLE_MS, SignInError};
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext, session_cookie};
use crate::web::kit::form::Post;

#[derive(askama::Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    f: PageContext,
    people: Vec<(String, String)>,
    chosen: String,
    wrong: String,
    other: &'static str,
}

fn sign_in_page(app: &App, visit: &RequestContext, chosen: &str, wrong: String) -> SignInPage {
    let state = app.journal.state();
    let mut people: Vec<(String, String)> = state
        .users
        .values()
        .map(|u| (u.id.to_string(), name_of_person(app, &state, &u.id)))
        .collect();
    // The chief comes first, as the one who usually signs in.
    let is_other = |id: &str| {
        state
            .users
            .iter()
            .find(|(k, _)| k.as_str() == id)
            .is_none_or(|(_, u)| u.role != Role::Chief)
    };
    people.sort_by(|a, b| (is_other(&a.0), &a.1).cmp(&(is_other(&b.0), &b.1)));
    SignInPage {
        f: app.page_context(visit, &state, ""),
        people,
        chosen: chosen.to_owned(),
        wrong,
        other: if visit.lang.tag() == "vi" { "en" } else { "vi" },
    }
}

/// The form.
pub async fn form(State(app): State<App>, visit: RequestContext) -> Response {
    if visit.user.is_some() {
        return redirect_see_other("/");
    }
    render(&sign_in_page(&app, &visit, "", String::new()))
}

/// The name of a person, or the id when their file cannot be read: nobody vanishes from the page
/// for that.
fn name_of_person(app: &App, state: &crate::domain::state::VillageState, user: &UserId) -> String {
    state
        .users
        .get(user)
        .and_then(|u| app.sessions.person(u))
        .map_or_else(|| user.to_string(), |p| p.name)
}

/// Name of the cookie with the proof that this person signed in on this phone before.
fn known_cookie(user: &UserId) -> String {
    format!("known-{}", user.as_str().replace('.', "-"))
}

/// Tries the PIN.
pub async fn sign_in(
    State(app): State<App>,
    visit: RequestContext,
    headers: HeaderMap,
    SignInFields(fields): SignInFields,
) -> Response {
    let state = app.journal.state();
    let chosen = fields.get("user").to_owned();
    let Ok(user) = UserId::new(&chosen) else {
        return redirect_see_other("/sign-in");
    };
    let name = known_cookie(&user);
    let known = cookie(&headers, &name);
    let is_known_phone = known
        .is_some_and(|k| secret::constant_time_eq(k, &app.sessions.known_phone(&state, &user)));
    match app
        .sessions
        .sign_in(&state, &user, fields.get("pin"), visit.address, known)
        .await
    {
        Ok(token) => {
            let noted = Command::NoteSignIn {
                user: user.clone(),
                is_known_phone,
            };
            sign_in_log::record(&app, &user, noted).await;
            let secure = if visit.secure { "; Secure" } else { "" };
            let session = format!(
                "{}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
                session_cookie(visit.secure),
                SIGN_IN_IDLE_MS / 1000
            );
            let known = format!(
                "{name}={}; Path=/sign-in; HttpOnly; SameSite=Lax; Max-Age=31536000{secure}",
                app.sessions.known_phone(&state, &user)
            );
            (
                AppendHeaders([(SET_COOKIE, session), (SET_COOKIE, known)]),
                redirect_see_other("/"),
            )
                .into_response()
        }
        Err(denied) => {
            sign_in_log::record_due(&app).await;
            let (status, wrong) = error_text(&app, &visit, &state, &user, denied);
            render_with(status, &sign_in_page(&app, &visit, &chosen, wrong))
        }
    }
}

/// Ends this phone's sign-in.
pub async fn sign_out(State(app): State<App>, Post { visit, .. }: Post<AnyTimeButton>) -> Response {
    app.sessions.sign_out(&visit.token);
    if let Some(user) = &visit.user {
        let noted = Command::NoteSignOut {
            user: user.id.clone(),
        };
        sign_in_log::record(&app, &user.id, noted).await;
    }
    redirect_see_other("/sign-in")
}

#[derive(askama::Template)]
#[template(path = "me.html")]
struct MePage {
    f: PageContext,
    role: String,
    /// Phones signed in as this person, this one among them.
    phones: usize,
    wrong: String,
    other: &'static str,
}

/// Ends every other sign-in of this person: a lost phone can do nothing more. The PIN is needed,
/// because the finder of a lost phone must not sign the chief out.
pub async fn sign_out_others(
    State(app): State<App>,
    Post {
        visit,
        sender: user,
        form: fields,
        ..
    }: Post<FormFields>,
) -> Response {
    let state = app.journal.state();
    if let Err(denied) = app
        .sessions
        .verify_pin(
            &state,
            &user.id,
            fields.get("pin"),
            visit.address,
            Some(&app.sessions.known_phone(&state, &user.id)),
        )
        .await
    {
        sign_in_log::record_due(&app).await;
        let (status, wrong) = error_text(&app, &visit, &state, &user.id, denied);
        return render_with(status, &me_page(&app, &visit, wrong));
    }
    let phones = app.sessions.sign_out_others(&state, &user.id, &visit.token);
    let noted = Command::NotePhonesOut {
        user: user.id.clone(),
        phones: phones as u64,
    };
    sign_in_log::record(&app, &user.id, noted).await;
    let secure = if visit.secure { "; Secure" } else { "" };
    let known = format!(
        "{}={}; Path=/sign-in; HttpOnly; SameSite=Lax; Max-Age=31536000{secure}",
        known_cookie(&user.id),
        app.sessions.known_phone(&state, &user.id)
    );
    (
        [(SET_COOKIE, known)],
        redirect_see_other("/me?said=others-out"),
    )
        .into_response()
}

/// Why a PIN was not accepted, in words.
fn error_text(
    app: &App,
    visit: &RequestContext,
    state: &crate::domain::state::VillageState,
    user: &UserId,
    denied: SignInError,
) -> (StatusCode, String) {
    match denied {
        SignInError::WrongPin(n) => (
            StatusCode::UNAUTHORIZED,
            visit.lang.f(
                "wrong-pin",
                &[
                    ("n", &n.to_string()),
                    ("name", &name_of_person(app, state, user)),
                ],
            ),
        ),
        SignInError::NotAPin(n) => (
            StatusCode::UNAUTHORIZED,
            visit.lang.f("no-pin", &[("n", &n.to_string())]),
        ),
        SignInError::UnknownUser => (StatusCode::UNAUTHORIZED, visit.lang.t("unknown-person")),
        SignInError::Locked(seconds) => (
            StatusCode::TOO_MANY_REQUESTS,
            visit.lang.f(
                "locked-pin",
                &[("minutes", &seconds.div_ceil(60).to_string())],
            ),
        ),
        SignInError::UnknownPhone => (StatusCode::TOO_MANY_REQUESTS, visit.lang.t("unknown-phone")),
        SignInError::Busy => (StatusCode::TOO_MANY_REQUESTS, visit.lang.t("busy-pin")),
        SignInError::KeyLost => (StatusCode::SERVICE_UNAVAILABLE, visit.lang.t("key-lost")),
        SignInError::Internal => (
            StatusCode::SERVICE_UNAVAILABLE,
            visit.lang.t("unlooked-pin"),
        ),
    }
}

fn me_page(app: &App, visit: &RequestContext, wrong: String) -> MePage {
    let state = app.journal.state();
    let f = app.page_context(visit, &state, "more");
    let role = f.t(
        if visit.user.as_ref().is_some_and(|u| u.role == Role::Chief) {
            "role-chief"
        } else {
            "role-technician"
        },
    );
    let phones = visit
        .user
        .as_ref()
        .map_or(1, |u| app.sessions.count(&state, &u.id));
    MePage {
        role,
        phones,
        wrong,
        other: if f.lang.tag() == "vi" { "en" } else { "vi" },
        f,
    }
}

/// The person's own page.
pub async fn me(State(app): State<App>, visit: RequestContext) -> Response {
    render(&me_page(&app, &visit, String::new()))
}

/// Changes the language of this phone.
pub async fn language(Path(tag): Path<String>, headers: HeaderMap) -> Response {
    let tag = if tag == "en" { "en" } else { "vi" };
    (
        [(
            SET_COOKIE,
            format!("lang={tag}; Path=/; SameSite=Lax; Max-Age=31536000"),
        )],
        redirect_see_other(&same_site_referer(&headers)),
    )
        .into_response()
}

/// Larger text on this phone, or not any more.
pub async fn toggle_large_text(visit: RequestContext, headers: HeaderMap) -> Response {
    let age = if visit.big { 0 } else { 31_536_000 };
    (
        [(
            SET_COOKIE,
            format!("big=1; Path=/; SameSite=Lax; Max-Age={age}"),
        )],
        redirect_see_other(&same_site_referer(&headers)),
    )
        .into_response()
}
