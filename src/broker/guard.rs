//! The guard: the machine behind its one lock, the rates, and the memory of what was refused.
//!
//! Invariants: the lock is never held across a wait; the old connection of a taken over session is gone, its will said,
//! before the new one is answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::access::{Identity, Table};
use super::core::Core;
use super::ledger::restore::Found;
use super::limits::Rates;
use super::seat::{Attached, Opening};
use crate::protocol::broker::{Limits, Refusal, Settings};
use crate::supervisor::clock::Clock;

/// Names whose refusals are remembered.
const NAMES: usize = 256;
/// Refusals remembered of each.
const EACH: usize = 8;

/// The guard; one per worker.
pub struct Guard {
    core: Mutex<Core>,
    pub limits: Limits,
    pub rates: Rates,
    refusals: Mutex<BTreeMap<String, VecDeque<Refusal>>>,
}

impl Guard {
    /// A guard with what the ledger held.
    pub fn new(settings: &Settings, clock: Clock, found: Found, now: Instant) -> Self {
        let mut core = Core::new(settings.limits.clone(), settings.rules.clone(), clock);
        found.restore(&mut core, now);
        Self { core: Mutex::new(core), limits: settings.limits.clone(), rates: Rates::default(), refusals: Mutex::default() }
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

    pub fn set_table(&self, table: Table) {
        self.lock().set_table(table, Instant::now());
    }

    /// Gives a connection its session; waits until an older connection of it is gone. Errors are sentences.
    pub async fn attach(&self, opening: Opening) -> Result<Attached, &'static str> {
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
            line.cut.now(0x8e, "another connection took its session over");
            line.gone.cancelled().await;
        }
    }

    /// Remembers why somebody was refused or cut; the same again is only counted.
    pub fn refused(&self, who: &str, address: &str, why: &str) {
        let at = i64::try_from(self.lock().wall()).unwrap_or(0);
        let name: String = if who.is_empty() { address.to_owned() } else { who.chars().take(64).collect() };
        let mut all = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&name)
            && all.len() >= NAMES
            && let Some(oldest) = all.iter().min_by_key(|(_, r)| r.back().map_or(0, |r| r.at)).map(|(n, _)| n.clone())
        {
            all.remove(&oldest);
        }
        let mine = all.entry(name.clone()).or_default();
        match mine.back_mut().filter(|r| r.why == why && r.address == address) {
            Some(last) => {
                last.times += 1;
                last.at = at;
            }
            None => {
                mine.push_back(Refusal { at, who: name, address: address.to_owned(), why: why.to_owned(), times: 1 });
                if mine.len() > EACH {
                    mine.pop_front();
                }
            }
        }
    }

    /// What is remembered of a name, oldest first; an empty name means all.
    pub fn why(&self, id: &str) -> Vec<Refusal> {
        let all = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Refusal> = all.values().flatten().filter(|r| id.is_empty() || r.who == id || r.address == id).cloned().collect();
        found.sort_by_key(|r| r.at);
        found
    }
}
