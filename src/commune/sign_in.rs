//! Signing in at the console, and signing out.
//!
//! An address that guesses makes itself wait, not the officer. An attempt that could not be
//! verified (too many at once, no memory) is not wrong and is not counted. Hashing has its own
//! bounds: [`crate::keys::pins`].

use std::net::IpAddr;
use std::sync::PoisonError;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::console::context::{Console, SignedIn, language_of};
use super::console::draft::{BulletinDraft, field};
use super::console::frame::{Frame, RowList, html, render};
use super::officers::Officer;
use super::pin_attempts::LOCKOUT_MS;
use super::sessions::ConsoleSignIn;
use crate::http::form_token::unmask;
use crate::http::headers::same_site_referer;
use crate::http::render::{plain_row, redirect_see_other};
use crate::http::serve::Peer;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::keys::pins::PinError;
use crate::keys::secret;

const DAY_MS: i64 = 86_400_000;
/// Longest address to go on to after a sign-in, bytes.
const MAX_NEXT_BYTES: usize = 200;

/// The address of a visitor, and whether the connection uses TLS.
fn peer_address(peer: Peer) -> (IpAddr, bool) {
    match peer {
        Peer::Tcp {
            address, secure, ..
        } => (address.ip(), secure),
        Peer::ControlSocket => (IpAddr::from([127, 0, 0, 1]), false),
    }
}

/// The sentence about a wrong PIN, with the name that it was for.
fn wrong_pin_text(console: &Console, lang: Lang, officer: &str, left: u32) -> String {
    let n = left.to_string();
    match console.officers.name_of(officer) {
        Some(name) => lang.f("wrong-pin", &[("name", name.as_str()), ("n", &n)]),
        None => lang.f("commune-wrong-pin", &[("n", &n)]),
    }
}

