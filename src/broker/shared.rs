//! The broker that all connections share: the state behind its one lock, the rates, and the
//! recorded refusals.
//!
//! Invariants: the lock is never held across an await. When a session is taken over, the old
//! connection is closed and its will is published before the new connection is answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::core::acl::{AccessControl, Identity};
use super::core::session::{ConnectRequest, SessionHandle};
use super::core::state::BrokerState;
use super::persistence::restore::RecoveredState;
use super::rate_limit::{AccountRates, TokenBucket};
use crate::domain::text;
use crate::keys::holders::HolderTable;
use crate::protocol::broker::{Limits, Refusal, RefusalReason, Settings};
use crate::supervisor::clock::Clock;

/// Names for which refusals are recorded.
const REFUSAL_NAMES_MAX: usize = 256;
/// Refusals recorded for each name.
const REFUSALS_PER_NAME_MAX: usize = 8;
/// Of these names, those of unprovisioned devices: they invent their names, which must not push out
/// the refusals of accounts.
const UNPROVISIONED_NAMES_MAX: usize = 32;
/// Of these names, addresses of connections that never got a name; there may be more of them than
/// of devices.
const ADDRESSES_MAX: usize = 128;

/// Under what refusals are recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NameKind {
    /// The invented name of an unprovisioned device.
    Unprovisioned,
    /// An address of connections without a name.
    Address,
    /// The name of an account.
    Account,
}

impl NameKind {
    /// Most names of this kind.
    const fn names_max(self) -> usize {
        match self {
            Self::Unprovisioned => UNPROVISIONED_NAMES_MAX,
            Self::Address => ADDRESSES_MAX,
            Self::Account => REFUSAL_NAMES_MAX,
        }
    }
}

/// The shared broker; one per worker process.
pub struct SharedBroker {
    state: Mutex<BrokerState>,
    clock: Clock,
    pub limits: Limits,
    pub rates: AccountRates,
    refusals: Mutex<BTreeMap<String, VecDeque<Refusal>>>,
    /// Ends the worker: it began without storage, and storage can be used again.
    pub restart_requested: CancellationToken,
    /// The broker is in a planned shutdown: no client is accepted any more.
    pub shutdown: CancellationToken,
    /// Limits log lines about clients to one a second.
    log_rate: Mutex<TokenBucket>,
}

impl SharedBroker {
    /// A broker with the state that was restored from disk.
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

    /// The identity that this name and password open.
    pub fn login(&self, name: &str, password: &[u8]) -> Option<Identity> {
        self.lock().access().login(name, password)
    }

    pub fn by_certificate(&self, name: &str) -> Option<Identity> {
        self.lock().access().by_certificate(name)
    }

    pub fn unprovisioned(&self, name: &str) -> Option<Identity> {
        self.lock().access().unprovisioned(name)
    }

    /// Puts a new access table in force; the certificate holders stay as they were.
    pub fn set_access(&self, table: AccessControl) {
        let mut core = self.lock();
        let table = table.with_holders_of(core.access());
        core.set_access(table, Instant::now());
    }

    /// Puts new certificate holders in force, also on open connections.
    pub fn set_holders(&self, holders: HolderTable) {
        let mut core = self.lock();
        let table = core.access().clone().with_holders(Arc::new(holders));
        core.set_access(table, Instant::now());
    }

    /// Gives a connection its session; waits until an older connection of the same client is
    /// closed. The error is a CONNACK reason code and a sentence.
    pub async fn connect(&self, opening: ConnectRequest) -> Result<SessionHandle, RefusalReason> {
        let key = (opening.identity.clone(), opening.client_id.clone());
        loop {
            let connection = {
                let mut core = self.lock();
                match core.connection_of(&key) {
                    Some(connection) => connection,
                    // Checked and done under one lock: two new connections cannot both get the
                    // session.
                    None => return core.connect(opening, Instant::now()),
                }
            };
            connection
                .signal
                .disconnect(RefusalReason::SessionTakenOver);
            connection.closed.cancelled().await;
        }
    }

    /// Begins the planned shutdown: 5.0 clients get a DISCONNECT, no client is accepted any more,
    /// and sessions and wills stay on disk for the restarted broker.
    pub fn begin_shutdown(&self) {
        self.shutdown.cancel();
        let mut core = self.lock();
        core.shutting_down = true;
        for connection in core
            .sessions
            .iter()
            .filter_map(|(_, s)| s.connection.as_ref())
        {
            connection.signal.disconnect(RefusalReason::ShuttingDown);
        }
    }

    /// Records why a client was refused or disconnected; the same reason again is only counted.
    pub fn record_refusal(&self, who: &str, address: &str, reason: RefusalReason) {
        let at = self.clock.wall_ms().ms() / 1000;
        // A name from the network must not send control codes to a terminal or forge a row.
        let name = text::line(who, 64);
        let name = if name.is_empty() {
            address.to_owned()
        } else {
            name
        };
        let mut all = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&name) {
            let kind_of = |name: &str, r: &VecDeque<Refusal>| {
                if r.iter().all(|r| r.reason == RefusalReason::Quarantined) {
                    NameKind::Unprovisioned
                } else if r.iter().all(|r| r.address == name) {
                    NameKind::Address
                } else {
                    NameKind::Account
                }
            };
            let kind = if reason == RefusalReason::Quarantined {
                NameKind::Unprovisioned
            } else if name == address {
                NameKind::Address
            } else {
                NameKind::Account
            };
            let crowd =
                all.iter().filter(|(n, r)| kind_of(n, r) == kind).count() >= kind.names_max();
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
            .filter(|r| r.reason == reason && r.address == address)
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
                    reason,
                    count: 1,
                });
                if mine.len() > REFUSALS_PER_NAME_MAX {
                    mine.pop_front();
                }
            }
        }
    }

    /// True when a log line about a client may be written now.
    pub fn may_log(&self) -> bool {
        self.log_rate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_take(Instant::now())
    }

    /// True when such an account exists.
    pub fn has_account(&self, name: &str) -> bool {
        self.lock()
            .access()
            .is_known(&Identity::Account(name.to_owned()))
    }

    /// The refusals recorded under a name or an address, oldest first; an empty name means all.
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
