//! Signing in at the console and out of it.
//!
//! Whoever guesses makes himself wait, not the officer; what could not be looked at (a crowd, no
//! memory) is not wrong and counts nothing. Hashes have their own bounds: [`crate::keys::pins`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::PoisonError;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::console::{Console, Said, language_of};
use crate::doors::locale::Lang;
use crate::doors::page::see;
use crate::doors::serve::Peer;
use crate::keys::pins::Failure;
use crate::keys::secret;
use crate::supervisor::lobby::neighbour;

const DAY_MS: i64 = 86_400_000;
/// A wrong PIN costs an address this long, ms.
const WRONG_WAIT_MS: u64 = 2_000;
/// Wrong PINs before five minutes of waiting.
const WRONG_MAX: u32 = 10;
/// Wrong PINs a day from addresses that were never right; then only those that were get in.
const WRONG_A_DAY: u32 = 200;
/// Addresses that are remembered for having been wrong; whoever waits out his time is forgotten
/// first.
const ADDRESSES: usize = 5_000;

/// Wrong PINs: per address how many and until when it waits; addresses that were right once; all of
/// this day.
#[derive(Debug, Default)]
pub struct Wrong {
    by: BTreeMap<IpAddr, (u32, u64)>,
    right: BTreeSet<IpAddr>,
    today: (i64, u32),
}

/// A try that was counted before it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    address: IpAddr,
    /// What was known of the address before.
    before: Option<(u32, u64)>,
    /// It was right once.
    known: bool,
}

impl Wrong {
    /// Counts a try as wrong before it is looked at (guesses side by side would otherwise all count
    /// as one); else gives how long this address waits, ms.
    fn count(&mut self, address: IpAddr, now: u64, day: i64) -> Result<Counted, u64> {
        // Whoever has an IPv6 network has as many addresses as there are guesses. One of it that
        // was right is counted for itself: no neighbour locks the officer.
        let address = if self.right.contains(&address) {
            address
        } else {
            neighbour(address)
        };
        if self.today.0 != day {
            self.today = (day, 0);
        }
        let known = self.right.contains(&address);
        if self.today.1 >= WRONG_A_DAY && !known {
            return Err(3_600_000);
        }
        if self.by.len() > ADDRESSES {
            self.by.retain(|_, w| now < w.1);
            if self.by.len() > ADDRESSES * 10 {
                self.by.clear();
            }
        }
        let before = self.by.get(&address).copied();
        let (wrong, until) = before.unwrap_or_default();
        if now < until {
            return Err(until - now);
        }
        let wrong = wrong % WRONG_MAX + 1;
        self.by.insert(
            address,
            (
                wrong,
                now + if wrong >= WRONG_MAX {
                    300_000
                } else {
                    WRONG_WAIT_MS
                },
            ),
        );
        self.today.1 += u32::from(!known);
        Ok(Counted {
            address,
            before,
            known,
        })
    }

    /// The try was not wrong, or nobody could look: as if it had not been.
    fn take_back(&mut self, counted: Counted) {
        match counted.before {
            Some(before) => drop(self.by.insert(counted.address, before)),
            None => drop(self.by.remove(&counted.address)),
        }
        self.today.1 = self.today.1.saturating_sub(u32::from(!counted.known));
    }

    fn was_right(&mut self, counted: Counted, address: IpAddr) {
        self.take_back(counted);
        self.by.remove(&counted.address);
        if self.right.len() < 1_000 {
            self.right.insert(address);
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_counts_before_it_is_looked_at_and_what_was_not_looked_at_does_not() {
        let mut wrong = Wrong::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let one = wrong.count(address, 0, 0).expect("may try");
        assert_eq!(
            wrong.count(address, 1, 0),
            Err(WRONG_WAIT_MS - 1),
            "a second guess beside the first waits"
        );
        wrong.take_back(one);
        assert_eq!(wrong.today.1, 0);
        for n in 0..WRONG_MAX {
            assert!(
                wrong
                    .count(address, u64::from(n) * WRONG_WAIT_MS, 0)
                    .is_ok(),
                "try {n}"
            );
        }
        assert_eq!(
            wrong.count(address, u64::from(WRONG_MAX) * WRONG_WAIT_MS, 0),
            Err(300_000 - WRONG_WAIT_MS)
        );
        let of = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, n, 0, 0, n]);
        assert!(wrong.count(of(1), 0, 0).is_ok());
        assert_eq!(
            wrong.count(of(2), 1, 0),
            Err(WRONG_WAIT_MS - 1),
            "another address of the same network"
        );
        assert!(
            wrong
                .count(IpAddr::from([0x2001, 0xdb8, 0, 2, 1, 0, 0, 1]), 1, 0)
                .is_ok(),
            "another network"
        );
        let own = wrong.count(of(3), WRONG_WAIT_MS, 0).expect("may try");
        wrong.was_right(own, of(3));
        assert!(
            wrong.count(of(4), WRONG_WAIT_MS, 0).is_ok()
                && wrong.count(of(5), WRONG_WAIT_MS, 0).is_err()
        );
        assert!(
            wrong.count(of(3), WRONG_WAIT_MS, 0).is_ok_and(|c| c.known),
            "who was right is not kept out by neighbours"
        );
        // An address that was right is let in when strangers used up the day.
        let officer = IpAddr::from([10, 0, 0, 2]);
        let right = wrong.count(officer, 0, 0).expect("may try");
        wrong.was_right(right, officer);
        for n in 0..u8::MAX {
            let _ = wrong.count(IpAddr::from([10, 0, 1, n]), 0, 0);
        }
        assert_eq!(
            wrong.count(IpAddr::from([10, 0, 2, 1]), 0, 0),
            Err(3_600_000)
        );
        assert!(wrong.count(officer, 0, 0).is_ok_and(|c| c.known));
        assert!(
            wrong.count(IpAddr::from([10, 0, 2, 1]), 0, 1).is_ok(),
            "the next day is another"
        );
    }
}
