//! Signing in at the console and out of it.
//!
//! Whoever guesses makes himself wait, not the officer; what could not be looked at (a crowd, no
//! memory) is not wrong and counts nothing. Hashes have their own bounds: [`crate::keys::pins`].

use std::net::IpAddr;
use std::sync::PoisonError;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::console::office::{Console, language_of};
use super::console::page::Said;
use super::wrong::WRONG_MAX;
use crate::doors::locale::Lang;
use crate::doors::page::see;
use crate::doors::serve::Peer;
use crate::keys::pins::Failure;
use crate::keys::secret;

const DAY_MS: i64 = 86_400_000;

/// Where a visitor comes from, and whether over TLS.
fn from(peer: Peer) -> (IpAddr, bool) {
    match peer {
        Peer::Net {
            address, secure, ..
        } => (address.ip(), secure),
        Peer::Console => (IpAddr::from([127, 0, 0, 1]), false),
    }
}

/// Looks at a PIN; else what to answer.
async fn prove(
    console: &Console,
    address: IpAddr,
    pin: &str,
    lang: Lang,
) -> Result<(), (StatusCode, String)> {
    let wrong = || console.wrong.lock().unwrap_or_else(PoisonError::into_inner);
    let locked = |wait: u64| {
        (
            StatusCode::TOO_MANY_REQUESTS,
            lang.f(
                "locked-pin",
                &[("minutes", &wait.div_ceil(60_000).to_string())],
            ),
        )
    };
    let day = console.clock.wall_ms().div_euclid(DAY_MS);
    // Text that is no PIN is no guess: it costs nothing.
    if !secret::is_pin(pin) {
        return Err((
            StatusCode::UNAUTHORIZED,
            lang.f("commune-wrong-pin", &[("n", &WRONG_MAX.to_string())]),
        ));
    }
    let counted = wrong()
        .count(address, console.clock.mono_ms(), day)
        .map_err(locked)?;
    let looked = match console.pins.turn(counted.known).await {
        Ok(turn) => turn.check(pin, &console.pin).await,
        Err(failure) => Err(failure),
    };
    match looked {
        Ok((true, _)) => {
            wrong().was_right(counted, address);
            Ok(())
        }
        Ok((false, _)) => {
            let n = counted.before.map_or(0, |(n, _)| n % WRONG_MAX) + 1;
            Err((
                StatusCode::UNAUTHORIZED,
                lang.f(
                    "commune-wrong-pin",
                    &[("n", &WRONG_MAX.saturating_sub(n).to_string())],
                ),
            ))
        }
        Err(Failure::Busy) => {
            wrong().take_back(counted);
            Err((StatusCode::TOO_MANY_REQUESTS, lang.t("busy-pin")))
        }
        Err(Failure::Broken(cause)) => {
            wrong().take_back(counted);
            tracing::error!(%cause, "the officer's PIN could not be looked at; it was not counted as wrong");
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

/// Tries the PIN.
pub(super) async fn enter(
    State(console): State<Console>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let (address, secure) = from(peer);
    let lang = language_of(&headers);
    if let Err((status, wrong)) = prove(&console, address, field(&fields, "pin"), lang).await {
        return console
            .answer(
                headers,
                status,
                Said {
                    wrong,
                    ..Said::default()
                },
            )
            .await;
    }
    // Whoever signs in again on the same machine leaves nothing behind.
    if let Some(old) = console.sessions.token(&headers) {
        console.sessions.end(&old);
    }
    match console.sessions.begin(address.to_string(), secure) {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], see("/")).into_response(),
        Err(_) => {
            console
                .answer(
                    headers,
                    StatusCode::SERVICE_UNAVAILABLE,
                    Said {
                        wrong: lang.t("cannot-now"),
                        ..Said::default()
                    },
                )
                .await
        }
    }
}

/// Ends this sign-in.
pub(super) async fn leave(
    State(console): State<Console>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let Some(token) = console.sessions.token(&headers) else {
        return see("/");
    };
    if !secret::same(field(&fields, "form"), &console.sessions.form(&token)) {
        let wrong = language_of(&headers).t("form-again");
        return console
            .answer(
                headers,
                StatusCode::FORBIDDEN,
                Said {
                    wrong,
                    ..Said::default()
                },
            )
            .await;
    }
    console.sessions.end(&token);
    see("/")
}

/// Ends every other sign-in. With the PIN: whoever sits at a machine that was left open must not
/// put the officer out.
pub(super) async fn leave_others(
    State(console): State<Console>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let Some(token) = console.sessions.token(&headers) else {
        return see("/");
    };
    let lang = language_of(&headers);
    let proved = if secret::same(field(&fields, "form"), &console.sessions.form(&token)) {
        prove(&console, from(peer).0, field(&fields, "pin"), lang).await
    } else {
        Err((StatusCode::FORBIDDEN, lang.t("form-again")))
    };
    if let Err((status, wrong)) = proved {
        return console
            .answer(
                headers,
                status,
                Said {
                    wrong,
                    ..Said::default()
                },
            )
            .await;
    }
    console.sessions.end_others(&token);
    see("/?said=others-out")
}

/// Changes the language of this browser.
pub(super) async fn language(Path(tag): Path<String>) -> Response {
    let tag = if tag == "en" { "en" } else { "vi" };
    (
        [(
            header::SET_COOKIE,
            format!("lang={tag}; Path=/; SameSite=Lax; Max-Age=31536000"),
        )],
        see("/"),
    )
        .into_response()
}
