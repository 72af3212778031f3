//! Sign-in by PIN and a remembered phone.
//!
//! Invariants: only hashes of tokens are kept; a session is over when its user's generation changed; wrong
//! PINs are counted per (person, address), so a prankster locks out himself and never the chief; when many
//! addresses try one person, only phones that signed in before may still try. What could not be looked at (a crowd, no
//! memory, a damaged file) is not wrong and counts nothing. Hashes have their own bounds: [`crate::keys::pins`].

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::domain::actor::User;
use crate::domain::id::UserId;
use crate::domain::state::State;
use crate::keys::pins::{Failure, Pins};
use crate::keys::secret;
use crate::store::files::Files;
use crate::supervisor::clock::Clock;

/// How long a remembered phone stays signed in without being used, ms: 90 days.
pub const REMEMBERED_MS: i64 = 90 * 86_400_000;
/// Wrong PINs from one address before it must wait.
pub const TRIES: u32 = 5;
/// The wait, ms of monotonic time.
pub const LOCK_MS: u64 = 300_000;
/// Wrong PINs for one person from anywhere in a day before only known phones may try,
const TRIES_A_DAY: u32 = 40;
/// and before those must wait for the next day too: a stolen phone is one of them.
const TRIES_A_DAY_KNOWN: u32 = 200;
/// Sessions of one person.
const SESSIONS: usize = 20;

/// What people's file of a user holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// “Ông Mẫu”.
    pub name: String,
    /// argon2id PHC string.
    pub pin: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    user: UserId,
    generation: u64,
    used_at: i64,
}

