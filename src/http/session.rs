//! Sign-in by PIN and a remembered phone.
//!
//! Invariants: only hashes of tokens are stored. A sign-in ends when its user's generation changes.
//! Wrong PINs are counted and bounded ([`pin_attempts`]). An attempt that could not be verified (a
//! crowd, no memory, a damaged file) is not wrong and is not counted; neither is a text that is no
//! PIN. Every answer reads the tries that are left from the one count. Hashing has its own bounds:
//! [`crate::keys::pins`].

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use self::pin_attempts::{AttemptOrigin, WrongPinCounts};
pub use self::pin_attempts::{LOCKOUT_MS, MAX_WRONG_PINS};
use self::wrong_pin_log::WrongPinLog;
use crate::domain::blob::BlobRef;
use crate::domain::id::UserId;
use crate::domain::state::VillageState;
use crate::domain::user::User;
use crate::keys::pins::{PinError, PinHasher};
use crate::keys::secret;
use crate::store::files::PeopleFiles;
use crate::supervisor::admission::source_network;
use crate::supervisor::clock::Clock;
use crate::time::WallMs;

mod pin_attempts;
pub mod wrong_pin_log;

/// How long a remembered phone stays signed in without being used, ms: 90 days.
pub const SIGN_IN_IDLE_MS: i64 = 90 * 86_400_000;
/// Most sign-ins of one person.
const MAX_SIGN_INS_PER_USER: usize = 20;

/// The content of a user's file: a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// “Ông Mẫu”.
    pub name: String,
    /// argon2id PHC string.
    pub pin: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SignIn {
    user: UserId,
    generation: u64,
    used_at: WallMs,
}

impl SignIn {
    /// Whether the sign-in was unused for too long. A clock that jumped must not sign everybody
    /// out: an age counts only when it is positive and within reason.
    const fn is_stale(&self, now: WallMs) -> bool {
        let idle = now.since(self.used_at);
        idle > SIGN_IN_IDLE_MS && idle < 10 * SIGN_IN_IDLE_MS
    }
}

struct Inner {
    sessions: BTreeMap<String, SignIn>,
    attempts: WrongPinCounts,
    /// How often a person signed out all other phones: the proofs that those phones hold are
    /// worthless since.
    eras: BTreeMap<UserId, u64>,
    /// Wrong PINs that history has not heard of yet.
    wrong_pins: WrongPinLog,
}

/// All sign-ins; clones share them.
#[derive(Clone)]
pub struct SignIns {
    inner: Arc<Mutex<Inner>>,
    path: PathBuf,
    eras: PathBuf,
    pins: PinHasher,
    /// A key is lost without which no PIN can be verified.
    is_key_lost: bool,
    key: Arc<Vec<u8>>,
    files: PeopleFiles,
    clock: Clock,
}

/// Why a sign-in failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInError {
    /// Wrong PIN; tries left from this address.
    WrongPin(u32),
    /// The text is not six digits: it was not counted; tries left from this address.
    NotAPin(u32),
    /// No user has this id.
    UnknownUser,
    /// This address must wait; seconds.
    Locked(u64),
    /// Only a phone that signed in before may try today.
    UnknownPhone,
    /// No phone at all may try this name today; a new PIN ends that.
    NoPhone,
    /// Too many sign in at once; nothing was counted.
    Busy,
    /// A key of the gateway is lost: no PIN can be verified, right or wrong.
    KeyLost,
    /// The PIN could not be verified for an internal reason; nothing was counted.
    Internal,
}

