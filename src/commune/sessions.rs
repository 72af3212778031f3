//! The console's sign-ins: a token for each, of which only the hash is stored, and whose it is. A
//! sign-in is listed, and ended by a button, after a day, or by a new PIN of its officer. Their
//! number is bounded.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::officers::Officers;
use crate::http::headers::cookie;
use crate::keys::secret;
use crate::supervisor::clock::Clock;
use crate::time::WallMs;

/// Name of the cookie.
const COOKIE: &str = "xa";
/// How long a sign-in lasts, ms.
const SIGN_IN_LIFETIME_MS: i64 = 86_400_000;
/// Sign-ins at once; a new one ends the oldest.
const MAX_SIGN_INS: usize = 50;

/// One sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleSignIn {
    /// When it began.
    pub began_at: WallMs,
    /// Address of the browser.
    pub address: String,
    /// Mark of the PIN at the sign-in: another PIN ends it.
    pin: String,
    /// Id of the officer; empty = signed in with the PIN of the office.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    officer: String,
}

/// A request that belongs to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The token of the sign-in.
    pub token: String,
    /// Id of the officer; empty = signed in with the PIN of the office.
    pub officer: String,
}

/// Sign-ins; clones are the same.
#[derive(Clone)]
pub struct ConsoleSignIns {
    inner: Arc<Mutex<BTreeMap<String, ConsoleSignIn>>>,
    path: PathBuf,
    key: Arc<Vec<u8>>,
    officers: Officers,
    clock: Clock,
}

impl ConsoleSignIns {
    /// Opens the file of sign-ins. A damaged file counts as empty: everybody signs in again.
    #[must_use]
    pub fn open(path: &Path, key: Vec<u8>, officers: Officers, clock: Clock) -> Self {
        let stored = crate::http::cache_files::read_or_default(path, "everybody signs in again");
        Self {
            inner: Arc::new(Mutex::new(stored)),
            path: path.to_owned(),
            key: Arc::new(key),
            officers,
            clock,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ConsoleSignIn>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The difference counts in both directions: a clock that was years ahead at the sign-in must
    /// not extend it for years.
    fn is_valid(&self, session: &ConsoleSignIn) -> bool {
        self.officers.pin_mark(&session.officer).as_ref() == Some(&session.pin)
            && self.clock.wall_ms().distance(session.began_at) < SIGN_IN_LIFETIME_MS.unsigned_abs()
    }

    /// Begins a sign-in of an officer; gives the cookie, and whose request it makes.
    ///
    /// # Errors
    /// When the machine has no randomness to give, or the officer may not sign in any more.
    pub fn begin(
        &self,
        officer: &str,
        address: String,
        secure: bool,
    ) -> io::Result<(String, Visitor)> {
        let token = secret::token()?;
        let pin = self
            .officers
            .pin_mark(officer)
            .ok_or(io::ErrorKind::NotFound)?;
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
                pin,
                officer: officer.to_owned(),
            },
        );
        self.save(&inner);
        let secure = if secure { "; Secure" } else { "" };
        let cookie = format!(
            "{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
            SIGN_IN_LIFETIME_MS / 1000
        );
        let officer = officer.to_owned();
        Ok((cookie, Visitor { token, officer }))
    }

    /// The officer who sent a request; none = its browser is not signed in.
    #[must_use]
    pub fn visitor(&self, headers: &HeaderMap) -> Option<Visitor> {
        let token = cookie(headers, COOKIE)?;
        self.lock()
            .get(&secret::sha256(token.as_bytes()))
            .filter(|s| self.is_valid(s))
            .map(|s| Visitor {
                token: token.to_owned(),
                officer: s.officer.clone(),
            })
    }

    /// Whether the sign-in still is.
    #[must_use]
    pub fn is_signed_in(&self, visitor: &Visitor) -> bool {
        self.lock()
            .get(&secret::sha256(visitor.token.as_bytes()))
            .is_some_and(|s| self.is_valid(s))
    }

    /// Ends a sign-in.
    pub fn end(&self, token: &str) {
        let mut inner = self.lock();
        inner.remove(&secret::sha256(token.as_bytes()));
        self.save(&inner);
    }

    /// Ends every sign-in of this officer but this one; gives the number of those that were valid.
    pub fn end_others(&self, visitor: &Visitor) -> usize {
        let mine = secret::sha256(visitor.token.as_bytes());
        let mut inner = self.lock();
        let is_other =
            |hash: &String, s: &ConsoleSignIn| *hash != mine && s.officer == visitor.officer;
        let others = inner
            .iter()
            .filter(|(hash, s)| is_other(hash, s) && self.is_valid(s));
        let count = others.count();
        inner.retain(|hash, s| !is_other(hash, s));
        self.save(&inner);
        count
    }

