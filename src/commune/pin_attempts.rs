//! Wrong PINs at the console: who waits, and how long.
//!
//! Invariants: an attempt counts as wrong before the PIN is verified, and is taken back when the
//! PIN was right or could not be verified. An address waits after its wrong PINs whatever names
//! they were for, and wrong PINs for one name from addresses where it never signed in are few a
//! day. Wrong PINs of others never lock out an officer at an address where the officer was right
//! once. Verifying a PIN is not here: [`super::sign_in`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::supervisor::admission::source_network;
use crate::time::MonoMs;

/// How long an address waits after [`MAX_WRONG_PINS`] wrong PINs, ms.
pub(super) const LOCKOUT_MS: u64 = 300_000;
/// How long an address waits after a wrong PIN, ms.
const WRONG_PIN_DELAY_MS: u64 = 2_000;
/// Wrong PINs of one address before it waits for five minutes.
const MAX_WRONG_PINS: u32 = 10;
/// Wrong PINs a day for one name from addresses where that officer was never right. Beyond it, the
/// officer may try only where he or she was right once.
const MAX_WRONG_PINS_A_DAY: u32 = 200;
/// The same for all names together: twenty names are not twenty times as many guesses.
const MAX_WRONG_PINS_A_DAY_ALL: u32 = 400;
/// Addresses with wrong PINs that are remembered. Beyond it, addresses whose wait is over are
/// forgotten; beyond ten times as many, all are.
const MAX_SOURCES: usize = 5_000;
/// Officers at addresses where they were right once that are remembered.
const MAX_PROVEN: usize = 1_000;
/// How long a name waits for tomorrow, ms; it is told as an hour.
const DAY_IS_FULL_MS: u64 = 3_600_000;

/// The key under which wrong PINs are counted together: an address; or one officer at an address
/// where the officer was right.
type PinSource = (Option<String>, IpAddr);

/// Wrong PINs: for each source their number and the end of its wait; who was right where; and the
/// day with the numbers of its wrong PINs by name.
#[derive(Debug, Default)]
pub struct PinAttempts {
    by_source: BTreeMap<PinSource, (u32, MonoMs)>,
    proven: BTreeSet<(String, IpAddr)>,
    day: i64,
    today: BTreeMap<String, u32>,
}

/// An attempt that was counted before the PIN was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PendingAttempt {
    officer: String,
    source: PinSource,
    /// The wrong PINs and the end of the wait of the source before this attempt.
    before: Option<(u32, MonoMs)>,
    /// The officer was right at this address once.
    pub(super) is_proven: bool,
}

impl PendingAttempt {
    /// How many wrong PINs are left if this attempt was one; 0 = the address waits for five
    /// minutes.
    pub(super) fn tries_left(&self) -> u32 {
        let before = self.before.map_or(0, |(wrong, _)| wrong % MAX_WRONG_PINS);
        MAX_WRONG_PINS.saturating_sub(before + 1)
    }
}

impl PinAttempts {
    /// Counts an attempt as wrong before the PIN is verified: otherwise guesses sent side by side
    /// would all count as one. The error is how long to wait, ms. `officer` is the id of somebody
    /// who may sign in.
    pub(super) fn count(
        &mut self,
        officer: &str,
        address: IpAddr,
        now: MonoMs,
        day: i64,
    ) -> Result<PendingAttempt, u64> {
        let source = self.source(officer, address);
        let is_proven = source.0.is_some();
        if self.day != day {
            self.day = day;
            self.today.clear();
        }
        let (own, all) = (
            self.today.get(officer).copied().unwrap_or(0),
            self.today.values().sum::<u32>(),
        );
        if !is_proven && (own >= MAX_WRONG_PINS_A_DAY || all >= MAX_WRONG_PINS_A_DAY_ALL) {
            return Err(DAY_IS_FULL_MS);
        }
        if self.by_source.len() > MAX_SOURCES {
            self.by_source.retain(|_, w| now < w.1);
            if self.by_source.len() > MAX_SOURCES * 10 {
                self.by_source.clear();
            }
        }
        let before = self.by_source.get(&source).copied();
        let (wrong, until) = before.unwrap_or_default();
        if now < until {
            return Err(until.since(now));
        }
        let wrong = wrong % MAX_WRONG_PINS + 1;
        let delay = if wrong >= MAX_WRONG_PINS {
            LOCKOUT_MS
        } else {
            WRONG_PIN_DELAY_MS
        };
        self.by_source.insert(source.clone(), (wrong, now + delay));
        if !is_proven {
            *self.today.entry(officer.to_owned()).or_default() += 1;
        }
        Ok(PendingAttempt {
            officer: officer.to_owned(),
            source,
            before,
            is_proven,
        })
    }

