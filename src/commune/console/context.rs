//! The state that all pages of the console share: the store, the villages, the sign-ins, the
//! bounds. Deliberately absent: the pages themselves.

use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use tokio::sync::Semaphore;

use super::super::pin_attempts::PinAttempts;
use super::super::sessions::ConsoleSignIns;
use super::super::store::CommuneStore;
use crate::http::headers::cookie;
use crate::i18n::locale::Lang;
use crate::keys::pins::PinHasher;
use crate::supervisor::clock::Clock;

pub(super) const DAY_MS: i64 = 86_400_000;

/// How long a bulletin is sent, and shown in the village, ms.
pub(super) const BULLETIN_LIFETIME_MS: i64 = 7 * DAY_MS;

/// Pages that are made at once: each reads hundreds of records of every village.
pub const MAX_CONCURRENT_PAGES: usize = 2;

/// The console's state; clones are the same.
#[derive(Clone)]
pub struct Console {
    /// The store.
    pub store: CommuneStore,
    /// The commune's name.
    pub name: String,
    /// Villages: id and name.
    pub villages: Arc<Vec<(String, String)>>,
    /// The clock.
    pub clock: Clock,
    /// argon2id hash of the officer's PIN.
    pub pin: Arc<String>,
    /// Hashes and verifies PINs.
    pub pins: PinHasher,
    /// The sign-ins.
    pub sessions: ConsoleSignIns,
    /// Wrong PINs.
    pub failed_pins: Arc<Mutex<PinAttempts>>,
    /// Permits for making a page.
    pub page_permits: Arc<Semaphore>,
}

/// The language that a browser chose.
pub(in crate::commune) fn language_of(headers: &HeaderMap) -> Lang {
    Lang::choose(cookie(headers, "lang"))
}
