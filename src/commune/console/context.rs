//! The parts that all pages of the console share: the store, the villages, the officers, the
//! sign-ins, the bounds; and the context of a request. Deliberately absent: the pages themselves.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::officers::Officers;
use super::super::pin_attempts::PinAttempts;
use super::super::sessions::{ConsoleSignIns, Visitor};
use super::super::store::CommuneStore;
use crate::config::CommuneVillage;
use crate::http::fragment::Fragment;
use crate::http::headers::cookie;
use crate::http::serve::Peer;
use crate::http::session::wrong_pin_log::WrongPinLog;
use crate::i18n::locale::Lang;
use crate::keys::pins::PinHasher;
use crate::supervisor::admission::AdmissionControl;
use crate::supervisor::clock::Clock;

/// Pages that are made at once: each reads hundreds of records of every village.
pub const MAX_CONCURRENT_PAGES: usize = 2;
/// Most pages that are followed at once; one more evicts a follower of the sign-in that holds the
/// most.
pub const MAX_FOLLOWERS: usize = 64;

/// The fragments of followed pages as they were last made, by page and language: many followers
/// cost one page.
pub(super) type FragmentCache = BTreeMap<(String, &'static str), CachedFragments>;

/// The fragments of one page.
#[derive(Clone)]
pub(super) struct CachedFragments {
    /// The count of changes when they were made.
    pub(super) changes: u64,
    /// When they were made.
    pub(super) at: Instant,
    pub(super) fragments: Arc<Vec<Fragment>>,
}

/// The console's state; clones are the same.
#[derive(Clone)]
pub struct Console {
    /// The store.
    pub store: CommuneStore,
    /// The commune's name.
    pub name: String,
    /// Its villages.
    pub villages: Arc<Vec<CommuneVillage>>,
    /// The clock.
    pub clock: Clock,
    /// The officers, who may sign in.
    pub officers: Officers,
    /// Hashes and verifies PINs.
    pub pins: PinHasher,
    /// The sign-ins.
    pub sessions: ConsoleSignIns,
    /// Wrong PINs.
    pub(in crate::commune) failed_pins: Arc<Mutex<PinAttempts>>,
    /// Wrong PINs that history has not heard of yet, by the id of the officer.
    pub(in crate::commune) unrecorded_pins: Arc<Mutex<WrongPinLog<String>>>,
    /// Permits for making a page.
    pub page_permits: Arc<Semaphore>,
    /// Places of pages that are followed.
    pub followers: AdmissionControl<String>,
    pub(super) fragment_cache: Arc<tokio::sync::Mutex<FragmentCache>>,
    /// Ends the followers.
    pub(super) stop: CancellationToken,
}

/// The parts that a console is made of.
pub struct ConsoleParts {
    /// The store.
    pub store: CommuneStore,
    /// The commune's name.
    pub name: String,
    /// Its villages.
    pub villages: Vec<CommuneVillage>,
    /// The clock.
    pub clock: Clock,
    /// The officers, who may sign in.
    pub officers: Officers,
    /// Hashes and verifies PINs.
    pub pins: PinHasher,
    /// The sign-ins.
    pub sessions: ConsoleSignIns,
    /// Ends the pages that are followed.
    pub stop: CancellationToken,
}

/// A signed-in officer.
#[derive(Clone)]
pub struct SignedIn {
    pub(in crate::commune) visitor: Visitor,
    /// The officer's name; empty = signed in with the PIN of the office.
    pub(in crate::commune) name: String,
}

/// The context of a request: who asks, from where, in which language.
#[derive(Clone)]
pub struct Visit {
    /// None = nobody is signed in.
    pub(in crate::commune) officer: Option<SignedIn>,
    /// The address of the browser.
    pub(in crate::commune) address: IpAddr,
    /// Over TLS.
    pub(in crate::commune) secure: bool,
    pub(in crate::commune) lang: Lang,
    /// The page that is asked for, with its query.
    pub(in crate::commune) path: String,
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Infallible> {
        let (address, secure) = match parts.extensions.get::<ConnectInfo<Peer>>() {
            Some(ConnectInfo(Peer::Tcp {
                address, secure, ..
            })) => (address.ip(), *secure),
            _ => (IpAddr::from([127, 0, 0, 1]), false),
        };
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        Ok(Self {
            officer: console.signed_in(&parts.headers),
            address,
            secure,
            lang: language_of(&parts.headers),
            path: path.to_owned(),
        })
    }
}

/// An officer who asks for a page. Anybody else gets the sign-in, which leads on to that page.
pub(in crate::commune) struct Reader {
    pub(in crate::commune) officer: SignedIn,
    pub(in crate::commune) lang: Lang,
}

impl FromRequestParts<Console> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let Ok(visit) = Visit::from_request_parts(parts, console).await;
        match visit.officer {
            Some(officer) => Ok(Self {
                officer,
                lang: visit.lang,
            }),
            None => Err(console.sign_in_page(&visit)),
        }
    }
}

impl Console {
    /// A console that nobody has visited yet.
    #[must_use]
    pub fn new(parts: ConsoleParts) -> Self {
        Self {
            store: parts.store,
            name: parts.name,
            villages: Arc::new(parts.villages),
            clock: parts.clock,
            officers: parts.officers,
            pins: parts.pins,
            sessions: parts.sessions,
            failed_pins: Arc::default(),
            unrecorded_pins: Arc::default(),
            page_permits: Arc::new(Semaphore::new(MAX_CONCURRENT_PAGES)),
            followers: AdmissionControl::new(MAX_FOLLOWERS),
            fragment_cache: Arc::default(),
            stop: parts.stop,
        }
    }

    /// The officer who sent the request; none = nobody is signed in.
    pub(in crate::commune) fn signed_in(&self, headers: &HeaderMap) -> Option<SignedIn> {
        let visitor = self.sessions.visitor(headers)?;
        Some(self.signed_in_as(visitor))
    }

    pub(in crate::commune) fn signed_in_as(&self, visitor: Visitor) -> SignedIn {
        let name = self.officers.name_of(&visitor.officer).unwrap_or_default();
        SignedIn { visitor, name }
    }

    /// A village by its id.
    pub(super) fn village(&self, id: &str) -> Option<&CommuneVillage> {
        self.villages.iter().find(|v| v.id == id)
    }

    /// The name of a village as a page shows it; its id when the configuration does not name it any
    /// more.
    pub(super) fn village_name(&self, lang: Lang, id: &str) -> String {
        lang.verbatim(self.village(id).map_or(id, |v| v.name.as_str()))
    }
}

/// The language that a browser chose.
pub(in crate::commune) fn language_of(headers: &HeaderMap) -> Lang {
    Lang::choose(cookie(headers, "lang"))
}
