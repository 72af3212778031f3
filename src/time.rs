//! Two kinds of time that must not be mixed up, both in milliseconds: what the wall clock showed,
//! and how long this process has run.
//!
//! Invariants: the difference of two moments of one kind is a number of milliseconds; a moment and
//! a number of milliseconds make a moment; nothing else compiles. Nothing overflows: arithmetic
//! stops at the ends. On disk and on the wire a moment is its number alone. Deliberately absent: a
//! way from one kind to the other (`supervisor::clock` knows both), days and hours
//! (`domain::calendar`), reading a clock.

use std::ops::{Add, AddAssign, Sub};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment by a wall clock: milliseconds since 1970-01-01 UTC. It may be wrong, and a later moment
/// may have a smaller number: the machine has no battery-backed clock, and people set clocks.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WallMs(i64);

/// A moment of this process: milliseconds since its clock began. It never goes back, and means
/// nothing in another process or after a restart.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MonoMs(u64);

impl WallMs {
    /// Before every moment that a clock shows.
    pub const MIN: Self = Self(i64::MIN);
    /// Behind every moment that a clock shows: an expiry that never comes.
    pub const MAX: Self = Self(i64::MAX);

    /// The moment so many milliseconds after the beginning of 1970.
    #[must_use]
    pub const fn new(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the beginning of 1970.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// The moment so many seconds after the beginning of 1970.
    #[must_use]
    pub const fn of_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the beginning of 1970; 0 before.
    #[must_use]
    pub fn seconds(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// By how many milliseconds this is later than `earlier`; less than nothing where it shows an
    /// earlier time.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How many milliseconds lie between the two, whichever is earlier.
    #[must_use]
    pub const fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

/// As [`WallMs`] in an atomic.
#[derive(Debug, Default)]
pub struct AtomicWallMs(AtomicI64);

impl AtomicWallMs {
    /// It holds this moment.
    #[must_use]
    pub const fn new(moment: WallMs) -> Self {
        Self(AtomicI64::new(moment.0))
    }

    /// The moment that it holds.
    #[must_use]
    pub fn load(&self) -> WallMs {
        WallMs(self.0.load(Ordering::SeqCst))
    }

    /// Makes it hold this moment.
    pub fn store(&self, moment: WallMs) {
        self.0.store(moment.0, Ordering::SeqCst);
    }

    /// Makes it hold this moment, if that is later.
    pub fn raise(&self, moment: WallMs) {
        self.0.fetch_max(moment.0, Ordering::SeqCst);
    }
}

impl MonoMs {
    /// The beginning.
    pub const START: Self = Self(0);
    /// Behind every moment that is reached: a deadline that never comes.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment so many milliseconds after the beginning.
    #[must_use]
    pub const fn new(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the beginning.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// How many milliseconds passed since `earlier`; 0 where that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As [`MonoMs::since`], to be reckoned with differences of the wall clock.
    #[must_use]
    pub fn signed_since(self, earlier: Self) -> i64 {
        i64::try_from(self.since(earlier)).unwrap_or(i64::MAX)
    }
}

/// As [`MonoMs`] in an atomic.
#[derive(Debug, Default)]
pub struct AtomicMonoMs(AtomicU64);

impl AtomicMonoMs {
    /// It holds this moment.
    #[must_use]
    pub const fn new(moment: MonoMs) -> Self {
        Self(AtomicU64::new(moment.0))
    }

    /// The moment that it holds.
    #[must_use]
    pub fn load(&self) -> MonoMs {
        MonoMs(self.0.load(Ordering::SeqCst))
    }

    /// Makes it hold this moment.
    pub fn store(&self, moment: MonoMs) {
        self.0.store(moment.0, Ordering::SeqCst);
    }
}

impl Add<i64> for WallMs {
    type Output = Self;
    fn add(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Sub<i64> for WallMs {
    type Output = Self;
    fn sub(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

impl AddAssign<i64> for WallMs {
    fn add_assign(&mut self, ms: i64) {
        *self = *self + ms;
    }
}

impl Add<u64> for MonoMs {
    type Output = Self;
    fn add(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Add<Duration> for MonoMs {
    type Output = Self;
    fn add(self, time: Duration) -> Self {
        self + u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }
}

impl AddAssign<u64> for MonoMs {
    fn add_assign(&mut self, ms: u64) {
        *self = *self + ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_stored_as_its_number_alone() {
        assert_eq!(
            serde_json::to_string(&(WallMs::new(-5), MonoMs::new(7))).expect("encodes"),
            "[-5,7]"
        );
        let read: (WallMs, MonoMs) = serde_json::from_str("[1795232640000,7]").expect("decodes");
        assert_eq!(read, (WallMs::new(1_795_232_640_000), MonoMs::START + 7));
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(WallMs::MAX + 1, WallMs::MAX);
        assert_eq!(WallMs::MIN - 1, WallMs::MIN);
        assert_eq!(WallMs::MAX.since(WallMs::MIN), i64::MAX);
        assert_eq!(WallMs::new(3).since(WallMs::new(10)), -7);
        assert_eq!(WallMs::MIN.distance(WallMs::MAX), u64::MAX);
        assert_eq!(MonoMs::new(3).since(MonoMs::new(10)), 0);
        assert_eq!(MonoMs::MAX + Duration::from_secs(1), MonoMs::MAX);
        assert_eq!(MonoMs::MAX.signed_since(MonoMs::START), i64::MAX);
    }
}
