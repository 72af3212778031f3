//! The guard: the machine behind its one lock, the rates, and the memory of what was refused.
//!
//! Invariants: the lock is never held across a wait; the old connection of a taken over session is
//! gone, its will said, before the new one is answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::acl::{AccessControl, Identity};
use super::core::BrokerState;
use super::persistence::restore::RecoveredState;
use super::rate_limit::{AccountRates, TokenBucket};
use super::session::{ConnectRequest, SessionHandle};
use crate::domain::text;
use crate::keys::holders::HolderTable;
use crate::protocol::broker::{Limits, QUARANTINE_REASON, Refusal, Settings};
use crate::supervisor::clock::Clock;

/// Names whose refusals are remembered.
const REFUSAL_NAMES_MAX: usize = 256;
/// Refusals remembered of each.
const REFUSALS_PER_NAME_MAX: usize = 8;
/// Of the names, those of devices without an account: what they invent must not push out what
/// others asked about.
const UNPROVISIONED_NAMES_MAX: usize = 32;
/// Of them, addresses from which nobody said who it is: there may be more of them than of devices.
const ADDRESSES_MAX: usize = 128;

/// The guard; one per worker.
pub struct SharedBroker {
    state: Mutex<BrokerState>,
    clock: Clock,
    pub limits: Limits,
    pub rates: AccountRates,
    refusals: Mutex<BTreeMap<String, VecDeque<Refusal>>>,
    /// Ends the worker: it began without the card, and the card is there again.
    pub restart_requested: CancellationToken,
    /// The broker ends as planned: nobody comes in any more.
    pub shutdown: CancellationToken,
    /// Lines of log about clients: one a second.
    log_rate: Mutex<TokenBucket>,
}

impl SharedBroker {
    /// A guard with what the ledger held.
    pub fn new(settings: &Settings, clock: Clock, found: RecoveredState, now: Instant) -> Self {
        let mut core = BrokerState::new(
            settings.limits.clone(),
            settings.rules.clone(),
            clock.clone(),
        );
        found.restore_into(&mut core, now);
        Self {
            state: Mutex::new(core),
            clock,
            limits: settings.limits.clone(),
            rates: AccountRates::default(),
            refusals: Mutex::default(),
            restart_requested: CancellationToken::new(),
            shutdown: CancellationToken::new(),
            log_rate: Mutex::new(TokenBucket::new(1, now)),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, BrokerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who opens with this name and password.
    pub fn login(&self, name: &str, password: &[u8]) -> Option<Identity> {
        self.lock().access.login(name, password)
    }

    pub fn by_certificate(&self, name: &str) -> Option<Identity> {
        self.lock().access.by_certificate(name)
    }

    pub fn unprovisioned(&self, name: &str) -> Option<Identity> {
        self.lock().access.unprovisioned(name)
    }

    /// A new table; which certificate is whose stays as it was.
    pub fn set_access(&self, table: AccessControl) {
        let mut core = self.lock();
        let table = table.with_holders(core.access.holders.clone());
        core.set_access(table, Instant::now());
    }

    /// Which certificate is whose, on open connections too.
    pub fn set_holders(&self, holders: HolderTable) {
        let mut core = self.lock();
        let table = core.access.clone().with_holders(Arc::new(holders));
        core.set_access(table, Instant::now());
    }

    /// Gives a connection its session; waits until an older connection of it is gone. Errors are a
    /// CONNACK code and a sentence.
    pub async fn connect(
        &self,
        opening: ConnectRequest,
    ) -> Result<SessionHandle, (u8, &'static str)> {
        let key = (opening.identity.clone(), opening.client_id.clone());
        loop {
            let line = {
                let mut core = self.lock();
                match core.connection_of(&key) {
                    Some(line) => line,
                    // Decided and done under one lock: two newcomers cannot both win.
                    None => return core.connect(opening, Instant::now()),
                }
            };
            line.signal
                .disconnect(0x8e, "another connection took its session over");
            line.closed.cancelled().await;
        }
    }

    /// The planned end: 5.0 clients are told, nobody comes in any more, and what is on disk waits
    /// for the next life.
    pub fn begin_shutdown(&self) {
        self.shutdown.cancel();
        let mut core = self.lock();
        core.shutting_down = true;
        for line in core
            .sessions
            .iter()
            .flatten()
            .filter_map(|s| s.connection.as_ref())
        {
            line.signal.disconnect(0x8b, "the broker ends");
        }
    }

    /// Remembers why somebody was refused or cut; the same again is only counted.
    pub fn record_refusal(&self, who: &str, address: &str, why: &str) {
        let at = self.clock.wall_ms() / 1000;
        // What a stranger calls itself must not steer a terminal or forge a row.
        let (name, why) = (text::line(who, 64), text::line(why, 240));
        let name = if name.is_empty() {
            address.to_owned()
        } else {
            name
        };
        let mut all = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&name) {
            // What a row is about: an invented name, an address that gave none, or a name that
            // somebody has.
            let kind_of = |name: &str, r: &VecDeque<Refusal>| {
                if r.iter().all(|r| r.reason == QUARANTINE_REASON) {
                    0
                } else {
                    1 + usize::from(r.iter().any(|r| r.address != name))
                }
            };
            let kind = if why == QUARANTINE_REASON {
                0
            } else {
                1 + usize::from(name != address)
            };
            let crowd = all.iter().filter(|(n, r)| kind_of(n, r) == kind).count()
                >= [UNPROVISIONED_NAMES_MAX, ADDRESSES_MAX, REFUSAL_NAMES_MAX][kind];
            let leaving = all
                .iter()
                .filter(|(n, r)| !crowd || kind_of(n, r) == kind)
                .map(|(n, r)| (r.back().map_or(0, |r| r.at_s), n));
            if (crowd || all.len() >= REFUSAL_NAMES_MAX)
                && let Some(oldest) = leaving.min().map(|(_, n)| n.clone())
            {
                all.remove(&oldest);
            }
        }
        let mine = all.entry(name.clone()).or_default();
        match mine
            .back_mut()
            .filter(|r| r.reason == why && r.address == address)
        {
            Some(last) => {
                last.count += 1;
                last.at_s = at;
            }
            None => {
                mine.push_back(Refusal {
                    at_s: at,
                    client: name,
                    address: address.to_owned(),
                    reason: why,
                    count: 1,
                });
                if mine.len() > REFUSALS_PER_NAME_MAX {
                    mine.pop_front();
                }
            }
        }
    }

    /// True when a line of log about a client may be written now.
    pub fn may_log(&self) -> bool {
        self.log_rate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_take(Instant::now())
    }

    /// True when such an account exists.
    pub fn has_account(&self, name: &str) -> bool {
        self.lock()
            .access
            .is_known(&Identity::Account(name.to_owned()))
    }

    /// What is remembered of a name, oldest first; an empty name means all.
    pub fn refusals_of(&self, id: &str) -> Vec<Refusal> {
        let all = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Refusal> = all
            .values()
            .flatten()
            .filter(|r| id.is_empty() || r.client == id || r.address == id)
            .cloned()
            .collect();
        found.sort_by_key(|r| r.at_s);
        found
    }
}
