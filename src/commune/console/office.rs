//! What the console works with: the store, the villages, who is signed in; what every page of it
//! needs to know. Absent: pages themselves.

use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use tokio::sync::Semaphore;

use super::super::sessions::Sessions;
use super::super::store::Store;
use super::super::wrong::Wrong;
use crate::doors::headers::cookie;
use crate::doors::locale::Lang;
use crate::keys::pins::Pins;
use crate::supervisor::clock::Clock;

pub(super) const DAY_MS: i64 = 86_400_000;

/// How long a bulletin is worth taking, and stands in the village, ms.
pub(super) const BULLETIN_MS: i64 = 7 * DAY_MS;

/// Pages of all villages that are made at once: each reads hundreds of records of each.
pub const PAGES: usize = 2;

/// What the console works with; clones are the same.
#[derive(Clone)]
pub struct Console {
    /// The store.
    pub store: Store,
    /// The commune's name.
    pub name: String,
    /// Villages: id and name.
    pub villages: Arc<Vec<(String, String)>>,
    /// The clock.
    pub clock: Clock,
    /// argon2id hash of the officer's PIN.
    pub pin: Arc<String>,
    /// Where PINs are looked at.
    pub pins: Pins,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Wrong PINs.
    pub wrong: Arc<Mutex<Wrong>>,
    /// Turns at making the page of all villages.
    pub pages: Arc<Semaphore>,
}

/// The language that a browser chose.
pub(in crate::commune) fn language_of(headers: &HeaderMap) -> Lang {
    Lang::choose(cookie(headers, "lang"))
}
