//! How long to wait before the next try: doubling from 1 s to 60 s, with jitter.
//!
//! A part that worked for a while waits no longer than it worked: a part that fails now and then
//! must not be down for longer than one that never works. Jitter keeps a hundred devices or
//! services that failed together from trying again together. The random number is a parameter.

use std::time::Duration;

/// Waits that double, ms.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    next: u64,
    last: u64,
    most: u64,
    least: u64,
}

impl Backoff {
    /// From `least_ms` to `most_ms`.
    #[must_use]
    pub const fn new(least_ms: u64, most_ms: u64) -> Self {
        Self {
            next: least_ms,
            last: least_ms,
            most: most_ms,
            least: least_ms,
        }
    }

    /// The usual backoff: 1 s to 60 s.
    #[must_use]
    pub const fn standard() -> Self {
        Self::new(1_000, 60_000)
    }

    /// The next wait: between half of the step and the step; `random` is any number.
    pub fn next(&mut self, random: u64) -> Duration {
        let step = self.next;
        self.last = step;
        self.next = (step * 2).min(self.most);
        Duration::from_millis(step / 2 + random % (step / 2 + 1))
    }

    /// Records how long a run lasted, ms: a run that was longer than the wait before it starts the
    /// waits again from the least.
    pub const fn record_run(&mut self, ms: u64) {
        if ms > self.last {
            self.reset();
        }
    }

    /// Starts the waits again from the least.
    pub const fn reset(&mut self) {
        self.next = self.least;
        self.last = self.least;
    }
}

/// A random number for jitter; 0 when the machine has none to give.
#[must_use]
pub fn jitter() -> u64 {
    getrandom::u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_bound_and_begin_again() {
        let mut b = Backoff::new(1000, 4000);
        let steps: Vec<u128> = (0..4).map(|_| b.next(u64::MAX).as_millis()).collect();
        assert!(
            steps.windows(2).all(|w| w[1] >= w[0] / 2)
                && steps.iter().all(|s| (500..=4000).contains(s)),
            "{steps:?}"
        );
        b.reset();
        assert!(b.next(0).as_millis() == 500);
        // A part that works five seconds at a time never waits longer than that.
        for _ in 0..20 {
            b.record_run(5_000);
            assert!(b.next(u64::MAX).as_millis() <= 4_000);
        }
        let mut dead = Backoff::new(1000, 60_000);
        for _ in 0..8 {
            dead.record_run(200);
            let _ = dead.next(0);
        }
        assert_eq!(
            dead.next(0).as_millis(),
            30_000,
            "what never works is tried ever more seldom"
        );
    }
}
