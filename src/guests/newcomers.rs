//! The turns of newcomers: a device that was not in today gets in at once as long as few others
//! came just before, and otherwise within seconds.
//!
//! Half of the wifi's places are given at once, then a twelfth of them a minute, at least one; who
//! makes up hardware addresses takes no more places an hour than that. Invariants: only a device
//! that the kernel let in takes a turn; whoever was in today needs none. Derived and lossy: after a
//! start all turns are there, and nothing is counted yet. Deliberately absent: a queue. Nothing
//! tells a made-up device from a visitor, so somebody who makes them up would fill it; a turn is of
//! whoever taps then.

use crate::time::MonoMs;

/// The time in which all places of the wifi are given one by one, ms: a twelfth a minute.
const ALL_PLACES_MS: u64 = 12 * 60_000;
/// Longest time from one turn to the next, ms.
const MOST_BETWEEN_MS: u64 = 60_000;

/// The turns.
#[derive(Debug, Clone, Copy, Default)]
pub struct Newcomers {
    /// When all turns are there again: each that is taken moves it by the time of one.
    whole_at: MonoMs,
    /// Taps that had to wait.
    waited: u64,
}

/// The time from one turn to the next, ms.
fn between(places: u16) -> u64 {
    (ALL_PLACES_MS / u64::from(places.max(1))).clamp(1, MOST_BETWEEN_MS)
}

/// The time in which as many turns come as are given at once, ms.
fn at_once(places: u16) -> u64 {
    u64::from(places.max(1).div_ceil(2)) * between(places)
}

impl Newcomers {
    /// Seconds until a newcomer has a turn, where the rules have so many places; none = now.
    #[must_use]
    pub fn wait(&self, places: u16, now: MonoMs) -> Option<u32> {
        let taken = self.whole_at.since(now) + between(places);
        let seconds = taken.saturating_sub(at_once(places)).div_ceil(1_000);
        (seconds > 0).then(|| u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// A newcomer was let in.
    pub fn take(&mut self, places: u16, now: MonoMs) {
        self.whole_at = self.whole_at.max(now) + between(places);
    }

    /// A newcomer tapped and had to wait.
    pub const fn note_waited(&mut self) {
        self.waited = self.waited.saturating_add(1);
    }

    /// How often that was so since the service took over.
    #[must_use]
    pub const fn waited(&self) -> u64 {
        self.waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonoMs {
        MonoMs::START + seconds * 1_000
    }

    /// How many of an endless crowd get in within so many seconds.
    fn crowd(newcomers: &mut Newcomers, places: u16, from: u64, seconds: u64) -> u64 {
        let mut let_in = 0;
        for second in from..from + seconds {
            while newcomers.wait(places, at(second)).is_none() {
                newcomers.take(places, at(second));
                let_in += 1;
            }
        }
        let_in
    }

    #[test]
    fn half_get_in_at_once_and_then_a_twelfth_a_minute() {
        for (places, at_once, a_minute) in [(60, 30, 5), (200, 100, 16), (7, 4, 1), (1, 1, 1)] {
            let mut newcomers = Newcomers::default();
            assert_eq!(crowd(&mut newcomers, places, 0, 1), at_once, "{places}");
            let hour = crowd(&mut newcomers, places, 1, 3_600);
            let wanted = a_minute * 60;
            assert!(
                hour >= wanted && hour <= wanted + wanted / 20 + 1,
                "{places}: {hour}"
            );
            // A newcomer who is told to wait has a turn then, and not a second before.
            let now = at(3_600);
            let wait = newcomers.wait(places, now).expect("none is left");
            assert!((1..=60).contains(&wait), "{places}: {wait}");
            let then = now + u64::from(wait) * 1_000;
            assert_eq!(newcomers.wait(places, then), None, "{places}");
            let before = now + u64::from(wait - 1) * 1_000;
            assert_eq!(newcomers.wait(places, before), Some(1), "{places}");
        }
    }

    #[test]
    fn turns_come_back_and_other_rules_hold_at_once() {
        let mut newcomers = Newcomers::default();
        assert_eq!(crowd(&mut newcomers, 60, 100, 1), 30);
        assert_eq!(crowd(&mut newcomers, 60, 460, 1), 30, "six minutes later");
        assert!(newcomers.wait(60, at(461)).is_some());
        // Nobody waits longer than until all turns are there, whatever the rules become.
        assert_eq!(newcomers.wait(500, at(461)), Some(1));
        for places in [0, 1, 2, 11, 12, u16::MAX] {
            let wait = newcomers.wait(places, at(461)).unwrap_or(0);
            assert!(wait <= 360, "{places}: {wait}");
        }
    }
}