    /// The key that an attempt is counted under. An IPv6 network has as many addresses as there are
    /// guesses, so the network is counted. An officer at an address where the PIN was right is
    /// counted alone: no neighbour, and no colleague behind the same address, locks the officer
    /// out.
    fn source(&self, officer: &str, address: IpAddr) -> PinSource {
        if self.proven.contains(&(officer.to_owned(), address)) {
            (Some(officer.to_owned()), address)
        } else {
            (None, source_network(address))
        }
    }

    /// How many wrong PINs an officer still has at an address before it waits for five minutes,
    /// without counting an attempt. The error is how long it still waits, ms.
    pub(super) fn tries_left(
        &self,
        officer: &str,
        address: IpAddr,
        now: MonoMs,
    ) -> Result<u32, u64> {
        let counted = self.by_source.get(&self.source(officer, address));
        let (wrong, until) = counted.copied().unwrap_or_default();
        if now < until {
            return Err(until.since(now));
        }
        Ok(MAX_WRONG_PINS - wrong % MAX_WRONG_PINS)
    }

    /// Takes an attempt back: the PIN was right, or could not be verified.
    pub(super) fn take_back(&mut self, counted: &PendingAttempt) {
        match counted.before {
            Some(before) => drop(self.by_source.insert(counted.source.clone(), before)),
            None => drop(self.by_source.remove(&counted.source)),
        }
        if !counted.is_proven
            && let Some(today) = self.today.get_mut(&counted.officer)
        {
            *today = today.saturating_sub(1);
        }
    }

