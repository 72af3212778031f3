//! Wrong PINs at the console: which address waits, and how long.
//!
//! Invariants: an attempt counts as wrong before the PIN is verified, and is taken back when the
//! PIN was right or could not be verified. Wrong PINs of others never lock out an address that was
//! right once. Verifying a PIN is not here: [`super::sign_in`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::supervisor::admission::source_network;

/// How long an address waits after its last wrong PIN, ms.
pub(super) const LOCKOUT_MS: u64 = 300_000;
/// How long an address waits after a wrong PIN, ms.
const WRONG_PIN_DELAY_MS: u64 = 2_000;
/// Wrong PINs of one address before it waits for five minutes.
const MAX_WRONG_PINS: u32 = 10;
/// Wrong PINs a day from addresses that were never right. Beyond it, only addresses that were right
/// once may try.
const MAX_WRONG_PINS_A_DAY: u32 = 200;
/// Addresses with wrong PINs that are remembered. Beyond it, addresses whose wait is over are
/// forgotten; beyond ten times as many, all are.
const MAX_ADDRESSES: usize = 5_000;

/// Wrong PINs: for each address their number and the end of its wait; the addresses that were right
/// once; the day and the number of its wrong PINs.
#[derive(Debug, Default)]
pub struct PinAttempts {
    by_address: BTreeMap<IpAddr, (u32, u64)>,
    proven_addresses: BTreeSet<IpAddr>,
    today: (i64, u32),
}

/// An attempt that was counted before the PIN was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PendingAttempt {
    address: IpAddr,
    /// The wrong PINs and the end of the wait of the address before this attempt.
    before: Option<(u32, u64)>,
    /// The address was right once.
    pub(super) is_proven: bool,
}

impl PendingAttempt {
    /// How many wrong PINs are left if this attempt was one; 0 = the address waits for five minutes.
    pub(super) fn tries_left(&self) -> u32 {
        let before = self.before.map_or(0, |(wrong, _)| wrong % MAX_WRONG_PINS);
        MAX_WRONG_PINS.saturating_sub(before + 1)
    }
}

impl PinAttempts {
    /// Counts an attempt as wrong before the PIN is verified: otherwise guesses sent side by side
    /// would all count as one. The error is how long the address still waits, ms.
    pub(super) fn count_rows(
        &mut self,
        address: IpAddr,
        now: u64,
        day: i64,
    ) -> Result<PendingAttempt, u64> {
        let address = self.counted_address(address);
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
                    LOCKOUT_MS
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

    /// The address under which an attempt is counted. An IPv6 network has as many addresses as there
    /// are guesses, so the network is counted. An address of it that was right is counted by itself:
    /// no neighbour locks out the officer.
    fn counted_address(&self, address: IpAddr) -> IpAddr {
        if self.proven_addresses.contains(&address) {
            address
        } else {
            source_network(address)
        }
    }

    /// How many wrong PINs an address still has before it waits for five minutes, without counting
    /// an attempt. The error is how long the address still waits, ms.
    pub(super) fn tries_left(&self, address: IpAddr, now: u64) -> Result<u32, u64> {
        let counted = self.by_address.get(&self.counted_address(address));
        let (wrong, until) = counted.copied().unwrap_or_default();
        if now < until {
            return Err(until - now);
        }
        Ok(MAX_WRONG_PINS - wrong % MAX_WRONG_PINS)
    }

    /// Takes an attempt back: the PIN was right, or could not be verified.
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
    fn the_tries_left_go_down_one_by_one_and_asking_changes_nothing() {
        let mut wrong = PinAttempts::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let mut now = 0;
        for round in 0..2 {
            assert_eq!(wrong.tries_left(address, now), Ok(MAX_WRONG_PINS));
            for left in (0..MAX_WRONG_PINS).rev() {
                let one = wrong.count_rows(address, now, 0).expect("may try");
                assert_eq!(one.tries_left(), left, "round {round}");
                let waits = if left == 0 {
                    LOCKOUT_MS
                } else {
                    WRONG_PIN_DELAY_MS
                };
                assert_eq!(wrong.tries_left(address, now), Err(waits));
                now += waits;
                if left > 0 {
                    assert_eq!(wrong.tries_left(address, now), Ok(left));
                }
            }
        }
    }

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
        // An address that was right may still try when others used up the day.
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
