//! Token buckets: messages and bytes a second of one account. A client over its rate is read more
//! slowly; only a single packet that costs more than ten seconds of the rate ends the connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::core::acl::Identity;

/// Rates that are remembered before those without a connection are forgotten for the first time.
const PRUNE_ABOVE_ACCOUNTS: usize = 2_000;

/// A bucket that fills by `rate` a second, up to twice that unless it is made with another burst.
#[derive(Debug)]
pub struct TokenBucket {
    rate: f64,
    tokens: f64,
    burst: f64,
    refilled_at: Instant,
}

impl TokenBucket {
    pub fn new(rate: u32, now: Instant) -> Self {
        Self::with_burst(f64::from(rate), f64::from(rate) * 2.0, now)
    }

    /// A full bucket that fills by `rate` a second, up to `burst`.
    pub fn with_burst(rate: f64, burst: f64, now: Instant) -> Self {
        Self {
            rate,
            tokens: burst,
            burst,
            refilled_at: now,
        }
    }

    /// Takes one token if there is one.
    pub fn try_take(&mut self, now: Instant) -> bool {
        if self.take(0.0, now).is_zero() && self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return true;
        }
        false
    }

    /// Takes `amount`; returns how long the connection must pause before it is read again.
    pub fn take(&mut self, amount: f64, now: Instant) -> Duration {
        let passed = now
            .saturating_duration_since(self.refilled_at)
            .as_secs_f64();
        self.refilled_at = now;
        self.tokens = (self.tokens + passed * self.rate).min(self.burst) - amount;
        if self.tokens >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64((-self.tokens / self.rate).min(60.0))
        }
    }
}

/// The rates of one account over all its connections, so that eight connections do not have eight
/// times the rate.
#[derive(Debug)]
pub struct AccountRate {
    pub messages: TokenBucket,
    pub bytes: TokenBucket,
}

/// The rates of all accounts that were connected lately.
#[derive(Debug, Default)]
pub struct AccountRates(Mutex<RateTable>);

#[derive(Debug, Default)]
struct RateTable {
    by_account: BTreeMap<Identity, Arc<Mutex<AccountRate>>>,
    /// How many rates were left when those without a connection were forgotten. They are looked
    /// for again at twice as many: otherwise each connection of a large crowd would look at all.
    kept: usize,
}

impl AccountRates {
    /// The rate of an account; all unprovisioned devices share one.
    pub fn get_or_create(
        &self,
        who: &Identity,
        messages: u32,
        bytes: u32,
        now: Instant,
    ) -> Arc<Mutex<AccountRate>> {
        let fresh = || {
            Arc::new(Mutex::new(AccountRate {
                messages: TokenBucket::new(messages, now),
                bytes: TokenBucket::new(bytes, now),
            }))
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.by_account.len() > PRUNE_ABOVE_ACCOUNTS.max(2 * all.kept) {
            all.by_account.retain(|_, r| Arc::strong_count(r) > 1);
            all.kept = all.by_account.len();
        }
        let whose = if matches!(who, Identity::Unprovisioned(_)) {
            Identity::Unprovisioned(String::new())
        } else {
            who.clone()
        };
        all.by_account.entry(whose).or_insert_with(fresh).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_crowd_that_leaves_few_rates_are_remembered() {
        let (rates, now) = (AccountRates::default(), Instant::now());
        let rate = |n: usize| rates.get_or_create(&Identity::Account(n.to_string()), 1, 1, now);
        let crowd: Vec<_> = (0..5_000).map(rate).collect();
        let kept = || rates.0.lock().expect("no panic").by_account.len();
        assert_eq!(kept(), 5_000, "all are connected");
        assert!(Arc::ptr_eq(&crowd[7], &rate(7)));
        drop(crowd);
        for n in 5_000..20_000 {
            drop(rate(n));
            assert!(kept() <= 9_000);
        }
        assert!(kept() <= 2 * PRUNE_ABOVE_ACCOUNTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_a_flood_waits() {
        let now = Instant::now();
        let mut b = TokenBucket::new(10, now);
        assert!(
            (0..20).all(|_| b.take(1.0, now).is_zero()),
            "two seconds' worth at once"
        );
        assert!(!b.take(1.0, now).is_zero());
        assert!(
            b.take(1.0, now + Duration::from_secs(1)).is_zero(),
            "it fills again"
        );
    }
}
