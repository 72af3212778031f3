//! Which device has which address of the guest segment, as far as the kernel heard it lately.
//!
//! The forwarder of names asks here and never waits; for an address that is not known it leaves a
//! note, and the guest service asks the network helper. Bounded: as many addresses as a segment of
//! phones may have, the ones noted first go first.

use std::collections::BTreeMap;
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

/// The devices by address; clones share them.
#[derive(Debug, Clone)]
pub struct KnownDevices {
    entries: Arc<Mutex<BTreeMap<IpAddr, KnownAddress>>>,
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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, KnownAddress>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The knowledge of an address now.
    #[must_use]
    pub fn guest(&self, address: IpAddr) -> GuestDevice {
        let now = self.clock.mono_ms();
        let entry = self.lock().get(&address).copied();
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
        let entry = self.lock().get(&address).copied()?;
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
        let mut entries = self.lock();
        if entries.len() >= MAX_ADDRESSES && !entries.contains_key(&address) {
            let oldest = entries.iter().min_by_key(|(_, e)| e.learned_at);
            if let Some(oldest) = oldest.map(|(a, _)| *a) {
                entries.remove(&oldest);
            }
        }
        let entry = KnownAddress {
            mac,
            is_in,
            learned_at,
        };
        entries.insert(address, entry);
    }

    /// Says anew which devices are in.
    pub fn set_in(&self, is_in: impl Fn(MacAddress) -> bool) {
        for entry in self.lock().values_mut() {
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
        let (known, _noted) = KnownDevices::new(Clock::manual(0));
        for number in 0..u32::try_from(MAX_ADDRESSES).expect("small") + 50 {
            known.learn(std::net::Ipv4Addr::from_bits(number).into(), None, false);
        }
        assert_eq!(known.lock().len(), MAX_ADDRESSES);
    }
}
