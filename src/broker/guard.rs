//! The guard: the machine behind its one lock, the rates, and the memory of what was refused.
//!
//! Invariants: the lock is never held across a wait; the old connection of a taken over session is
//! gone, its will said, before the new one is answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::access::{Identity, Table};
use super::core::Core;
use super::ledger::restore::Found;
use super::limits::{Bucket, Rates};
use super::session::{Attached, Opening};
use crate::domain::words;
use crate::keys::holders::Table as Holders;
use crate::protocol::broker::{Limits, Refusal, STRANGER, Settings};
use crate::supervisor::clock::Clock;

/// Names whose refusals are remembered.
const NAMES: usize = 256;
/// Refusals remembered of each.
const EACH: usize = 8;
/// Of the names, those of devices without an account: what they invent must not push out what
/// others asked about.
const STRANGERS: usize = 32;
/// Of them, addresses from which nobody said who it is: there may be more of them than of devices.
const ADDRESSES: usize = 128;

/// The guard; one per worker.
pub struct Guard {
    core: Mutex<Core>,
    clock: Clock,
    pub limits: Limits,
    pub rates: Rates,
    refusals: Mutex<BTreeMap<String, VecDeque<Refusal>>>,
    /// Ends the worker: it began without the card, and the card is there again.
    pub anew: CancellationToken,
    /// The broker ends as planned: nobody comes in any more.
    pub ending: CancellationToken,
    /// Lines of log about clients: one a second.
    lines: Mutex<Bucket>,
}

impl Guard {
    /// A guard with what the ledger held.
    pub fn new(settings: &Settings, clock: Clock, found: Found, now: Instant) -> Self {
        let mut core = Core::new(
            settings.limits.clone(),
            settings.rules.clone(),
            clock.clone(),
        );
        found.restore(&mut core, now);
        Self {
            core: Mutex::new(core),
            clock,
            limits: settings.limits.clone(),
            rates: Rates::default(),
            refusals: Mutex::default(),
            anew: CancellationToken::new(),
            ending: CancellationToken::new(),
            lines: Mutex::new(Bucket::new(1, now)),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who opens with this name and password.
    pub fn login(&self, name: &str, password: &[u8]) -> Option<Identity> {
        self.lock().table.login(name, password)
    }

    pub fn by_certificate(&self, name: &str) -> Option<Identity> {
        self.lock().table.by_certificate(name)
    }

    pub fn stranger(&self, name: &str) -> Option<Identity> {
        self.lock().table.stranger(name)
    }

    /// A new table; which certificate is whose stays as it was.
    pub fn set_table(&self, table: Table) {
        let mut core = self.lock();
        let table = table.with(core.table.holders.clone());
        core.set_table(table, Instant::now());
    }

    /// Which certificate is whose, on open connections too.
    pub fn set_holders(&self, holders: Holders) {
        let mut core = self.lock();
        let table = core.table.clone().with(Arc::new(holders));
        core.set_table(table, Instant::now());
    }

    /// Gives a connection its session; waits until an older connection of it is gone. Errors are a
    /// CONNACK code and a sentence.
    pub async fn attach(&self, opening: Opening) -> Result<Attached, (u8, &'static str)> {
        let key = (opening.who.clone(), opening.client_id.clone());
        loop {
            let line = {
                let mut core = self.lock();
                match core.line_of(&key) {
                    Some(line) => line,
                    // Decided and done under one lock: two newcomers cannot both win.
                    None => return core.attach(opening, Instant::now()),
                }
            };
            line.cut
                .now(0x8e, "another connection took its session over");
            line.gone.cancelled().await;
        }
    }

    /// The planned end: 5.0 clients are told, nobody comes in any more, and what is on disk waits
    /// for the next life.
    pub fn end(&self) {
        self.ending.cancel();
        let mut core = self.lock();
        core.ending = true;
        for line in core
            .sessions
            .iter()
            .flatten()
            .filter_map(|s| s.line.as_ref())
        {
            line.cut.now(0x8b, "the broker ends");
        }
    }

    /// Remembers why somebody was refused or cut; the same again is only counted.
    pub fn refused(&self, who: &str, address: &str, why: &str) {
        let at = self.clock.wall_ms() / 1000;
        // What a stranger calls itself must not steer a terminal or forge a row.
        let (name, why) = (words::line(who, 64), words::line(why, 240));
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
                if r.iter().all(|r| r.why == STRANGER) {
                    0
                } else {
                    1 + usize::from(r.iter().any(|r| r.address != name))
                }
            };
            let kind = if why == STRANGER {
                0
            } else {
                1 + usize::from(name != address)
            };
            let crowd = all.iter().filter(|(n, r)| kind_of(n, r) == kind).count()
                >= [STRANGERS, ADDRESSES, NAMES][kind];
            let leaving = all
                .iter()
                .filter(|(n, r)| !crowd || kind_of(n, r) == kind)
                .map(|(n, r)| (r.back().map_or(0, |r| r.at), n));
            if (crowd || all.len() >= NAMES)
                && let Some(oldest) = leaving.min().map(|(_, n)| n.clone())
            {
                all.remove(&oldest);
            }
        }
        let mine = all.entry(name.clone()).or_default();
        match mine
            .back_mut()
            .filter(|r| r.why == why && r.address == address)
        {
            Some(last) => {
                last.times += 1;
                last.at = at;
            }
            None => {
                mine.push_back(Refusal {
                    at,
                    who: name,
                    address: address.to_owned(),
                    why,
                    times: 1,
                });
                if mine.len() > EACH {
                    mine.pop_front();
                }
            }
        }
    }

    /// True when a line of log about a client may be written now.
    pub fn may_log(&self) -> bool {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_take(Instant::now())
    }

    /// True when such an account exists.
    pub fn knows(&self, name: &str) -> bool {
        self.lock().table.knows(&Identity::Account(name.to_owned()))
    }

    /// What is remembered of a name, oldest first; an empty name means all.
    pub fn why(&self, id: &str) -> Vec<Refusal> {
        let all = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Refusal> = all
            .values()
            .flatten()
            .filter(|r| id.is_empty() || r.who == id || r.address == id)
            .cloned()
            .collect();
        found.sort_by_key(|r| r.at);
        found
    }
}