    /// The PIN was right at this address.
    pub(super) fn confirm(&mut self, counted: &PendingAttempt, address: IpAddr) {
        self.take_back(counted);
        self.by_source.remove(&counted.source);
        if self.proven.len() < MAX_PROVEN {
            self.proven.insert((counted.officer.clone(), address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOA: &str = "hoa";
    const BINH: &str = "binh";

    #[test]
    fn the_tries_left_go_down_one_by_one_and_asking_changes_nothing() {
        let mut wrong = PinAttempts::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let mut now = MonoMs::START;
        for round in 0..2 {
            assert_eq!(wrong.tries_left(HOA, address, now), Ok(MAX_WRONG_PINS));
            for left in (0..MAX_WRONG_PINS).rev() {
                let one = wrong.count(HOA, address, now, 0).expect("may try");
                assert_eq!(one.tries_left(), left, "round {round}");
                let waits = if left == 0 {
                    LOCKOUT_MS
                } else {
                    WRONG_PIN_DELAY_MS
                };
                assert_eq!(wrong.tries_left(HOA, address, now), Err(waits));
                now += waits;
                if left > 0 {
                    assert_eq!(wrong.tries_left(BINH, address, now), Ok(left));
                }
            }
        }
    }

    #[test]
    fn a_guess_counts_before_it_is_looked_at_and_what_was_not_looked_at_does_not() {
        let mut wrong = PinAttempts::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let one = wrong
            .count(HOA, address, MonoMs::START, 0)
            .expect("may try");
        assert_eq!(
            wrong.count(BINH, address, MonoMs::new(1), 0),
            Err(WRONG_PIN_DELAY_MS - 1),
            "a second guess beside the first waits, for whomever it is"
        );
        wrong.take_back(&one);
        assert_eq!(wrong.today.values().sum::<u32>(), 0);
        for n in 0..MAX_WRONG_PINS {
            let name = if n % 2 == 0 { HOA } else { BINH };
            assert!(
                wrong
                    .count(
                        name,
                        address,
                        MonoMs::new(u64::from(n) * WRONG_PIN_DELAY_MS),
                        0
                    )
                    .is_ok(),
                "try {n}"
            );
        }
        let end = MonoMs::new(u64::from(MAX_WRONG_PINS) * WRONG_PIN_DELAY_MS);
        assert_eq!(
            wrong.count(HOA, address, end, 0),
            Err(300_000 - WRONG_PIN_DELAY_MS)
        );
        let of = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, n, 0, 0, n]);
        assert!(wrong.count(HOA, of(1), MonoMs::START, 0).is_ok());
        assert_eq!(
            wrong.count(HOA, of(2), MonoMs::new(1), 0),
            Err(WRONG_PIN_DELAY_MS - 1),
            "another address of the same network"
        );
        let neighbour = IpAddr::from([0x2001, 0xdb8, 0, 2, 1, 0, 0, 1]);
        assert!(wrong.count(HOA, neighbour, MonoMs::new(1), 0).is_ok());
        let own = wrong
            .count(HOA, of(3), MonoMs::new(WRONG_PIN_DELAY_MS), 0)
            .expect("may try");
        wrong.confirm(&own, of(3));
        assert!(
            wrong
                .count(HOA, of(4), MonoMs::new(WRONG_PIN_DELAY_MS), 0)
                .is_ok()
                && wrong
                    .count(HOA, of(5), MonoMs::new(WRONG_PIN_DELAY_MS), 0)
                    .is_err()
        );
        assert!(
            wrong
                .count(HOA, of(3), MonoMs::new(WRONG_PIN_DELAY_MS), 0)
                .is_ok_and(|c| c.is_proven),
            "who was right is not kept out by neighbours"
        );
    }

    #[test]
    fn a_day_of_guesses_is_for_one_name_and_keeps_no_officer_out_of_the_own_machine() {
        let mut wrong = PinAttempts::default();
        let (desk, away) = (IpAddr::from([10, 0, 0, 2]), IpAddr::from([10, 0, 9, 9]));
        for name in [HOA, BINH] {
            let right = wrong.count(name, desk, MonoMs::START, 0).expect("may try");
            wrong.confirm(&right, desk);
        }
        let mut guessed = 0;
        for n in 0..=u8::MAX {
            let address = IpAddr::from([10, 0, 1, n]);
            guessed += u32::from(wrong.count(HOA, address, MonoMs::START, 0).is_ok());
        }
        assert_eq!(guessed, MAX_WRONG_PINS_A_DAY);
        assert_eq!(
            wrong.count(HOA, away, MonoMs::START, 0),
            Err(DAY_IS_FULL_MS)
        );
        assert!(
            wrong
                .count(HOA, desk, MonoMs::START, 0)
                .is_ok_and(|c| c.is_proven)
        );
        assert!(
            wrong.count(BINH, away, MonoMs::START, 0).is_ok(),
            "another name"
        );
        // A colleague who mistypes on the same machine does not make the other one wait.
        assert!(
            wrong
                .count(BINH, desk, MonoMs::START, 0)
                .is_ok_and(|c| c.is_proven)
        );
        // An officer's machine is no place to guess a colleague's PIN without end.
        let third = "lan";
        let mut now = MonoMs::START;
        let mut tries = 0;
        while let Ok(counted) = wrong.count(third, desk, now, 0) {
            assert!(!counted.is_proven);
            tries += 1;
            now += 300_000;
        }
        assert!(tries < MAX_WRONG_PINS_A_DAY, "{tries}");
        assert!(
            wrong.count(third, away, now, 1).is_ok(),
            "the next day is another"
        );
    }
}
