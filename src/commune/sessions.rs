//! The console's sign-ins: a token for each, of which only the hash is stored. A sign-in is listed,
//! and ended by a button, after a day or by a new PIN. Their number is bounded. Deliberately
//! absent: users; there is one PIN.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::http::headers::cookie;
use crate::keys::secret;
use crate::supervisor::clock::Clock;

/// Name of the cookie.
const COOKIE: &str = "xa";
/// How long a sign-in lasts, ms.
const SIGN_IN_LIFETIME_MS: i64 = 86_400_000;
/// Sign-ins at once; a new one ends the oldest.
const MAX_SIGN_INS: usize = 50;

/// One sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleSignIn {
    /// When it began, wall ms.
    pub began_at: i64,
    /// Address of the browser.
    pub address: String,
    /// Hash of the PIN's hash at the sign-in: another PIN ends it.
    pin: String,
}

/// Sign-ins; clones are the same.
#[derive(Clone)]
pub struct ConsoleSignIns {
    inner: Arc<Mutex<BTreeMap<String, ConsoleSignIn>>>,
    path: PathBuf,
    key: Arc<Vec<u8>>,
    pin: String,
    clock: Clock,
}

impl ConsoleSignIns {
    /// Opens the file of sign-ins. A damaged file counts as empty: everybody signs in again. `pin`
    /// is the hash of the PIN.
    #[must_use]
    pub fn open(path: &Path, key: Vec<u8>, pin: &str, clock: Clock) -> Self {
        let kept = crate::http::cache_files::read_or_default(path, "everybody signs in again");
        Self {
            inner: Arc::new(Mutex::new(kept)),
            path: path.to_owned(),
            key: Arc::new(key),
            pin: secret::sha256(pin.as_bytes()),
            clock,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ConsoleSignIn>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The difference counts in both directions: a clock that was years ahead at the sign-in must
    /// not extend it for years.
    fn is_valid(&self, session: &ConsoleSignIn) -> bool {
        session.pin == self.pin
            && self.clock.wall_ms().abs_diff(session.began_at) < SIGN_IN_LIFETIME_MS.unsigned_abs()
    }

    /// Begins a sign-in; gives the cookie.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn begin(&self, address: String, secure: bool) -> io::Result<String> {
        let token = secret::token()?;
        let mut inner = self.lock();
        inner.retain(|_, s| self.is_valid(s));
        while inner.len() >= MAX_SIGN_INS {
            let Some(oldest) = inner
                .iter()
                .min_by_key(|(_, s)| s.began_at)
                .map(|(k, _)| k.clone())
            else {
                break;
            };
            inner.remove(&oldest);
        }
        inner.insert(
            secret::sha256(token.as_bytes()),
            ConsoleSignIn {
                began_at: self.clock.wall_ms(),
                address,
                pin: self.pin.clone(),
            },
        );
        self.save(&inner);
        let secure = if secure { "; Secure" } else { "" };
        Ok(format!(
            "{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
            SIGN_IN_LIFETIME_MS / 1000
        ))
    }

    /// The token of a request, when it is signed in.
    #[must_use]
    pub fn token(&self, headers: &HeaderMap) -> Option<String> {
        let token = cookie(headers, COOKIE)?;
        self.lock()
            .get(&secret::sha256(token.as_bytes()))
            .filter(|s| self.is_valid(s))
            .map(|_| token.to_owned())
    }

    /// Ends a sign-in.
    pub fn end(&self, token: &str) {
        let mut inner = self.lock();
        inner.remove(&secret::sha256(token.as_bytes()));
        self.save(&inner);
    }

    /// Ends every sign-in but this one.
    pub fn end_others(&self, token: &str) {
        let mine = secret::sha256(token.as_bytes());
        let mut inner = self.lock();
        inner.retain(|hash, _| *hash == mine);
        self.save(&inner);
    }

    /// All sign-ins, the newest first; true = the one with this token.
    #[must_use]
    pub fn list(&self, token: &str) -> Vec<(ConsoleSignIn, bool)> {
        let mine = secret::sha256(token.as_bytes());
        let mut all: Vec<(ConsoleSignIn, bool)> = self
            .lock()
            .iter()
            .filter(|(_, s)| self.is_valid(s))
            .map(|(hash, s)| (s.clone(), *hash == mine))
            .collect();
        all.sort_by_key(|(s, _)| std::cmp::Reverse(s.began_at));
        all
    }

    /// The CSRF token of a sign-in: a form without it changes nothing.
    #[must_use]
    pub fn csrf_token(&self, token: &str) -> String {
        secret::mac(&self.key, format!("console form {token}").as_bytes())[..32].to_owned()
    }

    fn save(&self, inner: &BTreeMap<String, ConsoleSignIn>) {
        let done = serde_json::to_vec(inner)
            .map_err(io::Error::other)
            .and_then(|bytes| secret::write_file(&self.path, &bytes));
        if let Err(cause) = done {
            tracing::warn!(%cause, "writing console sessions failed; sign-ins lost at restart");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            "cookie",
            cookie
                .split(';')
                .next()
                .expect("pair")
                .parse()
                .expect("header"),
        );
        headers
    }

    #[test]
    fn each_sign_in_is_its_own_and_ends_by_button_day_or_pin() {
        let folder = std::env::temp_dir().join(format!(
            "conglang-console-{}",
            getrandom::u64().expect("random")
        ));
        let path = folder.join("sessions.json");
        let clock = Clock::manual(1_000_000);
        let open = |pin: &str| ConsoleSignIns::open(&path, vec![7; 32], pin, clock.clone());
        let sessions = open("hash of a PIN");
        let one = asked(&sessions.begin("10.0.0.1".into(), false).expect("in"));
        let two = asked(&sessions.begin("10.0.0.2".into(), false).expect("in"));
        let (a, b) = (
            sessions.token(&one).expect("in"),
            sessions.token(&two).expect("in"),
        );
        assert!(a != b && sessions.csrf_token(&a) != sessions.csrf_token(&b));
        assert!(
            !std::fs::read_to_string(&path).expect("kept").contains(&a),
            "only hashes are kept"
        );
        assert_eq!(
            sessions.list(&a).iter().filter(|(_, mine)| *mine).count(),
            1
        );
        sessions.end(&a);
        assert!(sessions.token(&one).is_none() && sessions.token(&two).is_some());
        // A new process knows the sign-ins; a new PIN ends all of them.
        assert!(open("hash of a PIN").token(&two).is_some());
        assert!(open("another").token(&two).is_none());
        // A clock that was ahead and was set back extends no sign-in; each lasts a day.
        clock.set_wall(1_000_000 + 80 * 365 * SIGN_IN_LIFETIME_MS);
        let ahead = asked(&sessions.begin("10.0.0.3".into(), false).expect("in"));
        assert!(sessions.token(&ahead).is_some() && sessions.token(&two).is_none());
        clock.set_wall(2_000_000);
        assert!(sessions.token(&ahead).is_none());
        for n in 0..MAX_SIGN_INS + 10 {
            sessions.begin(format!("10.0.1.{n}"), false).expect("in");
        }
        assert_eq!(sessions.list("").len(), MAX_SIGN_INS);
        let last = asked(&sessions.begin("10.0.0.4".into(), false).expect("in"));
        let last = sessions.token(&last).expect("in");
        sessions.end_others(&last);
        assert_eq!(sessions.list(&last).len(), 1);
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
