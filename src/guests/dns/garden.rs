//! The walled garden: names that a device may reach without a session, and the addresses that are
//! opened for them in the kernel.
//!
//! Invariants: an answer with a garden's name goes to a device that is captive only after the
//! network helper reported that each of its addresses is open, for at least as long as the answer
//! holds. It makes no difference whether a resolver or the cache gave the answer.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::host_name::{HostNameError, wire_name_of};
use super::question::{Question, self_and_parents};
use crate::time::MonoMs;

/// Shortest time that an address is opened for, s: connections last longer than names.
const MIN_OPEN_S: u32 = 300;
/// Added to the time of an answer, s: the device's clock begins when the answer arrives.
const MARGIN_S: u32 = 60;
/// Most addresses that are noted as open; the kernel's sets hold as many.
const MAX_OPEN: usize = 8_192;
/// An address that is open is asked for again after this time, behind an answer that goes out at
/// once: whatever emptied the kernel's set, the garden is open again soon, ms.
const RENEW_MS: u64 = 5_000;
/// The network helper answers within this time, or the answer does not go out.
const OPENING_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a text is no name of the garden.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is no name for the garden")]
pub struct GardenNameError {
    /// The text.
    pub text: String,
    /// The mistake in it.
    #[source]
    pub cause: HostNameError,
}

/// Names, and domains with everything below them.
#[derive(Debug, Clone, Default)]
pub struct Garden {
    names: BTreeSet<Vec<u8>>,
    domains: BTreeSet<Vec<u8>>,
}

impl Garden {
    /// From names as people write them: `dichvucong.gov.vn` is this name alone, `*.gov.vn` the
    /// name and everything below it.
    ///
    /// # Errors
    /// [`GardenNameError`] of the first text that is none.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, GardenNameError> {
        let mut garden = Self::default();
        for text in texts {
            let (host, names) = match text.strip_prefix("*.") {
                Some(domain) => (domain, &mut garden.domains),
                None => (text, &mut garden.names),
            };
            let wire = wire_name_of(host).map_err(|cause| GardenNameError {
                text: text.to_owned(),
                cause,
            })?;
            names.insert(wire);
        }
        Ok(garden)
    }

    /// Whether the question is for a name of the garden.
    #[must_use]
    pub fn covers(&self, question: &Question) -> bool {
        let name = question.lower_name();
        self.names.contains(name)
            || (!self.domains.is_empty()
                && self_and_parents(name).any(|domain| self.domains.contains(domain)))
    }
}

/// Asks the network helper to open addresses, each for some seconds.
#[derive(Debug)]
pub struct OpenAddresses {
    /// Addresses and seconds.
    pub addresses: Vec<(IpAddr, u32)>,
    /// Whether all of them are open now.
    pub done: oneshot::Sender<bool>,
}

#[derive(Debug, Clone, Copy)]
struct OpenedAddress {
    until: MonoMs,
    asked_at: MonoMs,
}

#[derive(Debug, Default)]
struct OpenedAddresses {
    epoch: u64,
    by_address: HashMap<IpAddr, OpenedAddress>,
}

/// The addresses that are open, and the way to the network helper.
#[derive(Debug)]
pub struct GardenGate {
    helper: mpsc::Sender<OpenAddresses>,
    opened: Mutex<OpenedAddresses>,
}

impl GardenGate {
    /// Nothing is known to be open.
    #[must_use]
    pub fn new(helper: mpsc::Sender<OpenAddresses>) -> Self {
        Self {
            helper,
            opened: Mutex::default(),
        }
    }

    /// Whether all the addresses are open for the next seconds, as far as is known. The helper is
    /// asked again for those that were asked for some time ago; nobody waits for that.
    #[must_use]
    pub fn is_open(&self, addresses: &[IpAddr], ttl_s: u32, now: MonoMs, epoch: u64) -> bool {
        let mut opened = self.lock();
        let is_open =
            opened.epoch == epoch && addresses.iter().all(|a| opened.lasts(*a, ttl_s, now));
        if is_open {
            self.renew(&mut opened, addresses, ttl_s, now);
        }
        is_open
    }

