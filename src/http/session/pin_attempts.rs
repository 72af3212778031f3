//! How many wrong PINs there were, and who must wait for them.
//!
//! Invariants: wrong PINs are counted per person and address, so a prankster locks out himself and
//! never the chief; when many addresses try one person, only phones that signed in before may still
//! try that day, and after many more no phone at all. The count of the day begins with its first
//! wrong PIN and is on disk before the next one is tried, so no restart gives new guesses. The
//! count of an address is in memory only: a restart takes longer than the tries that it gives back
//! are worth, and the day bounds them all.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::SignInError;
use crate::domain::id::UserId;
use crate::http::cache_files;
use crate::keys::secret;
use crate::supervisor::clock::Clock;
use crate::time::{MonoMs, WallMs};

/// Wrong PINs from one address before it must wait.
pub const MAX_WRONG_PINS: u32 = 5;
/// The wait, ms of monotonic time.
pub const LOCKOUT_MS: u64 = 300_000;
/// Wrong PINs for one person in a day, from anywhere, after which only known phones may try.
pub(super) const MAX_WRONG_PINS_A_DAY: u32 = 40;
/// Wrong PINs after which known phones must wait for the next day too: a stolen phone is one of
/// them.
pub(super) const MAX_WRONG_PINS_A_DAY_KNOWN: u32 = 200;
const DAY_MS: u64 = 86_400_000;

/// Where an attempt comes from. Known phones are counted separately, so that no neighbour in the
/// same network locks the chief's own phone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AttemptOrigin {
    /// The person whose PIN is tried.
    pub(super) user: UserId,
    /// The address, or its network.
    pub(super) address: IpAddr,
    /// The phone signed in before.
    pub(super) is_known_phone: bool,
}

/// Wrong PINs from one origin.
#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    count: u32,
    /// The last one.
    at: MonoMs,
}

/// Wrong PINs for one person in a day.
#[derive(Debug, Clone, Copy)]
struct CountedDay {
    count: u32,
    /// How old the day was when this run counted first in it, ms.
    age_ms: u64,
    /// When that was.
    at: MonoMs,
}

impl CountedDay {
    /// How long ago its first wrong PIN was, ms.
    fn age_ms(&self, now: MonoMs) -> u64 {
        self.age_ms.saturating_add(now.since(self.at))
    }

    fn is_over(&self, now: MonoMs) -> bool {
        self.age_ms(now) >= DAY_MS
    }
}

/// A day on disk.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct StoredDay {
    count: u32,
    began_at: WallMs,
}

/// The wrong PINs of all persons.
pub(super) struct WrongPinCounts {
    by_origin: BTreeMap<AttemptOrigin, Failures>,
    by_day: BTreeMap<UserId, CountedDay>,
    path: PathBuf,
    clock: Clock,
}

impl WrongPinCounts {
    /// Reads the counts of the day. A clock that was set back meanwhile lets the day begin now; one
    /// that was set on by a day ends it, as a day that passed does.
    pub(super) fn open(path: PathBuf, clock: Clock) -> Self {
        let stored: BTreeMap<UserId, StoredDay> =
            cache_files::read_or_default(&path, "the wrong PINs of today are counted anew");
        let (at, trusted) = (clock.mono_ms(), clock.trusted_ms());
        let by_day = stored
            .into_iter()
            .map(|(user, day)| {
                let age_ms = u64::try_from(trusted.since(day.began_at)).unwrap_or(0);
                let count = day.count;
                (user, CountedDay { count, age_ms, at })
            })
            .collect();
        Self {
            by_origin: BTreeMap::new(),
            by_day,
            path,
            clock,
        }
    }

    /// Whether an attempt from there may be made now.
    pub(super) fn check(&self, origin: &AttemptOrigin) -> Result<(), SignInError> {
        let now = self.clock.mono_ms();
        if let Some(here) = self.by_origin.get(origin)
            && here.count >= MAX_WRONG_PINS
            && now < here.at + LOCKOUT_MS
        {
            let wait = (here.at + LOCKOUT_MS).since(now);
            return Err(SignInError::Locked(wait.div_ceil(1000)));
        }
        match self.today(&origin.user) {
            MAX_WRONG_PINS_A_DAY_KNOWN.. => Err(SignInError::NoPhone),
            MAX_WRONG_PINS_A_DAY.. if !origin.is_known_phone => Err(SignInError::UnknownPhone),
            _ => Ok(()),
        }
    }

    /// How many wrong PINs this origin still has before it must wait.
    pub(super) fn tries_left(&self, origin: &AttemptOrigin) -> u32 {
        let now = self.clock.mono_ms();
        let here = self.by_origin.get(origin);
        here.filter(|w| now < w.at + LOCKOUT_MS)
            .map_or(MAX_WRONG_PINS, |w| MAX_WRONG_PINS.saturating_sub(w.count))
    }

    /// Counts a wrong PIN; how many this origin still has.
    pub(super) fn record_wrong(&mut self, origin: &AttemptOrigin) -> u32 {
        let now = self.clock.mono_ms();
        // The map stays bounded whatever a prankster invents.
        if self.by_origin.len() > 5_000 {
            self.by_origin.retain(|_, w| now < w.at + LOCKOUT_MS);
            if self.by_origin.len() > 50_000 {
                self.by_origin.clear();
            }
        }
        let here = self.by_origin.entry(origin.clone()).or_default();
        if now >= here.at + LOCKOUT_MS {
            here.count = 0;
        }
        here.count += 1;
        here.at = now;
        let left = MAX_WRONG_PINS.saturating_sub(here.count);
        let fresh = CountedDay {
            count: 0,
            age_ms: 0,
            at: now,
        };
        let day = self.by_day.entry(origin.user.clone()).or_insert(fresh);
        if day.is_over(now) {
            *day = fresh;
        }
        day.count = day.count.saturating_add(1);
        self.save();
        left
    }

