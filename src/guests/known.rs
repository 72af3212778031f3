//! Which device has which address of the guest segment, as far as the kernel heard it lately.
//!
//! The forwarder of names asks here and never waits; for an address that is not known it leaves a
//! note, and the guest service asks the network helper. Bounded: as many addresses as a segment of
//! phones may have, the ones learned first go first, without a search.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::dns::policy::{DeviceKey, GuestDevice};
use crate::protocol::netd::MacAddress;
use crate::supervisor::clock::Clock;
use crate::time::MonoMs;

/// Most addresses that are known: a phone has one of IPv4 and a handful of IPv6.
const MAX_ADDRESSES: usize = 4_096;
/// After this time the kernel is asked again, ms.
const FRESH_MS: u64 = 30_000;
/// After this time an address without a device is asked for again, ms.
const NOBODY_MS: u64 = 1_000;
/// Notes that may wait.
const MAX_NOTES: usize = 64;

#[derive(Debug, Clone, Copy)]
struct KnownAddress {
    /// None = the kernel knows no device there.
    mac: Option<MacAddress>,
    is_in: bool,
    learned_at: MonoMs,
}

/// The addresses, and their order by when they were learned.
#[derive(Debug, Default)]
struct Entries {
    by_address: BTreeMap<IpAddr, KnownAddress>,
    by_age: BTreeSet<(MonoMs, IpAddr)>,
}

impl Entries {
    /// Puts an address in; when there is no room the one that was learned first goes.
    fn insert(&mut self, address: IpAddr, entry: KnownAddress) {
        self.by_age.insert((entry.learned_at, address));
        if let Some(before) = self.by_address.insert(address, entry)
            && before.learned_at != entry.learned_at
        {
            self.by_age.remove(&(before.learned_at, address));
        }
        if self.by_address.len() > MAX_ADDRESSES
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_address.remove(&oldest);
        }
    }
}

/// The devices by address; clones share them.
#[derive(Debug, Clone)]
pub struct KnownDevices {
    entries: Arc<Mutex<Entries>>,
    notes: mpsc::Sender<IpAddr>,
    clock: Clock,
}

impl KnownDevices {
    /// Nobody is known; the second value gives the addresses that are to be asked for.
    #[must_use]
    pub fn new(clock: Clock) -> (Self, mpsc::Receiver<IpAddr>) {
        let (notes, noted) = mpsc::channel(MAX_NOTES);
        let entries = Arc::default();
        let known = Self {
            entries,
            notes,
            clock,
        };
        (known, noted)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The knowledge of an address now.
    #[must_use]
    pub fn guest(&self, address: IpAddr) -> GuestDevice {
        let now = self.clock.mono_ms();
        let entry = self.lock().by_address.get(&address).copied();
        let is_fresh = |e: &KnownAddress| {
            let most = if e.mac.is_some() { FRESH_MS } else { NOBODY_MS };
            now.since(e.learned_at) < most
        };
        if !entry.as_ref().is_some_and(is_fresh) {
            // A note that finds no place is left again with the device's next question.
            let _ = self.notes.try_send(address);
        }
        let known = entry.and_then(|e| e.mac.map(|mac| (mac, e.is_in)));
        match known {
            Some((mac, is_admitted)) => GuestDevice {
                key: DeviceKey::Mac(mac),
                is_admitted,
            },
            None => GuestDevice {
                key: DeviceKey::Address(address),
                is_admitted: false,
            },
        }
    }

    /// The device at an address, if it was learned within `most_ms`; the outer none = ask.
    #[must_use]
    pub fn learned(&self, address: IpAddr, most_ms: u64) -> Option<Option<MacAddress>> {
        let now = self.clock.mono_ms();
        let entry = self.lock().by_address.get(&address).copied()?;
        let most = if entry.mac.is_some() {
            most_ms
        } else {
            NOBODY_MS.min(most_ms)
        };
        (now.since(entry.learned_at) < most).then_some(entry.mac)
    }

    /// Notes what the kernel knows of an address.
    pub fn learn(&self, address: IpAddr, mac: Option<MacAddress>, is_in: bool) {
        let learned_at = self.clock.mono_ms();
        let entry = KnownAddress {
            mac,
            is_in,
            learned_at,
        };
        self.lock().insert(address, entry);
    }

    /// Says anew which devices are in.
    pub fn set_in(&self, is_in: impl Fn(MacAddress) -> bool) {
        for entry in self.lock().by_address.values_mut() {
            entry.is_in = entry.mac.is_some_and(&is_in);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_address_is_noted_and_a_known_one_is_a_device() {
        let clock = Clock::manual(0);
        let (known, mut noted) = KnownDevices::new(clock.clone());
        let address: IpAddr = "10.7.0.11".parse().expect("an address");
        let mac = MacAddress::new([2, 0, 0, 0, 7, 1]);
        assert_eq!(known.guest(address).key, DeviceKey::Address(address));
        assert_eq!(noted.try_recv().ok(), Some(address));
        known.learn(address, Some(mac), false);
        assert_eq!(known.guest(address).key, DeviceKey::Mac(mac));
        assert!(noted.try_recv().is_err());
        known.set_in(|m| m == mac);
        assert!(known.guest(address).is_admitted);
        clock.advance(std::time::Duration::from_millis(FRESH_MS));
        assert!(known.guest(address).is_admitted);
        assert_eq!(noted.try_recv().ok(), Some(address));
        assert_eq!(known.learned(address, 5_000), None);
    }

    #[test]
    fn a_scan_of_addresses_stays_bounded() {
        let clock = Clock::manual(0);
        let (known, _noted) = KnownDevices::new(clock.clone());
        let most = u32::try_from(MAX_ADDRESSES).expect("small");
        let address = |number: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(number));
        let phone = Some(MacAddress::new([2, 0, 0, 0, 7, 1]));
        for number in 0..most + 50 {
            clock.advance(std::time::Duration::from_millis(1));
            known.learn(address(number), None, false);
            // A phone that is there is learned again and again.
            known.learn(address(0), phone, false);
        }
        let entries = known.lock();
        let in_order = entries.by_age.iter().map(|(_, address)| *address);
        assert_eq!(entries.by_address.len(), MAX_ADDRESSES);
        assert!(in_order.eq((51..most + 49).chain([0, most + 49]).map(address)));
    }
}
