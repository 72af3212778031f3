//! Sign-in and what a person may set for this phone.

mod destination;
mod interrupted;
mod required;

use axum::extract::{Path, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Response};

use self::destination::Destination;
pub use self::required::require_sign_in;
use super::sign_in_log;
use crate::domain::id::UserId;
use crate::domain::user::{Command, Role};
use crate::http::address::Query;
use crate::http::form::{
    AnyTimeButton, FormFields, MAX_SIGN_IN_PAGE_AGE_MS, SHOWN_FIELD, SignInFields,
};
use crate::http::headers::{cookie, same_site_referer};
use crate::http::render::{PageContext, redirect_see_other, render, render_with};
use crate::http::session::{SIGN_IN_IDLE_MS, SignInError};
use crate::http::wrong_input::WrongInput;
use crate::i18n::locale::Arg;
use crate::keys::secret;
use crate::web::kit::app::{App, LAST_PERSON_COOKIE, RequestContext, session_cookie};
use crate::web::kit::form::Post;

/// A year, s.
const YEAR_S: i64 = 31_536_000;

#[derive(askama::Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    f: PageContext,
    people: Vec<(String, String)>,
    chosen: String,
    wrong: WrongInput,
    /// Where the person goes from here, and what was typed there.
    carried: Vec<(String, String)>,
    /// A form with typed text waits behind the sign-in.
    is_typed: bool,
}

fn sign_in_page(
    app: &App,
    visit: &RequestContext,
    chosen: &str,
    wrong: WrongInput,
    destination: &Destination,
) -> SignInPage {
    let state = app.journal.state();
    let mut people: Vec<(String, String)> = state
        .users
        .values()
        .map(|u| (u.id.to_string(), name_of_person(app, &state, &u.id)))
        .collect();
    // Only the person who typed a text gets it back.
    if let Some(form) = destination.interrupted() {
        people.retain(|(id, _)| *id == form.owner().as_str());
    }
    // The chief comes first, as the one who usually signs in.
    let is_other = |id: &str| {
        state
            .users
            .iter()
            .find(|(k, _)| k.as_str() == id)
            .is_none_or(|(_, u)| u.role != Role::Chief)
    };
    people.sort_by(|a, b| (is_other(&a.0), &a.1).cmp(&(is_other(&b.0), &b.1)));
    let mut carried = destination.hidden_fields();
    if destination.interrupted().is_some() {
        carried.push((SHOWN_FIELD.to_owned(), app.taps.stamp()));
    }
    SignInPage {
        f: app.page_context(visit, &state, ""),
        people,
        chosen: chosen.to_owned(),
        wrong,
        carried,
        is_typed: destination.interrupted().is_some(),
    }
}

