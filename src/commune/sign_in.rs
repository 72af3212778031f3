//! Signing in at the console, and signing out.
//!
//! An address that guesses makes itself wait, not the officer. An attempt that could not be
//! verified (too many at once, no memory) is not wrong and is not counted. Hashing has its own
//! bounds: [`crate::keys::pins`].

use std::net::IpAddr;
use std::sync::PoisonError;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::console::context::{Console, Reader, SignedIn, Visit};
use super::console::draft::BulletinDraft;
use super::console::forms::OfficerPost;
use super::console::frame::{Frame, RowList};
use super::history::CommuneEvent;
use super::officers::Officer;
use super::pin_attempts::LOCKOUT_MS;
use super::sessions::{ConsoleSignIn, Visitor};
use crate::domain::calendar::DAY_MS;
use crate::http::form::{
    AnyTimeButton, FormFields, MAX_SIGN_IN_PAGE_AGE_MS, SHOWN_FIELD, SignInFields,
};
use crate::http::headers::same_site_referer;
use crate::http::page_error::PageResult;
use crate::http::render::{plain_row, redirect_see_other, render_with};
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::keys::pins::PinError;
use crate::keys::secret;
use crate::time::WallMs;

/// Longest address to go on to after a sign-in, bytes.
const MAX_NEXT_BYTES: usize = 200;

