//! Wrong PINs that history has not heard of yet: one report for each person and quarter of an hour,
//! or when an address is locked.
//!
//! Invariants: however many wrong PINs are tried, at most two reports of a person come in
//! [`WINDOW_MS`], and at most [`MAX_REPORTS_PER_HOUR`] in an hour of all persons together; their
//! counts are never lost for that, they are in a later report. A stop of the server reports what is
//! left; a power cut loses it. A person is named by an id of a village or of a commune.

use std::collections::BTreeMap;

use super::SignIns;
use crate::domain::id::UserId;
use crate::time::MonoMs;

/// The time for which the wrong PINs of a person are collected, ms of monotonic time.
pub const WINDOW_MS: u64 = 900_000;
/// Most reports in an hour.
pub const MAX_REPORTS_PER_HOUR: u32 = 20;
const HOUR_MS: u64 = 3_600_000;

/// Wrong PINs for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongPins<K = UserId> {
    /// The person.
    pub user: K,
    /// How many.
    pub count: u64,
    /// An address had to wait for them.
    pub is_locked: bool,
}

/// The wrong PINs of one person that are collected until they are recorded as one entry.
#[derive(Debug, Clone, Copy)]
struct Window {
    began: MonoMs,
    count: u64,
    is_locked: bool,
    /// A lock was reported in this window; the rest waits for its end.
    is_reported: bool,
}

/// Wrong PINs by person, and the reports of this hour.
#[derive(Debug)]
pub struct WrongPinLog<K = UserId> {
    windows: BTreeMap<K, Window>,
    hour_began: MonoMs,
    reports: u32,
}

impl<K> Default for WrongPinLog<K> {
    fn default() -> Self {
        Self {
            windows: BTreeMap::new(),
            hour_began: MonoMs::default(),
            reports: 0,
        }
    }
}

impl<K: Clone + Ord> WrongPinLog<K> {
    /// Adds wrong PINs of a person who exists.
    pub fn add(&mut self, user: &K, count: u64, is_locked: bool, now: MonoMs) {
        let window = self.windows.entry(user.clone()).or_insert(Window {
            began: now,
            count: 0,
            is_locked: false,
            is_reported: false,
        });
        window.count = window.count.saturating_add(count);
        window.is_locked |= is_locked;
    }

    /// Takes the reports that are due: of windows that are over, and of persons for whom an address
    /// was just locked.
    #[must_use]
    pub fn take_due(&mut self, now: MonoMs) -> Vec<WrongPins<K>> {
        self.take(now, |_, window| {
            now >= window.began + WINDOW_MS || window.is_locked && !window.is_reported
        })
    }

    /// Takes the report of a person who signed in: it stands before the sign-in.
    #[must_use]
    pub fn take_of(&mut self, user: &K, now: MonoMs) -> Vec<WrongPins<K>> {
        self.take(now, |whose, _| whose == user)
    }

    /// Takes everything, when the server stops.
    #[must_use]
    pub fn take_all(&mut self, now: MonoMs) -> Vec<WrongPins<K>> {
        self.take(now, |_, _| true)
    }

    fn take(&mut self, now: MonoMs, is_due: impl Fn(&K, &Window) -> bool) -> Vec<WrongPins<K>> {
        if now >= self.hour_began + HOUR_MS {
            self.hour_began = now;
            self.reports = 0;
        }
        let mut out = Vec::new();
        for (user, window) in &mut self.windows {
            if window.count == 0 || !is_due(user, window) {
                continue;
            }
            if self.reports >= MAX_REPORTS_PER_HOUR {
                break;
            }
            self.reports += 1;
            out.push(WrongPins {
                user: user.clone(),
                count: window.count,
                is_locked: window.is_locked,
            });
            window.count = 0;
            window.is_locked = false;
            window.is_reported = true;
        }
        self.windows
            .retain(|_, w| w.count > 0 || now < w.began + WINDOW_MS);
        out
    }
}

impl SignIns {
    /// Takes the wrong PINs that are to be recorded now; those of `user` in any case, who signs in.
    #[must_use]
    pub fn take_wrong_pins(&self, user: Option<&UserId>) -> Vec<WrongPins> {
        let now = self.clock.mono_ms();
        let mut inner = self.lock();
        let mut due = inner.wrong_pins.take_due(now);
        if let Some(user) = user {
            due.extend(inner.wrong_pins.take_of(user, now));
        }
        due
    }

    /// Takes all wrong PINs that are not recorded yet, when the gateway stops.
    #[must_use]
    pub fn take_all_wrong_pins(&self) -> Vec<WrongPins> {
        let now = self.clock.mono_ms();
        self.lock().wrong_pins.take_all(now)
    }

    /// Puts wrong PINs back that could not be recorded.
    pub fn return_wrong_pins(&self, wrong: &WrongPins) {
        let now = self.clock.mono_ms();
        self.lock()
            .wrong_pins
            .add(&wrong.user, wrong.count, wrong.is_locked, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: u64 = 60_000;

    fn user(name: &str) -> UserId {
        UserId::new(name).expect("id")
    }

    #[test]
    fn many_wrong_pins_are_few_reports_with_every_one_of_them() {
        let mut log = WrongPinLog::<UserId>::default();
        let (mut told, mut reports) = (0, 0);
        // An hour of guesses, each minute a hundred, from addresses that are locked all the time.
        for minute in 0..60 {
            for _ in 0..100 {
                log.add(&user("mau"), 1, true, MonoMs::new(minute * MINUTE_MS));
                for report in log.take_due(MonoMs::new(minute * MINUTE_MS)) {
                    reports += 1;
                    told += report.count;
                }
            }
        }
        assert!((4..=8).contains(&reports), "{reports} in an hour");
        for report in log.take_all(MonoMs::new(60 * MINUTE_MS)) {
            told += report.count;
        }
        assert_eq!(told, 6_000);
    }

    #[test]
    fn a_few_wrong_pins_wait_for_the_end_of_their_quarter_of_an_hour_or_the_sign_in() {
        let mut log = WrongPinLog::<UserId>::default();
        log.add(&user("mau"), 1, false, MonoMs::START);
        log.add(&user("hoa"), 2, false, MonoMs::START);
        assert_eq!(log.take_due(MonoMs::new(WINDOW_MS - 1)), []);
        let report = |name, count| WrongPins {
            user: user(name),
            count,
            is_locked: false,
        };
        assert_eq!(
            log.take_of(&user("mau"), MonoMs::new(5)),
            [report("mau", 1)]
        );
        assert_eq!(log.take_due(MonoMs::new(WINDOW_MS)), [report("hoa", 2)]);
        assert_eq!(log.take_all(MonoMs::new(WINDOW_MS)), []);
    }

    #[test]
    fn all_persons_together_have_a_bound_and_what_is_over_it_waits() {
        let mut log = WrongPinLog::<UserId>::default();
        for n in 0..50 {
            log.add(&user(&format!("u{n}")), 3, true, MonoMs::START);
        }
        assert_eq!(log.take_due(MonoMs::START).len(), 20);
        assert_eq!(log.take_due(MonoMs::new(HOUR_MS - 1)).len(), 0);
        let later: u64 = log
            .take_due(MonoMs::new(HOUR_MS))
            .iter()
            .map(|r| r.count)
            .sum();
        assert_eq!(later, 60, "counts are not lost");
    }
}