    /// Forgets the wrong PINs of an origin that had the right one.
    pub(super) fn forget(&mut self, origin: &AttemptOrigin) {
        self.by_origin.remove(origin);
    }

    /// Forgets the wrong PINs of a person.
    pub(super) fn clear(&mut self, user: &UserId) {
        self.by_origin.retain(|origin, _| origin.user != *user);
        if self.by_day.remove(user).is_some() {
            self.save();
        }
    }

    /// Wrong PINs of a person in the day that began with the first of them.
    fn today(&self, user: &UserId) -> u32 {
        let now = self.clock.mono_ms();
        let day = self.by_day.get(user).filter(|day| !day.is_over(now));
        day.map_or(0, |day| day.count)
    }

    /// Writes the counts of the day, without the days that are over.
    fn save(&mut self) {
        let (now, trusted) = (self.clock.mono_ms(), self.clock.trusted_ms());
        self.by_day.retain(|_, day| !day.is_over(now));
        let stored: BTreeMap<&UserId, StoredDay> = self
            .by_day
            .iter()
            .map(|(user, day)| {
                let age_ms = i64::try_from(day.age_ms(now)).unwrap_or(i64::MAX);
                let (count, began_at) = (day.count, trusted - age_ms);
                (user, StoredDay { count, began_at })
            })
            .collect();
        let done = serde_json::to_vec(&stored)
            .map_err(std::io::Error::other)
            .and_then(|bytes| secret::write_file(&self.path, &bytes));
        if let Err(cause) = done {
            tracing::warn!(
                %cause,
                "writing the wrong PINs of today failed; a restart forgets them"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn from(n: u32, is_known_phone: bool) -> AttemptOrigin {
        AttemptOrigin {
            user: UserId::new("mau").expect("id"),
            address: IpAddr::from(n.to_be_bytes()),
            is_known_phone,
        }
    }

    fn open(folder: &tempfile::TempDir, clock: &Clock) -> WrongPinCounts {
        WrongPinCounts::open(folder.path().join("wrong-pins.json"), clock.clone())
    }

    fn guess(attempts: &mut WrongPinCounts, count: u32) {
        for n in 0..count {
            attempts.record_wrong(&from(n, false));
        }
    }

    #[test]
    fn the_count_of_a_day_begins_with_its_first_wrong_pin_and_outlives_a_reboot() {
        let folder = tempfile::tempdir().expect("folder");
        let start = 1_800_000_000_000;
        let clock = Clock::manual(start);
        clock.advance(Duration::from_secs(23 * 3_600));
        let mut attempts = open(&folder, &clock);
        guess(&mut attempts, MAX_WRONG_PINS_A_DAY);
        let stranger = from(1_000, false);
        assert_eq!(attempts.check(&stranger), Err(SignInError::UnknownPhone));
        // A day since the boot is over, and not a day since the first wrong PIN.
        clock.advance(Duration::from_secs(2 * 3_600));
        assert_eq!(attempts.check(&stranger), Err(SignInError::UnknownPhone));
        // The monotonic clock of another boot begins at zero again.
        let rebooted = Clock::manual(clock.wall_ms().ms());
        let mut again = open(&folder, &rebooted);
        assert_eq!(again.check(&stranger), Err(SignInError::UnknownPhone));
        rebooted.advance(Duration::from_secs(22 * 3_600 - 1));
        assert_eq!(again.check(&stranger), Err(SignInError::UnknownPhone));
        rebooted.advance(Duration::from_secs(2));
        assert_eq!(again.check(&stranger), Ok(()), "a day has passed");
        // A clock that was set back gives no new guesses either.
        guess(&mut again, MAX_WRONG_PINS_A_DAY);
        let set_back = open(&folder, &Clock::manual(start));
        assert_eq!(set_back.check(&stranger), Err(SignInError::UnknownPhone));
        // A new PIN ends it, for a restart too.
        again.clear(&stranger.user);
        assert_eq!(again.check(&stranger), Ok(()));
        assert_eq!(open(&folder, &rebooted).check(&stranger), Ok(()));
    }

    #[test]
    fn after_too_many_no_phone_may_try_and_none_is_told_that_a_known_one_may() {
        let folder = tempfile::tempdir().expect("folder");
        let mut attempts = open(&folder, &Clock::manual(0));
        let (own, stranger) = (from(7, true), from(8, false));
        guess(&mut attempts, MAX_WRONG_PINS_A_DAY);
        assert_eq!(attempts.check(&own), Ok(()));
        guess(
            &mut attempts,
            MAX_WRONG_PINS_A_DAY_KNOWN - MAX_WRONG_PINS_A_DAY,
        );
        for origin in [&own, &stranger] {
            let origin = AttemptOrigin {
                address: IpAddr::from([10, 9, 9, 9]),
                ..origin.clone()
            };
            assert_eq!(attempts.check(&origin), Err(SignInError::NoPhone));
        }
    }
}
