//! Signing in at the console, and signing out.
//!
//! An address that guesses makes itself wait, not the officer. An attempt that could not be
//! verified (too many at once, no memory) is not wrong and is not counted. Hashing has its own
//! bounds: [`crate::keys::pins`].

use std::net::IpAddr;
use std::sync::PoisonError;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::console::context::{Console, language_of};
use super::console::page::PageMessage;
use super::pin_attempts::LOCKOUT_MS;
use crate::http::form_token::unmask;
use crate::http::render::redirect_see_other;
use crate::http::serve::Peer;
use crate::i18n::locale::Lang;
use crate::keys::pins::PinError;
use crate::keys::secret;

const DAY_MS: i64 = 86_400_000;

/// The address of a visitor, and whether the connection uses TLS.
fn peer_address(peer: Peer) -> (IpAddr, bool) {
    match peer {
        Peer::Tcp {
            address, secure, ..
        } => (address.ip(), secure),
        Peer::ControlSocket => (IpAddr::from([127, 0, 0, 1]), false),
    }
}

/// Verifies a PIN; the error is what to answer.
async fn verify_pin(
    console: &Console,
    address: IpAddr,
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
        console.clock.wall_ms().div_euclid(DAY_MS),
        console.clock.mono_ms(),
    );
    // Text that is no PIN is no guess: it is neither counted nor hashed.
    if !secret::is_pin(pin) {
        let left = wrong().tries_left(address, now).map_err(locked)?;
        return Err((
            StatusCode::UNAUTHORIZED,
            lang.f("no-pin", &[("n", &left.to_string())]),
        ));
    }
    let counted = wrong().count_rows(address, now, day).map_err(locked)?;
    let looked = match console.pins.acquire(counted.is_proven).await {
        Ok(turn) => turn.check(pin, &console.pin).await,
        Err(failure) => Err(failure),
    };
    match looked {
        Ok((true, _)) => {
            wrong().confirm(counted, address);
            Ok(())
        }
        Ok((false, _)) => Err(match counted.tries_left() {
            0 => locked(LOCKOUT_MS),
            left => (
                StatusCode::UNAUTHORIZED,
                lang.f("commune-wrong-pin", &[("n", &left.to_string())]),
            ),
        }),
        Err(PinError::Busy) => {
            wrong().take_back(counted);
            Err((StatusCode::TOO_MANY_REQUESTS, lang.t("busy-pin")))
        }
        Err(PinError::Broken(cause)) => {
            wrong().take_back(counted);
            tracing::error!(%cause, "PIN verification failed internally; attempt not counted");
            Err((
                StatusCode::SERVICE_UNAVAILABLE,
                lang.t("commune-unlooked-pin"),
            ))
        }
    }
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields
        .iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, v)| v.trim())
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
    if let Err((status, wrong)) = verify_pin(&console, address, field(&fields, "pin"), lang).await {
        return console
            .render(
                headers,
                status,
                PageMessage {
                    error: wrong,
                    ..PageMessage::default()
                },
            )
            .await;
    }
    // A browser that signs in again leaves no earlier sign-in behind.
    if let Some(old) = console.sessions.token(&headers) {
        console.sessions.end(&old);
    }
    match console.sessions.begin(address.to_string(), secure) {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], redirect_see_other("/")).into_response(),
        Err(_) => {
            console
                .render(
                    headers,
                    StatusCode::SERVICE_UNAVAILABLE,
                    PageMessage {
                        error: lang.t("cannot-now"),
                        ..PageMessage::default()
                    },
                )
                .await
        }
    }
}

/// Ends this sign-in.
pub(super) async fn sign_out(
    State(console): State<Console>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let Some(token) = console.sessions.token(&headers) else {
        return redirect_see_other("/");
    };
    if !secret::constant_time_eq(
        &unmask(field(&fields, "form")),
        &console.sessions.csrf_token(&token),
    ) {
        let wrong = language_of(&headers).t("form-again");
        return console
            .render(
                headers,
                StatusCode::FORBIDDEN,
                PageMessage {
                    error: wrong,
                    ..PageMessage::default()
                },
            )
            .await;
    }
    console.sessions.end(&token);
    redirect_see_other("/")
}

/// Ends every other sign-in. It needs the PIN: somebody at a machine that was left signed in must
/// not sign the officer out.
pub(super) async fn sign_out_others(
    State(console): State<Console>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let Some(token) = console.sessions.token(&headers) else {
        return redirect_see_other("/");
    };
    let lang = language_of(&headers);
    let proved = if secret::constant_time_eq(
        &unmask(field(&fields, "form")),
        &console.sessions.csrf_token(&token),
    ) {
        verify_pin(&console, peer_address(peer).0, field(&fields, "pin"), lang).await
    } else {
        Err((StatusCode::FORBIDDEN, lang.t("form-again")))
    };
    if let Err((status, wrong)) = proved {
        return console
            .render(
                headers,
                status,
                PageMessage {
                    error: wrong,
                    ..PageMessage::default()
                },
            )
            .await;
    }
    console.sessions.end_others(&token);
    redirect_see_other("/?said=others-out")
}

/// Changes the language of this browser.
pub(super) async fn language(Path(tag): Path<String>) -> Response {
    let tag = if tag == "en" { "en" } else { "vi" };
    (
        [(
            header::SET_COOKIE,
            format!("lang={tag}; Path=/; SameSite=Lax; Max-Age=31536000"),
        )],
        redirect_see_other("/"),
    )
        .into_response()
}
