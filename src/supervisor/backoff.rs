//! How long to wait before the next try: doubling from 1 s to 60 s, with jitter.
//!
//! Jitter keeps a hundred devices or services that failed together from coming back together. The random
//! number is a parameter.

use std::time::Duration;

/// Waits that double, ms.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    next: u64,
    most: u64,
    least: u64,
}

impl Backoff {
    /// From `least` to `most`.
    #[must_use]
    pub const fn new(least_ms: u64, most_ms: u64) -> Self {
        Self { next: least_ms, most: most_ms, least: least_ms }
    }

    /// The house's usual: 1 s to 60 s.
    #[must_use]
    pub const fn usual() -> Self {
        Self::new(1_000, 60_000)
    }

    /// The next wait: between half of the step and the step; `random` is any number.
    pub fn next(&mut self, random: u64) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.most);
        Duration::from_millis(step / 2 + random % (step / 2 + 1))
    }

    /// Begin again: it went well for a while.
    pub const fn reset(&mut self) {
        self.next = self.least;
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
        assert!(steps.windows(2).all(|w| w[1] >= w[0] / 2) && steps.iter().all(|s| (500..=4000).contains(s)), "{steps:?}");
        b.reset();
        assert!(b.next(0).as_millis() == 500);
    }
}