/// Verifies an officer's PIN; the error is what to answer.
async fn verify_pin(
    console: &Console,
    address: IpAddr,
    officer: &str,
    pin: &str,
    lang: Lang,
) -> Result<(), (StatusCode, String)> {
    let wrong = || {
        console
            .failed_pins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    let locked = |wait: u64| {
        let text = if wait < 60_000 {
            lang.f("wait-pin", &[("seconds", wait.div_ceil(1_000))])
        } else {
            lang.f(
                "locked-pin",
                &[("minutes", &wait.div_ceil(60_000).to_string())],
            )
        };
        (StatusCode::TOO_MANY_REQUESTS, text)
    };
    let (day, now) = (
        console.clock.wall_ms().ms().div_euclid(DAY_MS),
        console.clock.mono_ms(),
    );
    // Names are shown to everybody, and text that is no PIN is no guess: neither invented names nor
    // such text is counted or hashed.
    let Some(hash) = console.officers.pin_hash(officer) else {
        let why = lang.t("commune-choose-name");
        return Err((StatusCode::UNAUTHORIZED, why));
    };
    if !secret::is_pin(pin) {
        let left = wrong().tries_left(officer, address, now).map_err(locked)?;
        let why = lang.f("no-pin", &[("n", &left.to_string())]);
        return Err((StatusCode::UNAUTHORIZED, why));
    }
    let counted = wrong().count(officer, address, now, day).map_err(locked)?;
    let looked = match console.pins.acquire(counted.is_proven).await {
        Ok(turn) => turn.check(pin, &hash).await,
        Err(failure) => Err(failure),
    };
    match looked {
        Ok((true, _)) => {
            wrong().confirm(&counted, address);
            Ok(())
        }
        Ok((false, _)) => Err(match counted.tries_left() {
            0 => locked(LOCKOUT_MS),
            left => (
                StatusCode::UNAUTHORIZED,
                wrong_pin_text(console, lang, officer, left),
            ),
        }),
        Err(PinError::Busy) => {
            wrong().take_back(&counted);
            Err((StatusCode::TOO_MANY_REQUESTS, lang.t("busy-pin")))
        }
        Err(PinError::Broken(cause)) => {
            wrong().take_back(&counted);
            tracing::error!(%cause, "PIN verification failed internally; attempt not counted");
            Err((
                StatusCode::SERVICE_UNAVAILABLE,
                lang.t("commune-unlooked-pin"),
            ))
        }
    }
}

/// Where to go on after a sign-in: an address of ours, or else the first page.
fn next_page(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= MAX_NEXT_BYTES
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_ours { next } else { "/" }
}

#[derive(askama::Template)]
#[template(path = "console_sign_in.html")]
struct ConsoleSignInPage {
    f: Frame,
    /// The officers; empty = the PIN of the office is asked for.
    officers: Vec<Officer>,
    /// Id of the officer who was chosen.
    chosen: String,
    /// Where to go on.
    next: String,
    /// A bulletin that was being written.
    carried: Vec<(&'static str, String)>,
}

/// What a sign-in page shows besides its form.
#[derive(Default)]
struct SignInState {
    wrong: String,
    chosen: String,
    next: String,
    draft: BulletinDraft,
}

impl Console {
    fn sign_in_form(
        &self,
        headers: &HeaderMap,
        status: StatusCode,
        state: SignInState,
    ) -> Response {
        let mut f = Frame::new(self, language_of(headers), None);
        f.wrong = state.wrong;
        let carried = if state.draft.is_blank() {
            Vec::new()
        } else {
            state.draft.fields()
        };
        let page = ConsoleSignInPage {
            f,
            officers: self.officers.list(),
            chosen: state.chosen,
            next: state.next,
            carried,
        };
        render(status, &page)
    }

    /// The sign-in form; behind it is the page that was asked for.
    pub(in crate::commune) fn sign_in_page(&self, headers: &HeaderMap, uri: &Uri) -> Response {
        let asked = uri.path_and_query().map_or("/", |p| p.as_str());
        let state = SignInState {
            next: next_page(asked).to_owned(),
            ..SignInState::default()
        };
        self.sign_in_form(headers, StatusCode::OK, state)
    }

    /// The sign-in form for an officer whose sign-in ended while a bulletin was being written: the
    /// text goes on through it.
    pub(in crate::commune) fn sign_in_with_draft(
        &self,
        headers: &HeaderMap,
        draft: &BulletinDraft,
    ) -> Response {
        let state = SignInState {
            draft: draft.clone(),
            next: "/bulletins/new".to_owned(),
            ..SignInState::default()
        };
        self.sign_in_form(headers, StatusCode::UNAUTHORIZED, state)
    }
}

/// Verifies the PIN and begins a sign-in.
pub(super) async fn sign_in(
    State(console): State<Console>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let (address, secure) = peer_address(peer);
    let lang = language_of(&headers);
    let officer = field(&fields, "officer");
    let Ok(draft) = BulletinDraft::of_form(&console, &fields) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let next = next_page(field(&fields, "next")).to_owned();
    let again = |status, wrong| {
        let state = SignInState {
            wrong,
            chosen: officer.to_owned(),
            next: next.clone(),
            draft: draft.clone(),
        };
        console.sign_in_form(&headers, status, state)
    };
    let pin = field(&fields, "pin");
    if let Err((status, wrong)) = verify_pin(&console, address, officer, pin, lang).await {
        return again(status, wrong);
    }
    // A browser that signs in again leaves no earlier sign-in behind.
    if let Some(old) = console.sessions.visitor(&headers) {
        console.sessions.end(&old.token);
    }
    let begun = console.sessions.begin(officer, address.to_string(), secure);
    let Ok((cookie, visitor)) = begun else {
        return again(StatusCode::SERVICE_UNAVAILABLE, lang.t("cannot-now"));
    };
    let cookie = [(header::SET_COOKIE, cookie)];
    if draft.is_blank() {
        return (cookie, redirect_see_other(&next)).into_response();
    }
    let who = console.signed_in_as(visitor);
    let form = console.form_page(&headers, who, StatusCode::OK, draft, String::new());
    (cookie, form.await).into_response()
}

/// Whether the CSRF token of a form is that of the sign-in.
fn is_own_form(console: &Console, who: &SignedIn, fields: &[(String, String)]) -> bool {
    let csrf = console.sessions.csrf_token(&who.visitor.token);
    secret::constant_time_eq(&unmask(field(fields, "form")), &csrf)
}

/// Ends this sign-in.
pub(super) async fn sign_out(
    State(console): State<Console>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let Some(who) = console.signed_in(&headers) else {
        return redirect_see_other("/");
    };
    if !is_own_form(&console, &who, &fields) {
        return StatusCode::FORBIDDEN.into_response();
    }
    console.sessions.end(&who.visitor.token);
    redirect_see_other("/")
}

/// Ends every other sign-in of the officer. It needs the PIN: somebody at a machine that was left
/// signed in must not sign the officer out.
pub(super) async fn sign_out_others(
    State(console): State<Console>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let Some(who) = console.signed_in(&headers) else {
        return redirect_see_other("/");
    };
    if !is_own_form(&console, &who, &fields) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let lang = language_of(&headers);
    let (address, _) = peer_address(peer);
    let pin = field(&fields, "pin");
    let proved = verify_pin(&console, address, &who.visitor.officer, pin, lang).await;
    if let Err((status, wrong)) = proved {
        return console.me_page(&headers, &who, status, wrong, String::new());
    }
    console.sessions.end_others(&who.visitor);
    redirect_see_other("/me?said=others-out")
}

#[derive(askama::Template)]
#[template(path = "console_me.html")]
struct ConsoleMePage {
    f: Frame,
    /// The officer's sign-ins, the newest first.
    inside: String,
    /// There are others than this one.
    others: bool,
}

impl Console {
    fn me_page(
        &self,
        headers: &HeaderMap,
        who: &SignedIn,
        status: StatusCode,
        wrong: String,
        flash: String,
    ) -> Response {
        let lang = language_of(headers);
        let now = self.clock.wall_ms();
        let row = |(session, mine): (ConsoleSignIn, bool)| {
            let words = if mine {
                lang.f("commune-this-one", &[("address", &session.address)])
            } else {
                session.address
            };
            plain_row("", &words, &dates::since(now, session.began_at))
        };
        let rows: Vec<String> = self
            .sessions
            .list(&who.visitor)
            .into_iter()
            .map(row)
            .collect();
        let inside = html(&RowList {
            id: "inside",
            rows: &rows,
            empty: "",
        });
        let f = Frame {
            flash,
            wrong,
            ..Frame::new(self, lang, Some(who))
        };
        let others = rows.len() > 1;
        render(status, &ConsoleMePage { f, inside, others })
    }
}

/// The officer's own page: where the officer is signed in.
pub(super) async fn me(State(console): State<Console>, headers: HeaderMap, uri: Uri) -> Response {
    let Some(who) = console.signed_in(&headers) else {
        return console.sign_in_page(&headers, &uri);
    };
    let flash = if uri.query() == Some("said=others-out") {
        language_of(&headers).t("commune-others-out")
    } else {
        String::new()
    };
    console.me_page(&headers, &who, StatusCode::OK, String::new(), flash)
}

/// Changes the language of this browser.
pub(super) async fn language(Path(tag): Path<String>, headers: HeaderMap) -> Response {
    let tag = if tag == "en" { "en" } else { "vi" };
    (
        [(
            header::SET_COOKIE,
            format!("lang={tag}; Path=/; SameSite=Lax; Max-Age=31536000"),
        )],
        redirect_see_other(&same_site_referer(&headers)),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::super::officers::UNNAMED;
    use super::*;

    #[test]
    fn a_sign_in_leads_on_to_pages_of_ours_only() {
        for ours in [
            "/",
            "/bulletins/12",
            "/bulletins?before=4",
            "/villages/ben-thoc",
        ] {
            assert_eq!(next_page(ours), ours);
        }
        let long = format!("/{}", "x".repeat(MAX_NEXT_BYTES));
        for other in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a b",
            "/\n",
            &long,
        ] {
            assert_eq!(next_page(other), "/", "{other}");
        }
        assert_eq!(UNNAMED, "", "a form without a name is the office's");
    }
}