    /// The officer's sign-ins, the newest first; true = the one of this request.
    #[must_use]
    pub fn list(&self, visitor: &Visitor) -> Vec<(ConsoleSignIn, bool)> {
        let mine = secret::sha256(visitor.token.as_bytes());
        let mut all: Vec<(ConsoleSignIn, bool)> = self
            .lock()
            .iter()
            .filter(|(_, s)| s.officer == visitor.officer && self.is_valid(s))
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
    use super::super::officers::{Officer, UNNAMED};
    use super::super::store_tests::rig;
    use super::*;

    fn asked(begun: &(String, Visitor)) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            "cookie",
            begun
                .0
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
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let path = folder.join("sessions.json");
        let clock = Clock::manual(1_000_000);
        let (store, _database) = rig();
        let open = |pin: &str| {
            let officers = Officers::load(store.clone(), Some(pin.to_owned())).expect("officers");
            ConsoleSignIns::open(&path, vec![7; 32], officers, clock.clone())
        };
        let sessions = open("hash of a PIN");
        let begin = |address: &str| {
            sessions
                .begin(UNNAMED, address.to_owned(), false)
                .expect("in")
        };
        let one = asked(&begin("10.0.0.1"));
        let two = asked(&begin("10.0.0.2"));
        let (a, b) = (
            sessions.visitor(&one).expect("in"),
            sessions.visitor(&two).expect("in"),
        );
        assert!(a != b && sessions.csrf_token(&a.token) != sessions.csrf_token(&b.token));
        assert!(
            !std::fs::read_to_string(&path)
                .expect("kept")
                .contains(&a.token),
            "only hashes are kept"
        );
        assert_eq!(
            sessions.list(&a).iter().filter(|(_, mine)| *mine).count(),
            1
        );
        sessions.end(&a.token);
        assert!(!sessions.is_signed_in(&a) && sessions.is_signed_in(&b));
        assert!(sessions.visitor(&one).is_none() && sessions.visitor(&two).is_some());
        // A new process knows the sign-ins; a new PIN ends all of them.
        assert!(open("hash of a PIN").visitor(&two).is_some());
        assert!(open("another").visitor(&two).is_none());
        // A clock that was ahead and was set back extends no sign-in; each lasts a day.
        clock.set_wall(1_000_000 + 80 * 365 * SIGN_IN_LIFETIME_MS);
        let ahead = asked(&begin("10.0.0.3"));
        assert!(sessions.visitor(&ahead).is_some() && sessions.visitor(&two).is_none());
        clock.set_wall(2_000_000);
        assert!(sessions.visitor(&ahead).is_none());
        for n in 0..MAX_SIGN_INS + 10 {
            begin(&format!("10.0.1.{n}"));
        }
        assert_eq!(sessions.lock().len(), MAX_SIGN_INS);
        let last = begin("10.0.0.4").1;
        sessions.end_others(&last);
        assert_eq!(sessions.list(&last).len(), 1);
    }

    #[test]
    fn an_officer_ends_the_own_sign_ins_only_and_a_new_officer_ends_those_of_the_office() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let (store, _database) = rig();
        let officers = Officers::load(store, Some("office".to_owned())).expect("officers");
        let sessions = ConsoleSignIns::open(
            &folder.join("sessions.json"),
            vec![7; 32],
            officers.clone(),
            Clock::manual(1_000_000),
        );
        let begin = |officer: &str| sessions.begin(officer, "10.0.0.1".to_owned(), false);
        let office = begin(UNNAMED).expect("in").1;
        assert!(begin("hoa").is_err(), "nobody of this name");
        let add = |id: &str| {
            let officer = Officer {
                id: id.to_owned(),
                name: id.to_owned(),
                pin: format!("hash of {id}"),
            };
            officers.add(officer, WallMs::new(5)).expect("added");
        };
        add("hoa");
        add("binh");
        assert!(
            !sessions.is_signed_in(&office),
            "the PIN of the office is over"
        );
        let (hoa, again) = (begin("hoa").expect("in").1, begin("hoa").expect("in").1);
        let binh = begin("binh").expect("in").1;
        assert_eq!(
            (sessions.list(&hoa).len(), sessions.list(&binh).len()),
            (2, 1)
        );
        sessions.end_others(&hoa);
        assert!(sessions.is_signed_in(&hoa) && sessions.is_signed_in(&binh));
        assert!(!sessions.is_signed_in(&again));
        officers
            .set_pin("hoa", None, "new".to_owned(), WallMs::new(5))
            .expect("set");
        assert!(!sessions.is_signed_in(&hoa) && sessions.is_signed_in(&binh));
        officers.remove("binh", WallMs::new(5)).expect("removed");
        assert!(!sessions.is_signed_in(&binh));
    }
}