/// The sentence about a wrong PIN, with the name that it was for.
fn wrong_pin_text(console: &Console, lang: Lang, officer: &str, left: u32) -> String {
    let n = left.to_string();
    match console.officers.name_of(officer) {
        Some(name) => lang.f("wrong-pin", &[("name", &lang.verbatim(&name)), ("n", &n)]),
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
) -> Result<(), (StatusCode, WrongInput)> {
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
        (
            StatusCode::TOO_MANY_REQUESTS,
            WrongInput::in_field("pin", text),
        )
    };
    let (day, now) = (
        console.clock.wall_ms().ms().div_euclid(DAY_MS),
        console.clock.mono_ms(),
    );
    // Names are shown to everybody, and text that is no PIN is no guess: neither invented names nor
    // such text is counted or hashed.
    let Some(hash) = console.officers.pin_hash(officer) else {
        let why = WrongInput::in_field("officer", lang.t("commune-choose-name"));
        return Err((StatusCode::UNAUTHORIZED, why));
    };
    if !secret::is_pin(pin) {
        let left = wrong().tries_left(officer, address, now).map_err(locked)?;
        let why = lang.f("no-pin", &[("n", &left.to_string())]);
        let why = WrongInput::in_field("pin", why);
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
        Ok((false, _)) => {
            let left = counted.tries_left();
            console.note_wrong_pin(officer, left == 0).await;
            Err(match left {
                0 => locked(LOCKOUT_MS),
                left => (
                    StatusCode::UNAUTHORIZED,
                    WrongInput::in_field("pin", wrong_pin_text(console, lang, officer, left)),
                ),
            })
        }
        Err(PinError::Busy) => {
            wrong().take_back(&counted);
            Err((
                StatusCode::TOO_MANY_REQUESTS,
                WrongInput::in_field("pin", lang.t("busy-pin")),
            ))
        }
        Err(PinError::Broken(cause)) => {
            wrong().take_back(&counted);
            tracing::error!(%cause, "verifying a PIN failed; attempt not counted");
            Err((
                StatusCode::SERVICE_UNAVAILABLE,
                WrongInput::in_field("pin", lang.t("commune-unlooked-pin")),
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

/// The values that a sign-in page shows besides its form.
#[derive(Default)]
struct SignInState {
    wrong: WrongInput,
    chosen: String,
    next: String,
    draft: BulletinDraft,
}

/// Whether the page with this stamp, the wall ms at which it was made, is new enough.
fn is_fresh(console: &Console, shown: &str) -> bool {
    let shown = shown.parse::<i64>().map(WallMs::new);
    let now = console.clock.wall_ms();
    shown.is_ok_and(|at| at <= now && now.distance(at) <= MAX_SIGN_IN_PAGE_AGE_MS)
}

impl Console {
    fn sign_in_form(&self, lang: Lang, status: StatusCode, state: SignInState) -> Response {
        let mut f = Frame::new(self, lang, None);
        f.wrong = state.wrong;
        let carried = if state.draft.is_blank() {
            Vec::new()
        } else {
            let mut fields = state.draft.fields();
            fields.push((SHOWN_FIELD, self.clock.wall_ms().ms().to_string()));
            fields
        };
        let page = ConsoleSignInPage {
            f,
            officers: self.officers.list(),
            chosen: state.chosen,
            next: state.next,
            carried,
        };
        render_with(status, &page)
    }

    /// The sign-in form; behind it is the page that was asked for.
    pub(in crate::commune) fn sign_in_page(&self, visit: &Visit) -> Response {
        let state = SignInState {
            next: next_page(&visit.path).to_owned(),
            ..SignInState::default()
        };
        self.sign_in_form(visit.lang, StatusCode::OK, state)
    }

    /// The sign-in form for an officer whose sign-in ended while a bulletin was being written: the
    /// text goes on through it.
    pub(in crate::commune) fn sign_in_with_draft(
        &self,
        lang: Lang,
        draft: &BulletinDraft,
    ) -> Response {
        let state = SignInState {
            draft: draft.clone(),
            next: "/bulletins/new".to_owned(),
            ..SignInState::default()
        };
        self.sign_in_form(lang, StatusCode::UNAUTHORIZED, state)
    }
}

/// Verifies the PIN and begins a sign-in.
pub(super) async fn sign_in(
    State(console): State<Console>,
    visit: Visit,
    SignInFields(fields): SignInFields,
) -> PageResult {
    let lang = visit.lang;
    let officer = fields.get("officer");
    let draft = BulletinDraft::of_form(&fields);
    let next = next_page(fields.get("next")).to_owned();
    let again = |status, wrong| {
        let state = SignInState {
            wrong,
            chosen: officer.to_owned(),
            next: next.clone(),
            draft: draft.clone(),
        };
        console.sign_in_form(lang, status, state)
    };
    if !draft.is_blank() && !is_fresh(&console, fields.get(SHOWN_FIELD)) {
        let wrong = WrongInput::in_field("pin", lang.t("form-again"));
        return Ok(again(StatusCode::UNAUTHORIZED, wrong));
    }
    let proved = verify_pin(&console, visit.address, officer, fields.get("pin"), lang).await;
    if let Err((status, wrong)) = proved {
        return Ok(again(status, wrong));
    }
    // A browser that signs in again leaves no earlier sign-in behind.
    if let Some(before) = &visit.officer {
        console.sessions.end(&before.visitor.token);
    }
    let address = visit.address.to_string();
    let begun = console
        .sessions
        .begin(officer, address.clone(), visit.secure);
    let Ok((cookie, visitor)) = begun else {
        let wrong = lang.t("cannot-now").into();
        return Ok(again(StatusCode::SERVICE_UNAVAILABLE, wrong));
    };
    let signed_in = CommuneEvent::SignedIn { address };
    console.record_act(officer, signed_in).await;
    let cookie = [(header::SET_COOKIE, cookie)];
    let draft = draft.of(officer);
    if draft.is_blank() {
        return Ok((cookie, redirect_see_other(&next)).into_response());
    }
    let officer = console.signed_in_as(visitor);
    let form = console
        .form_page(lang, officer, StatusCode::OK, draft, WrongInput::default())
        .await;
    Ok((cookie, form).into_response())
}

/// Ends this sign-in.
pub(super) async fn sign_out(
    State(console): State<Console>,
    OfficerPost {
        sender: officer, ..
    }: OfficerPost<AnyTimeButton>,
) -> Response {
    let Visitor { token, officer } = officer.visitor;
    console.sessions.end(&token);
    console.record_act(&officer, CommuneEvent::SignedOut).await;
    redirect_see_other("/")
}

/// Ends every other sign-in of the officer. It needs the PIN: somebody at a machine that was left
/// signed in must not sign the officer out.
pub(super) async fn sign_out_others(
    State(console): State<Console>,
    OfficerPost {
        visit,
        sender: officer,
        form: fields,
        ..
    }: OfficerPost<FormFields>,
) -> Response {
    let (lang, id) = (visit.lang, officer.visitor.officer.as_str());
    let proved = verify_pin(&console, visit.address, id, fields.get("pin"), lang).await;
    if let Err((status, wrong)) = proved {
        return console.me_page(lang, &officer, status, wrong, String::new());
    }
    let count = console.sessions.end_others(&officer.visitor) as u64;
    let signed_out = CommuneEvent::OthersSignedOut { count };
    console.record_act(id, signed_out).await;
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
        lang: Lang,
        officer: &SignedIn,
        status: StatusCode,
        wrong: WrongInput,
        flash: String,
    ) -> Response {
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
            .list(&officer.visitor)
            .into_iter()
            .map(row)
            .collect();
        let inside = RowList {
            id: "inside",
            rows: &rows,
            empty: "",
        };
        let inside = inside.fragment().html;
        let f = Frame {
            flash,
            wrong,
            ..Frame::new(self, lang, Some(officer))
        };
        let others = rows.len() > 1;
        render_with(status, &ConsoleMePage { f, inside, others })
    }
}

/// The officer's own page: where the officer is signed in.
pub(super) async fn me(
    State(console): State<Console>,
    Reader { officer, lang }: Reader,
    uri: Uri,
) -> Response {
    let flash = if uri.query() == Some("said=others-out") {
        lang.t("commune-others-out")
    } else {
        String::new()
    };
    console.me_page(lang, &officer, StatusCode::OK, WrongInput::default(), flash)
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