impl Session {
    /// Not used for too long. A clock that jumped must not sign everybody out: age is judged only forwards and within
    /// reason.
    const fn is_stale(&self, now: i64) -> bool {
        let idle = now - self.used_at;
        idle > REMEMBERED_MS && idle < 10 * REMEMBERED_MS
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Wrong {
    count: u32,
    at: u64,
}

#[derive(Default)]
struct Inner {
    sessions: BTreeMap<String, Session>,
    wrong: BTreeMap<(UserId, IpAddr), Wrong>,
    wrong_today: BTreeMap<UserId, Wrong>,
    /// How often a person put all other phones out: what they were known by is worth nothing since.
    eras: BTreeMap<UserId, u64>,
}

/// Sessions; clones are the same.
#[derive(Clone)]
pub struct Sessions {
    inner: Arc<Mutex<Inner>>,
    path: PathBuf,
    eras: PathBuf,
    pins: Pins,
    /// A key is lost without which no PIN can be looked at.
    is_locked: bool,
    key: Arc<Vec<u8>>,
    files: Files,
    clock: Clock,
}

/// Why a sign-in failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Wrong PIN; tries left from this address.
    Wrong(u32),
    /// This address must wait; seconds.
    Locked(u64),
    /// Only a phone that signed in before may try today.
    UnknownPhone,
    /// Too many sign in at once; nothing was counted.
    Busy,
    /// A key of the house is lost: no PIN can be looked at, right or wrong.
    KeyLost,
    /// The machine could not look: nothing is known of the PIN, nothing was counted.
    Broken,
}

impl Sessions {
    /// Opens the sessions file (a damaged one means: everybody signs in again) with keys from the ring; one that is lost is
    /// none. Without the pepper nobody signs in or gets a PIN, and no PIN is called wrong; without the key of forms one of this
    /// run seals them.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn open(folder: &Path, pepper: Option<Vec<u8>>, key: Option<Vec<u8>>, files: Files, clock: Clock) -> io::Result<Self> {
        let path = folder.join("sessions.json");
        let sessions = std::fs::read(&path).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let eras_path = folder.join("known-phones.json");
        let eras = std::fs::read(&eras_path).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let key = key.map_or_else(|| secret::random::<32>().map(|k| k.to_vec()), Ok)?;
        Ok(Self {
            inner: Arc::new(Mutex::new(Inner { sessions, eras, ..Inner::default() })),
            path,
            eras: eras_path,
            is_locked: pepper.is_none() || files.is_locked(),
            pins: Pins::new(pepper.unwrap_or_default()),
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
        serde_json::from_slice(&self.files.get(&user.record).ok()?).ok()
    }

    /// Makes a person's file from a name and a PIN.
    ///
    /// # Errors
    /// When the file cannot be written or there is no memory to hash.
    pub async fn make_person(&self, name: &str, pin: &str) -> io::Result<crate::domain::blob::BlobRef> {
        if self.is_locked {
            return Err(io::Error::other("a key of the house is lost: conglang doctor"));
        }
        let hash = self.pins.hash(pin).await.map_err(io::Error::other)?;
        self.files.put(serde_json::to_vec(&Person { name: name.to_owned(), pin: hash })?).await
    }

    /// Tries a person's PIN and gives the token of a new session. `known` is what a phone that signed in before was
    /// given ([`Sessions::known_phone`]).
    ///
    /// # Errors
    /// [`Denied`] with what to tell.
    pub async fn sign_in(&self, state: &State, user: &UserId, pin: &str, address: IpAddr, known: Option<&str>) -> Result<String, Denied> {
        let generation = self.prove(state, user, pin, address, known).await?;
        let token = secret::token().map_err(|_| Denied::Broken)?;
        let mut inner = self.lock();
        let mine: Vec<(i64, String)> = inner.sessions.iter().filter(|(_, s)| s.user == *user).map(|(k, s)| (s.used_at, k.clone())).collect();
        if mine.len() >= SESSIONS
            && let Some((_, oldest)) = mine.into_iter().min()
        {
            inner.sessions.remove(&oldest);
        }
        inner.sessions.insert(secret::sha256(token.as_bytes()), Session { user: user.clone(), generation, used_at: self.clock.wall_ms() });
        self.save(&inner);
        Ok(token)
    }

    /// Tries a person's PIN; wrong ones are counted. Gives the generation of the PIN.
    ///
    /// # Errors
    /// [`Denied`] with what to tell.
    pub async fn prove(&self, state: &State, user: &UserId, pin: &str, address: IpAddr, known: Option<&str>) -> Result<u64, Denied> {
        if self.is_locked {
            return Err(Denied::KeyLost);
        }
        let now = self.clock.mono_ms();
        let trusted = known.is_some_and(|k| secret::same(k, &self.known_phone(state, user)));
        // Names are shown to everybody and six digits are no guess: neither invented names nor other text cost anything.
        let Some(whose) = state.users.get(user).filter(|_| secret::is_pin(pin)) else { return Err(Denied::Wrong(TRIES)) };
        self.may_try(user, address, now, trusted)?;
        let Some(person) = self.person(whose) else {
            tracing::error!(%user, "this person's file cannot be read, so no PIN of theirs can be looked at; give a new one with “conglang user add”");
            return Err(Denied::Broken);
        };
        let failed = |failure: Failure| match failure {
            Failure::Busy => Denied::Busy,
            Failure::Broken(cause) => {
                tracing::error!(%user, %cause, "a PIN could not be looked at; it was not counted as wrong");
                Denied::Broken
            }
        };
        // Guesses that waited their turn side by side are looked at again; the turn lasts until a wrong one is counted.
        let turn = self.pins.turn(trusted).await.map_err(failed)?;
        self.may_try(user, address, now, trusted)?;
        let (right, turn) = turn.check(pin, &person.pin).await.map_err(failed)?;
        if !right {
            return Err(self.count_wrong(user, address, now));
        }
        drop(turn);
        self.lock().wrong.remove(&(user.clone(), address));
        Ok(whose.generation)
    }

    /// What a phone keeps of having signed in as this person: it opens nothing, but strangers' wrong PINs do not keep it
    /// out. Worth nothing after a new PIN, or after all other phones were put out.
    #[must_use]
    pub fn known_phone(&self, state: &State, user: &UserId) -> String {
        let generation = state.users.get(user).map_or(0, |u| u.generation);
        let era = self.lock().eras.get(user).copied().unwrap_or(0);
        secret::mac(&self.key, format!("known phone {user} {generation} {era}").as_bytes())
    }

    /// A new PIN was given: what was wrong before says nothing about it.
    pub fn forget_wrong(&self, user: &UserId) {
        let mut inner = self.lock();
        inner.wrong.retain(|(u, _), _| u != user);
        inner.wrong_today.remove(user);
    }

    fn may_try(&self, user: &UserId, address: IpAddr, now: u64, trusted: bool) -> Result<(), Denied> {
        let inner = self.lock();
        let here = inner.wrong.get(&(user.clone(), address)).copied().unwrap_or_default();
        if here.count >= TRIES && now < here.at + LOCK_MS {
            return Err(Denied::Locked((here.at + LOCK_MS - now).div_ceil(1000)));
        }
        let today = inner.wrong_today.get(user).copied().unwrap_or_default();
        if today.count >= if trusted { TRIES_A_DAY_KNOWN } else { TRIES_A_DAY } && now < today.at + 86_400_000 {
            return Err(Denied::UnknownPhone);
        }
        Ok(())
    }

    fn count_wrong(&self, user: &UserId, address: IpAddr, now: u64) -> Denied {
        let mut inner = self.lock();
        // Bounded whatever a prankster invents.
        if inner.wrong.len() > 5_000 {
            inner.wrong.retain(|_, w| now < w.at + LOCK_MS);
            if inner.wrong.len() > 50_000 {
                inner.wrong.clear();
            }
        }
        let here = inner.wrong.entry((user.clone(), address)).or_default();
        if now > here.at + LOCK_MS {
            here.count = 0;
        }
        here.count += 1;
        here.at = now;
        let left = TRIES.saturating_sub(here.count);
        let today = inner.wrong_today.entry(user.clone()).or_default();
        if now > today.at + 86_400_000 {
            *today = Wrong { count: 0, at: now };
        }
        today.count += 1;
        if left == 0 { Denied::Locked(LOCK_MS / 1000) } else { Denied::Wrong(left) }
    }

    /// The user of a session's token, while it is good.
    #[must_use]
    pub fn who(&self, state: &State, token: &str) -> Option<Arc<User>> {
        let hash = secret::sha256(token.as_bytes());
        let now = self.clock.wall_ms();
        let mut inner = self.lock();
        let session = inner.sessions.get_mut(&hash)?;
        let user = state.users.get(&session.user).filter(|u| u.generation == session.generation).cloned();
        let idle = now - session.used_at;
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

    /// Ends a session.
    pub fn sign_out(&self, token: &str) {
        let mut inner = self.lock();
        inner.sessions.remove(&secret::sha256(token.as_bytes()));
        self.save(&inner);
    }

    /// Phones signed in as this person, and not since put out by a new PIN or by time.
    #[must_use]
    pub fn count(&self, state: &State, user: &UserId) -> usize {
        let generation = state.users.get(user).map(|u| u.generation);
        let now = self.clock.wall_ms();
        self.lock().sessions.values().filter(|s| s.user == *user && Some(s.generation) == generation && !s.is_stale(now)).count()
    }

    /// Ends every session of a person but this one, and what their phones were known by.
    pub fn sign_out_others(&self, user: &UserId, token: &str) {
        let mine = secret::sha256(token.as_bytes());
        let mut inner = self.lock();
        inner.sessions.retain(|hash, s| s.user != *user || *hash == mine);
        *inner.eras.entry(user.clone()).or_default() += 1;
        self.save(&inner);
        let done = serde_json::to_vec(&inner.eras).map_err(io::Error::other).and_then(|bytes| secret::write_file(&self.eras, &bytes));
        if let Err(cause) = done {
            tracing::warn!(%cause, "that the other phones were put out could not be written");
        }
    }

    fn save(&self, inner: &Inner) {
        let done = serde_json::to_vec(&inner.sessions).map_err(io::Error::other).and_then(|bytes| secret::write_file(&self.path, &bytes));
        if let Err(cause) = done {
            tracing::warn!(%cause, "remembered phones could not be written; they sign in again after a restart");
        }
    }

    /// Seals words for a session: only what this session was given comes back as its own.
    #[must_use]
    pub fn seal(&self, session: &str, words: &str) -> String {
        secret::mac(&self.key, format!("seal {session} {words}").as_bytes())[..32].to_owned()
    }

    /// The form token of a session: a form without it changes nothing.
    #[must_use]
    pub fn form_token(&self, session: &str) -> String {
        secret::mac(&self.key, session.as_bytes())[..32].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::{Actor, Role};
    use crate::domain::event::{ClockQuality, Entry, Event};

    #[tokio::test]
    async fn a_prankster_locks_himself_out_and_never_the_chief() {
        let folder = std::env::temp_dir().join(format!("conglang-session-{}", getrandom::u64().expect("random")));
        std::fs::create_dir_all(&folder).expect("folder");
        let clock = Clock::manual(1_000_000);
        let files = Files::open(&folder.join("files"), vec![1; 32]).expect("files");
        let open = |clock| Sessions::open(&folder, Some(vec![2; 32]), Some(vec![3; 32]), files.clone(), clock);
        let sessions = open(clock.clone()).expect("opens");
        let record = sessions.make_person("Ông Mẫu", "135790").await.expect("person");
        let chief = UserId::new("mau").expect("id");
        let mut state = State::default();
        let put = |state: &mut State, generation| {
            let event = Event::UserPut { user: User { id: chief.clone(), role: Role::Chief, record: record.clone(), generation } };
            state.apply(&Entry { seq: state.seq + 1, mono_ms: 0, wall_ms: 0, clock: ClockQuality::Synced, actor: Actor::House, cause: None, lane: event.lane(), lane_seq: 1, event });
        };
        put(&mut state, 1);
        let (bad, good): (IpAddr, IpAddr) = ("10.0.0.66".parse().expect("ip"), "10.0.0.5".parse().expect("ip"));
        let token = sessions.sign_in(&state, &chief, "135790", good, None).await.expect("in");
        assert_eq!(sessions.who(&state, &token).expect("known").id, chief);
        for left in (1..TRIES).rev() {
            assert_eq!(sessions.sign_in(&state, &chief, "000000", bad, None).await, Err(Denied::Wrong(left)));
        }
        assert_eq!(sessions.sign_in(&state, &chief, "000000", bad, None).await, Err(Denied::Locked(300)));
        assert!(matches!(sessions.sign_in(&state, &chief, "135790", bad, None).await, Err(Denied::Locked(_))), "even with the right PIN");
        assert!(sessions.sign_in(&state, &chief, "135790", good, None).await.is_ok(), "the chief is not locked out");
        clock.advance(std::time::Duration::from_millis(LOCK_MS + 1));
        assert!(sessions.sign_in(&state, &chief, "135790", bad, None).await.is_ok());
        // Many addresses: strangers are refused, the remembered phone still gets in.
        for n in 0..TRIES_A_DAY {
            let _ = sessions.sign_in(&state, &chief, "111111", IpAddr::from([10, 1, 0, u8::try_from(n).expect("small")]), None).await;
        }
        assert_eq!(sessions.sign_in(&state, &chief, "135790", "10.2.0.1".parse().expect("ip"), None).await, Err(Denied::UnknownPhone));
        assert!(sessions.sign_in(&state, &chief, "135790", good, Some(&sessions.known_phone(&state, &chief))).await.is_ok());
        // A lost phone is signed out from another; that one stays.
        let known = sessions.known_phone(&state, &chief);
        let lost = sessions.sign_in(&state, &chief, "135790", good, Some(&known)).await.expect("in");
        sessions.sign_out_others(&chief, &token);
        assert!(sessions.who(&state, &lost).is_none() && sessions.who(&state, &token).is_some());
        assert_eq!(sessions.count(&state, &chief), 1);
        let far = "10.3.0.1".parse().expect("ip");
        assert_eq!(sessions.sign_in(&state, &chief, "135790", far, Some(&known)).await, Err(Denied::UnknownPhone), "what the lost phone kept is worth nothing");
        // A new process knows the phone; a new PIN ends the session.
        let again = open(clock).expect("opens");
        assert!(again.who(&state, &token).is_some());
        put(&mut state, 2);
        assert_eq!(again.count(&state, &chief), 0, "a new PIN puts every phone out");
        assert!(again.who(&state, &token).is_none());
        // What cannot be looked at is not wrong: a hash that is damaged, a file that is gone.
        let broken = serde_json::to_vec(&Person { name: "Ông Mẫu".into(), pin: "$argon2id$v=19$m=19456".into() }).expect("JSON");
        let record = files.put(broken).await.expect("put");
        let event = Event::UserPut { user: User { id: chief.clone(), role: Role::Chief, record: record.clone(), generation: 3 } };
        state.apply(&Entry { seq: state.seq + 1, mono_ms: 0, wall_ms: 0, clock: ClockQuality::Synced, actor: Actor::House, cause: None, lane: event.lane(), lane_seq: 1, event });
        let fresh = IpAddr::from([10, 4, 0, 1]);
        for round in 0..2 * TRIES {
            assert_eq!(again.sign_in(&state, &chief, "135790", fresh, None).await, Err(Denied::Broken), "round {round}");
            if round == TRIES {
                files.erase(&record.id).expect("erased");
            }
        }
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