/// The form.
pub async fn form(
    State(app): State<App>,
    visit: RequestContext,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let destination = Destination::from_query(&query);
    if visit.user.is_some() {
        return destination.open(&app, &visit);
    }
    let last = app.last_person(&headers);
    let chosen = last.as_ref().map_or("", |user| user.as_str());
    render(&sign_in_page(
        &app,
        &visit,
        chosen,
        WrongInput::default(),
        &destination,
    ))
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

/// The cookies of a phone on which a person signed in: the sign-in, the proof that it did, and who
/// did.
fn sign_in_cookies(app: &App, visit: &RequestContext, user: &UserId) -> [String; 3] {
    let secure = if visit.secure { "; Secure" } else { "" };
    let cookie = |name: &str, value: &str, path: &str, age: i64| {
        format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
    };
    let proof = app.sessions.known_phone(&app.journal.state(), user);
    [
        cookie(
            session_cookie(visit.secure),
            &visit.token,
            "/",
            SIGN_IN_IDLE_MS / 1000,
        ),
        cookie(&known_cookie(user), &proof, "/sign-in", YEAR_S),
        cookie(LAST_PERSON_COOKIE, user.as_str(), "/", YEAR_S),
    ]
}

/// Tries the PIN, and opens the page that the person was going to.
pub async fn sign_in(
    State(app): State<App>,
    visit: RequestContext,
    headers: HeaderMap,
    SignInFields(fields): SignInFields,
) -> Response {
    let state = app.journal.state();
    let (chosen, pin) = (fields.get("user").to_owned(), fields.get("pin").to_owned());
    let is_fresh = app
        .taps
        .is_younger_than(fields.get(SHOWN_FIELD), MAX_SIGN_IN_PAGE_AGE_MS);
    let destination = Destination::from_form(fields);
    if destination.interrupted().is_some() && !is_fresh {
        let wrong = WrongInput::in_field("pin", visit.lang.t("form-again"));
        let page = sign_in_page(&app, &visit, &chosen, wrong, &destination);
        return render_with(StatusCode::UNAUTHORIZED, &page);
    }
    let Ok(user) = UserId::new(&chosen) else {
        let page = sign_in_page(&app, &visit, "", WrongInput::default(), &destination);
        return render_with(StatusCode::UNAUTHORIZED, &page);
    };
    let name = known_cookie(&user);
    let known = cookie(&headers, &name);
    let is_known_phone = known
        .is_some_and(|k| secret::constant_time_eq(k, &app.sessions.known_phone(&state, &user)));
    match app
        .sessions
        .sign_in(&state, &user, &pin, visit.address, known)
        .await
    {
        Ok(token) => {
            let noted = Command::NoteSignIn {
                user: user.clone(),
                is_known_phone,
            };
            sign_in_log::record(&app, &user, noted).await;
            let visit = RequestContext {
                user: app.sessions.user_of(&app.journal.state(), &token),
                token,
                ..visit
            };
            let cookies = sign_in_cookies(&app, &visit, &user);
            let cookies = AppendHeaders(cookies.map(|cookie| (SET_COOKIE, cookie)));
            (cookies, destination.open(&app, &visit)).into_response()
        }
        Err(denied) => {
            sign_in_log::record_due(&app).await;
            let (status, wrong) = error_text(&app, &visit, &state, &user, denied);
            let page = sign_in_page(&app, &visit, &chosen, wrong, &destination);
            render_with(status, &page)
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
    wrong: WrongInput,
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
) -> (StatusCode, WrongInput) {
    let field = match denied {
        SignInError::UnknownUser => "user",
        _ => "pin",
    };
    let (status, why) = match denied {
        SignInError::WrongPin(n) => (
            StatusCode::UNAUTHORIZED,
            visit.lang.f(
                "wrong-pin",
                &[
                    ("n", Arg::from(n)),
                    (
                        "name",
                        Arg::Text(&visit.lang.verbatim(&name_of_person(app, state, user))),
                    ),
                ],
            ),
        ),
        SignInError::NotAPin(n) => (
            StatusCode::UNAUTHORIZED,
            visit.lang.f("no-pin", &[("n", n)]),
        ),
        SignInError::UnknownUser => (StatusCode::UNAUTHORIZED, visit.lang.t("unknown-person")),
        SignInError::Locked(seconds) => (
            StatusCode::TOO_MANY_REQUESTS,
            visit
                .lang
                .f("locked-pin", &[("minutes", seconds.div_ceil(60))]),
        ),
        SignInError::UnknownPhone => (StatusCode::TOO_MANY_REQUESTS, visit.lang.t("unknown-phone")),
        SignInError::NoPhone => (
            StatusCode::TOO_MANY_REQUESTS,
            visit.lang.t("no-phone-today"),
        ),
        SignInError::Busy => (StatusCode::TOO_MANY_REQUESTS, visit.lang.t("busy-pin")),
        SignInError::KeyLost => (StatusCode::SERVICE_UNAVAILABLE, visit.lang.t("key-lost")),
        SignInError::Internal => (
            StatusCode::SERVICE_UNAVAILABLE,
            visit.lang.t("unlooked-pin"),
        ),
    };
    (status, WrongInput::in_field(field, why))
}

fn me_page(app: &App, visit: &RequestContext, wrong: WrongInput) -> MePage {
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
        f,
        role,
        phones,
        wrong,
    }
}

/// The person's own page.
pub async fn me(State(app): State<App>, visit: RequestContext) -> Response {
    render(&me_page(&app, &visit, WrongInput::default()))
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