impl SignIns {
    /// Opens the file of sign-ins; a damaged file means that everybody signs in again. The keys
    /// come from the key ring; a lost key is `None`. Without the pepper nobody signs in or gets a
    /// PIN, and no PIN is called wrong. Without the key for forms a key of this run seals them.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn open(
        folder: &Path,
        pepper: Option<Vec<u8>>,
        key: Option<Vec<u8>>,
        files: PeopleFiles,
        clock: Clock,
    ) -> io::Result<Self> {
        let path = folder.join("sessions.json");
        let sessions = super::cache_files::read_or_default(&path, "everybody signs in again");
        let eras_path = folder.join("known-phones.json");
        let eras = super::cache_files::read_or_default(
            &eras_path,
            "phones that were signed out may be known again; they need the PIN all the same",
        );
        let key = key.map_or_else(|| secret::random::<32>().map(|k| k.to_vec()), Ok)?;
        Ok(Self {
            inner: Arc::new(Mutex::new(Inner {
                sessions,
                eras,
                attempts: WrongPinCounts::open(folder.join("wrong-pins.json"), clock.clone()),
                wrong_pins: WrongPinLog::default(),
            })),
            path,
            eras: eras_path,
            is_key_lost: pepper.is_none() || files.is_key_lost(),
            pins: PinHasher::new(pepper.unwrap_or_default()),
            key: Arc::new(key),
            files,
            clock,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The person in a user's file.
    #[must_use]
    pub fn person(&self, user: &User) -> Option<Person> {
        self.person_in(&user.record)
    }

    /// The person in a file.
    #[must_use]
    pub fn person_in(&self, record: &BlobRef) -> Option<Person> {
        serde_json::from_slice(&self.files.get(record).ok()?).ok()
    }

    /// Writes the file of a person with another name; the PIN stays.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn rename(&self, person: Person, name: &str) -> io::Result<BlobRef> {
        self.files
            .put(serde_json::to_vec(&Person {
                name: name.to_owned(),
                ..person
            })?)
            .await
    }

    /// Writes a person's file with a name and a PIN.
    ///
    /// # Errors
    /// When the file cannot be written or there is no memory to hash.
    pub async fn make_person(&self, name: &str, pin: &str) -> io::Result<BlobRef> {
        if self.is_key_lost {
            return Err(io::Error::other(
                "a key of the gateway is lost: conglang doctor",
            ));
        }
        let hash = self.pins.hash(pin).await.map_err(io::Error::other)?;
        self.files
            .put(serde_json::to_vec(&Person {
                name: name.to_owned(),
                pin: hash,
            })?)
            .await
    }

    /// Tries a person's PIN and returns the token of a new sign-in. `known` is the proof of a phone
    /// that signed in before ([`Self::known_phone`]).
    ///
    /// # Errors
    /// A [`SignInError`] with the reason.
    pub async fn sign_in(
        &self,
        state: &VillageState,
        user: &UserId,
        pin: &str,
        address: IpAddr,
        known: Option<&str>,
    ) -> Result<String, SignInError> {
        let generation = self.verify_pin(state, user, pin, address, known).await?;
        let token = secret::token().map_err(|_| SignInError::Internal)?;
        let mut inner = self.lock();
        let mine: Vec<(WallMs, String)> = inner
            .sessions
            .iter()
            .filter(|(_, s)| s.user == *user)
            .map(|(k, s)| (s.used_at, k.clone()))
            .collect();
        if mine.len() >= MAX_SIGN_INS_PER_USER
            && let Some((_, oldest)) = mine.into_iter().min()
        {
            inner.sessions.remove(&oldest);
        }
        inner.sessions.insert(
            secret::sha256(token.as_bytes()),
            SignIn {
                user: user.clone(),
                generation,
                used_at: self.clock.wall_ms(),
            },
        );
        self.save(&inner);
        Ok(token)
    }

    /// Tries a person's PIN and counts a wrong one. Returns the generation of the PIN.
    ///
    /// # Errors
    /// A [`SignInError`] with the reason.
    pub async fn verify_pin(
        &self,
        state: &VillageState,
        user: &UserId,
        pin: &str,
        address: IpAddr,
        known: Option<&str>,
    ) -> Result<u64, SignInError> {
        // An IPv6 network has as many addresses as there are guesses, so the network counts as one
        // address.
        let address = source_network(address);
        if self.is_key_lost {
            return Err(SignInError::KeyLost);
        }
        let trusted =
            known.is_some_and(|k| secret::constant_time_eq(k, &self.known_phone(state, user)));
        // Names are shown to everybody, and a text that is not six digits is no guess: neither
        // invented names nor such texts cost anything.
        let Some(whose) = state.users.get(user) else {
            return Err(SignInError::UnknownUser);
        };
        let origin = AttemptOrigin {
            user: user.clone(),
            address,
            is_known_phone: trusted,
        };
        self.lock().attempts.check(&origin)?;
        if !secret::is_pin(pin) {
            let left = self.lock().attempts.tries_left(&origin);
            return Err(SignInError::NotAPin(left));
        }
        let Some(person) = self.person(whose) else {
            tracing::error!(%user, "user record unreadable; reset with “conglang user pin”");
            return Err(SignInError::Internal);
        };
        let failed = |failure: PinError| match failure {
            PinError::Busy => SignInError::Busy,
            PinError::Broken(cause) => {
                tracing::error!(%user, %cause, "verifying a PIN failed; attempt not counted");
                SignInError::Internal
            }
        };
        // Guesses that waited side by side for their permit are checked again; the permit is held
        // until a wrong one is counted.
        let turn = self.pins.acquire(trusted).await.map_err(failed)?;
        self.lock().attempts.check(&origin)?;
        let (right, turn) = turn.check(pin, &person.pin).await.map_err(failed)?;
        if !right {
            return Err(self.record_failure(&origin));
        }
        drop(turn);
        self.lock().attempts.forget(&origin);
        Ok(whose.generation)
    }

    /// The proof that a phone stores after it signed in as this person. The proof opens nothing,
    /// but it keeps wrong PINs of others from locking the phone out. It is worthless after a new
    /// PIN, or after all other phones were signed out.
    #[must_use]
    pub fn known_phone(&self, state: &VillageState, user: &UserId) -> String {
        let generation = state.users.get(user).map_or(0, |u| u.generation);
        let era = self.lock().eras.get(user).copied().unwrap_or(0);
        secret::mac(
            &self.key,
            format!("known phone {user} {generation} {era}").as_bytes(),
        )
    }

    /// Forgets the wrong PINs of a person who got a new one: they say nothing about it.
    pub fn clear_failures(&self, user: &UserId) {
        self.lock().attempts.clear(user);
    }

    fn record_failure(&self, origin: &AttemptOrigin) -> SignInError {
        let mut inner = self.lock();
        let left = inner.attempts.record_wrong(origin);
        let now = self.clock.mono_ms();
        inner.wrong_pins.add(&origin.user, 1, left == 0, now);
        if left == 0 {
            SignInError::Locked(LOCKOUT_MS / 1000)
        } else {
            SignInError::WrongPin(left)
        }
    }

    /// The user of a sign-in's token, while it is valid.
    #[must_use]
    pub fn user_of(&self, state: &VillageState, token: &str) -> Option<Arc<User>> {
        let hash = secret::sha256(token.as_bytes());
        let now = self.clock.wall_ms();
        let mut inner = self.lock();
        let session = inner.sessions.get_mut(&hash)?;
        let user = state
            .users
            .get(&session.user)
            .filter(|u| u.generation == session.generation)
            .cloned();
        let idle = now.since(session.used_at);
        if user.is_none() || session.is_stale(now) {
            inner.sessions.remove(&hash);
            self.save(&inner);
            return None;
        }
        if !(0..86_400_000).contains(&idle) {
            session.used_at = now;
            self.save(&inner);
        }
        user
    }

    /// Ends a sign-in.
    pub fn sign_out(&self, token: &str) {
        let mut inner = self.lock();
        inner.sessions.remove(&secret::sha256(token.as_bytes()));
        self.save(&inner);
    }

    /// How many phones are signed in as this person, and were not signed out by a new PIN or by
    /// time.
    #[must_use]
    pub fn count(&self, state: &VillageState, user: &UserId) -> usize {
        let generation = state.users.get(user).map(|u| u.generation);
        let now = self.clock.wall_ms();
        self.lock()
            .sessions
            .values()
            .filter(|s| s.user == *user && Some(s.generation) == generation && !s.is_stale(now))
            .count()
    }

    /// Ends every sign-in of a person but this one; no other phone is a known one afterwards. Gives
    /// the number of phones that were signed in.
    pub fn sign_out_others(&self, state: &VillageState, user: &UserId, token: &str) -> usize {
        let others = self.count(state, user).saturating_sub(1);
        let mine = secret::sha256(token.as_bytes());
        let mut inner = self.lock();
        inner
            .sessions
            .retain(|hash, s| s.user != *user || *hash == mine);
        *inner.eras.entry(user.clone()).or_default() += 1;
        self.save(&inner);
        let done = serde_json::to_vec(&inner.eras)
            .map_err(io::Error::other)
            .and_then(|bytes| secret::write_file(&self.eras, &bytes));
        if let Err(cause) = done {
            tracing::warn!(%cause, "cannot store the end of other sign-ins");
        }
        others
    }

    fn save(&self, inner: &Inner) {
        let done = serde_json::to_vec(&inner.sessions)
            .map_err(io::Error::other)
            .and_then(|bytes| secret::write_file(&self.path, &bytes));
        if let Err(cause) = done {
            tracing::warn!(%cause, "writing sessions failed; sign-ins lost at restart");
        }
    }

    /// Seals a text for a person: the seal matches only that text and that person.
    #[must_use]
    pub fn seal(&self, user: &UserId, text: &str) -> String {
        secret::mac(&self.key, format!("seal {user} {text}").as_bytes())[..32].to_owned()
    }

    /// The CSRF token of a sign-in: a form without it changes nothing.
    #[must_use]
    pub fn csrf_token(&self, session: &str) -> String {
        secret::mac(&self.key, session.as_bytes())[..32].to_owned()
    }
}

#[cfg(test)]
mod tests;
