//! Wrong PINs at the console: who waits, and how long.
//!
//! Invariants: a try counts as wrong before it is looked at, and is taken back when it was not; an
//! address that was right once is kept out by nobody else's guesses. Looking at a PIN is not here:
//! [`super::sign_in`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::supervisor::admission::source_network;

/// A wrong PIN costs an address this long, ms.
const WRONG_PIN_DELAY_MS: u64 = 2_000;
/// Wrong PINs before five minutes of waiting.
pub(super) const MAX_WRONG_PINS: u32 = 10;
/// Wrong PINs a day from addresses that were never right; then only those that were get in.
const MAX_WRONG_PINS_A_DAY: u32 = 200;
/// Addresses that are remembered for having been wrong; whoever waits out his time is forgotten
/// first.
const MAX_ADDRESSES: usize = 5_000;

/// Wrong PINs: per address how many and until when it waits; addresses that were right once; all of
/// this day.
#[derive(Debug, Default)]
pub struct PinAttempts {
    by_address: BTreeMap<IpAddr, (u32, u64)>,
    proven_addresses: BTreeSet<IpAddr>,
    today: (i64, u32),
}

/// A try that was counted before it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PendingAttempt {
    address: IpAddr,
    /// What was known of the address before.
    pub(super) before: Option<(u32, u64)>,
    /// It was right once.
    pub(super) is_proven: bool,
}

impl PinAttempts {
    /// Counts a try as wrong before it is looked at (guesses side by side would otherwise all count
    /// as one); else gives how long this address waits, ms.
    pub(super) fn count_rows(
        &mut self,
        address: IpAddr,
        now: u64,
        day: i64,
    ) -> Result<PendingAttempt, u64> {
        // Whoever has an IPv6 network has as many addresses as there are guesses. One of it that
        // was right is counted for itself: no neighbour locks the officer.
        let address = if self.proven_addresses.contains(&address) {
            address
        } else {
            source_network(address)
        };
        if self.today.0 != day {
            self.today = (day, 0);
        }
        let known = self.proven_addresses.contains(&address);
        if self.today.1 >= MAX_WRONG_PINS_A_DAY && !known {
            return Err(3_600_000);
        }
        if self.by_address.len() > MAX_ADDRESSES {
            self.by_address.retain(|_, w| now < w.1);
            if self.by_address.len() > MAX_ADDRESSES * 10 {
                self.by_address.clear();
            }
        }
        let before = self.by_address.get(&address).copied();
        let (wrong, until) = before.unwrap_or_default();
        if now < until {
            return Err(until - now);
        }
        let wrong = wrong % MAX_WRONG_PINS + 1;
        self.by_address.insert(
            address,
            (
                wrong,
                now + if wrong >= MAX_WRONG_PINS {
                    300_000
                } else {
                    WRONG_PIN_DELAY_MS
                },
            ),
        );
        self.today.1 += u32::from(!known);
        Ok(PendingAttempt {
            address,
            before,
            is_proven: known,
        })
    }

    /// The try was not wrong, or nobody could look: as if it had not been.
    pub(super) fn take_back(&mut self, counted: PendingAttempt) {
        match counted.before {
            Some(before) => drop(self.by_address.insert(counted.address, before)),
            None => drop(self.by_address.remove(&counted.address)),
        }
        self.today.1 = self.today.1.saturating_sub(u32::from(!counted.is_proven));
    }

    pub(super) fn confirm(&mut self, counted: PendingAttempt, address: IpAddr) {
        self.take_back(counted);
        self.by_address.remove(&counted.address);
        if self.proven_addresses.len() < 1_000 {
            self.proven_addresses.insert(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_counts_before_it_is_looked_at_and_what_was_not_looked_at_does_not() {
        let mut wrong = PinAttempts::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let one = wrong.count_rows(address, 0, 0).expect("may try");
        assert_eq!(
            wrong.count_rows(address, 1, 0),
            Err(WRONG_PIN_DELAY_MS - 1),
            "a second guess beside the first waits"
        );
        wrong.take_back(one);
        assert_eq!(wrong.today.1, 0);
        for n in 0..MAX_WRONG_PINS {
            assert!(
                wrong
                    .count_rows(address, u64::from(n) * WRONG_PIN_DELAY_MS, 0)
                    .is_ok(),
                "try {n}"
            );
        }
        assert_eq!(
            wrong.count_rows(address, u64::from(MAX_WRONG_PINS) * WRONG_PIN_DELAY_MS, 0),
            Err(300_000 - WRONG_PIN_DELAY_MS)
        );
        let of = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, n, 0, 0, n]);
        assert!(wrong.count_rows(of(1), 0, 0).is_ok());
        assert_eq!(
            wrong.count_rows(of(2), 1, 0),
            Err(WRONG_PIN_DELAY_MS - 1),
            "another address of the same network"
        );
        assert!(
            wrong
                .count_rows(IpAddr::from([0x2001, 0xdb8, 0, 2, 1, 0, 0, 1]), 1, 0)
                .is_ok(),
            "another network"
        );
        let own = wrong
            .count_rows(of(3), WRONG_PIN_DELAY_MS, 0)
            .expect("may try");
        wrong.confirm(own, of(3));
        assert!(
            wrong.count_rows(of(4), WRONG_PIN_DELAY_MS, 0).is_ok()
                && wrong.count_rows(of(5), WRONG_PIN_DELAY_MS, 0).is_err()
        );
        assert!(
            wrong
                .count_rows(of(3), WRONG_PIN_DELAY_MS, 0)
                .is_ok_and(|c| c.is_proven),
            "who was right is not kept out by neighbours"
        );
        // An address that was right is let in when strangers used up the day.
        let officer = IpAddr::from([10, 0, 0, 2]);
        let right = wrong.count_rows(officer, 0, 0).expect("may try");
        wrong.confirm(right, officer);
        for n in 0..u8::MAX {
            let _ = wrong.count_rows(IpAddr::from([10, 0, 1, n]), 0, 0);
        }
        assert_eq!(
            wrong.count_rows(IpAddr::from([10, 0, 2, 1]), 0, 0),
            Err(3_600_000)
        );
        assert!(wrong.count_rows(officer, 0, 0).is_ok_and(|c| c.is_proven));
        assert!(
            wrong.count_rows(IpAddr::from([10, 0, 2, 1]), 0, 1).is_ok(),
            "the next day is another"
        );
    }
}
