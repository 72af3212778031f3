//! Wrong PINs at the console: who waits, and how long.
//!
//! Invariants: a try counts as wrong before it is looked at, and is taken back when it was not; an
//! address that was right once is kept out by nobody else's guesses. Looking at a PIN is not here:
//! [`super::sign_in`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::supervisor::lobby::neighbour;

/// A wrong PIN costs an address this long, ms.
const WRONG_WAIT_MS: u64 = 2_000;
/// Wrong PINs before five minutes of waiting.
pub(super) const WRONG_MAX: u32 = 10;
/// Wrong PINs a day from addresses that were never right; then only those that were get in.
const WRONG_A_DAY: u32 = 200;
/// Addresses that are remembered for having been wrong; whoever waits out his time is forgotten
/// first.
const ADDRESSES: usize = 5_000;

/// Wrong PINs: per address how many and until when it waits; addresses that were right once; all of
/// this day.
#[derive(Debug, Default)]
pub struct Wrong {
    by: BTreeMap<IpAddr, (u32, u64)>,
    right: BTreeSet<IpAddr>,
    today: (i64, u32),
}

/// A try that was counted before it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    address: IpAddr,
    /// What was known of the address before.
    pub(super) before: Option<(u32, u64)>,
    /// It was right once.
    pub(super) known: bool,
}

impl Wrong {
    /// Counts a try as wrong before it is looked at (guesses side by side would otherwise all count
    /// as one); else gives how long this address waits, ms.
    pub(super) fn count(&mut self, address: IpAddr, now: u64, day: i64) -> Result<Counted, u64> {
        // Whoever has an IPv6 network has as many addresses as there are guesses. One of it that
        // was right is counted for itself: no neighbour locks the officer.
        let address = if self.right.contains(&address) {
            address
        } else {
            neighbour(address)
        };
        if self.today.0 != day {
            self.today = (day, 0);
        }
        let known = self.right.contains(&address);
        if self.today.1 >= WRONG_A_DAY && !known {
            return Err(3_600_000);
        }
        if self.by.len() > ADDRESSES {
            self.by.retain(|_, w| now < w.1);
            if self.by.len() > ADDRESSES * 10 {
                self.by.clear();
            }
        }
        let before = self.by.get(&address).copied();
        let (wrong, until) = before.unwrap_or_default();
        if now < until {
            return Err(until - now);
        }
        let wrong = wrong % WRONG_MAX + 1;
        self.by.insert(
            address,
            (
                wrong,
                now + if wrong >= WRONG_MAX {
                    300_000
                } else {
                    WRONG_WAIT_MS
                },
            ),
        );
        self.today.1 += u32::from(!known);
        Ok(Counted {
            address,
            before,
            known,
        })
    }

    /// The try was not wrong, or nobody could look: as if it had not been.
    pub(super) fn take_back(&mut self, counted: Counted) {
        match counted.before {
            Some(before) => drop(self.by.insert(counted.address, before)),
            None => drop(self.by.remove(&counted.address)),
        }
        self.today.1 = self.today.1.saturating_sub(u32::from(!counted.known));
    }

    pub(super) fn was_right(&mut self, counted: Counted, address: IpAddr) {
        self.take_back(counted);
        self.by.remove(&counted.address);
        if self.right.len() < 1_000 {
            self.right.insert(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_counts_before_it_is_looked_at_and_what_was_not_looked_at_does_not() {
        let mut wrong = Wrong::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let one = wrong.count(address, 0, 0).expect("may try");
        assert_eq!(
            wrong.count(address, 1, 0),
            Err(WRONG_WAIT_MS - 1),
            "a second guess beside the first waits"
        );
        wrong.take_back(one);
        assert_eq!(wrong.today.1, 0);
        for n in 0..WRONG_MAX {
            assert!(
                wrong
                    .count(address, u64::from(n) * WRONG_WAIT_MS, 0)
                    .is_ok(),
                "try {n}"
            );
        }
        assert_eq!(
            wrong.count(address, u64::from(WRONG_MAX) * WRONG_WAIT_MS, 0),
            Err(300_000 - WRONG_WAIT_MS)
        );
        let of = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, n, 0, 0, n]);
        assert!(wrong.count(of(1), 0, 0).is_ok());
        assert_eq!(
            wrong.count(of(2), 1, 0),
            Err(WRONG_WAIT_MS - 1),
            "another address of the same network"
        );
        assert!(
            wrong
                .count(IpAddr::from([0x2001, 0xdb8, 0, 2, 1, 0, 0, 1]), 1, 0)
                .is_ok(),
            "another network"
        );
        let own = wrong.count(of(3), WRONG_WAIT_MS, 0).expect("may try");
        wrong.was_right(own, of(3));
        assert!(
            wrong.count(of(4), WRONG_WAIT_MS, 0).is_ok()
                && wrong.count(of(5), WRONG_WAIT_MS, 0).is_err()
        );
        assert!(
            wrong.count(of(3), WRONG_WAIT_MS, 0).is_ok_and(|c| c.known),
            "who was right is not kept out by neighbours"
        );
        // An address that was right is let in when strangers used up the day.
        let officer = IpAddr::from([10, 0, 0, 2]);
        let right = wrong.count(officer, 0, 0).expect("may try");
        wrong.was_right(right, officer);
        for n in 0..u8::MAX {
            let _ = wrong.count(IpAddr::from([10, 0, 1, n]), 0, 0);
        }
        assert_eq!(
            wrong.count(IpAddr::from([10, 0, 2, 1]), 0, 0),
            Err(3_600_000)
        );
        assert!(wrong.count(officer, 0, 0).is_ok_and(|c| c.known));
        assert!(
            wrong.count(IpAddr::from([10, 0, 2, 1]), 0, 1).is_ok(),
            "the next day is another"
        );
    }
}