    fn renew(&self, opened: &mut OpenedAddresses, addresses: &[IpAddr], ttl_s: u32, now: MonoMs) {
        let due: Vec<(IpAddr, u32)> = opened.due(addresses, now, open_seconds(ttl_s));
        if due.is_empty() {
            return;
        }
        let (done, _) = oneshot::channel();
        let asked: Vec<IpAddr> = due.iter().map(|(address, _)| *address).collect();
        let request = OpenAddresses {
            addresses: due,
            done,
        };
        if self.helper.try_send(request).is_ok() {
            opened.note_asked(&asked, now);
        }
    }

    /// Opens those of the addresses that are not open for long enough. False = some are not, and
    /// the answer must not go out.
    pub async fn open(&self, addresses: &[IpAddr], ttl_s: u32, now: MonoMs, epoch: u64) -> bool {
        let seconds = open_seconds(ttl_s);
        let wanted: Vec<(IpAddr, u32)> = {
            let mut opened = self.lock();
            opened.forget_before(epoch);
            let missing = addresses.iter().filter(|a| !opened.lasts(**a, ttl_s, now));
            missing.map(|a| (*a, seconds)).collect()
        };
        if wanted.is_empty() {
            return true;
        }
        let (done, outcome) = oneshot::channel();
        let request = OpenAddresses {
            addresses: wanted.clone(),
            done,
        };
        let asked =
            async { self.helper.send(request).await.is_ok() && outcome.await.unwrap_or(false) };
        let is_done = tokio::time::timeout(OPENING_TIMEOUT, asked).await;
        if !is_done.unwrap_or(false) {
            return false;
        }
        let mut opened = self.lock();
        // The helper may have been started again meanwhile.
        if opened.epoch == epoch {
            opened.note(&wanted, now);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, OpenedAddresses> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenedAddresses {
    fn lasts(&self, address: IpAddr, ttl_s: u32, now: MonoMs) -> bool {
        let needed = now + u64::from(ttl_s) * 1_000;
        let opened = self.by_address.get(&address);
        opened.is_some_and(|opened| opened.until >= needed)
    }

    /// Those of the addresses that are to be asked for again, for so many seconds.
    fn due(&self, addresses: &[IpAddr], now: MonoMs, seconds: u32) -> Vec<(IpAddr, u32)> {
        let is_due = |address: &&IpAddr| {
            let opened = self.by_address.get(*address);
            opened.is_some_and(|opened| now.since(opened.asked_at) >= RENEW_MS)
        };
        let due = addresses.iter().filter(is_due);
        due.map(|address| (*address, seconds)).collect()
    }

    fn note_asked(&mut self, addresses: &[IpAddr], now: MonoMs) {
        for address in addresses {
            if let Some(opened) = self.by_address.get_mut(address) {
                opened.asked_at = now;
            }
        }
    }

    fn forget_before(&mut self, epoch: u64) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.by_address.clear();
        }
    }

    fn note(&mut self, addresses: &[(IpAddr, u32)], now: MonoMs) {
        let most = MAX_OPEN.saturating_sub(addresses.len());
        if self.by_address.len() > most {
            self.by_address.retain(|_, opened| opened.until > now);
        }
        if self.by_address.len() > most {
            // An address that is forgotten is only opened once more.
            self.by_address.clear();
        }
        for (address, seconds) in addresses {
            let opened = OpenedAddress {
                until: now + u64::from(*seconds) * 1_000,
                asked_at: now,
            };
            self.by_address.insert(*address, opened);
        }
    }
}

/// For how long addresses of an answer are opened, s.
#[must_use]
pub fn open_seconds(ttl_s: u32) -> u32 {
    ttl_s.max(MIN_OPEN_S).saturating_add(MARGIN_S)
}
