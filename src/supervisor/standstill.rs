//! Notices that the whole process stood still: it was frozen, starved, or the machine slept.
//!
//! What arrived meanwhile waited in the kernel and is read only now, and nothing in it says since
//! when it waited. For a moment after a standstill, whatever is read may be old ([`Standstill`]).
//! A peer that is watched was not silent meanwhile: its time begins anew ([`Passes`],
//! [`running_for`]).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Stop;
use super::clock::Clock;
use crate::time::{AtomicMonoMs, MonoMs};

/// How often the process proves to itself that it runs.
const TICK: Duration = Duration::from_millis(250);
/// A tick that comes this late was held up by a standstill, ms.
const MIN_GAP_MS: u64 = 5_000;
/// How long what waited may still be read afterwards, ms.
const BACKLOG_MS: u64 = 2_000;

/// The passes of a loop that passes at least every [`Passes::INTERVAL`]: a pass that comes much
/// later was held up by a standstill, or by the loop's own work. The loop received nothing
/// meanwhile, so the silence of the others proves nothing.
#[derive(Debug)]
pub struct Passes(Instant);

impl Passes {
    /// The longest time between two passes while nothing holds them up.
    pub const INTERVAL: Duration = Duration::from_secs(2);

    /// The loop begins.
    #[must_use]
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// When the next pass is due at the latest.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.0 + Self::INTERVAL
    }

    /// The loop passes. How long it was held up; none = it came in time.
    pub fn pass(&mut self) -> Option<Duration> {
        let before = std::mem::replace(&mut self.0, Instant::now());
        let gap = self.0.saturating_duration_since(before);
        (gap > Duration::from_millis(MIN_GAP_MS)).then_some(gap)
    }
}

/// Returns when the process has run for `most`; after a standstill the time begins anew.
pub async fn running_for(most: Duration) {
    let mut passes = Passes::begin();
    let mut until = Instant::now() + most;
    loop {
        tokio::time::sleep_until(until.min(passes.due())).await;
        if passes.pass().is_some() {
            until = Instant::now() + most;
        } else if until <= Instant::now() {
            return;
        }
    }
}

/// Whether the process stood still a moment ago; clones share it.
#[derive(Debug, Clone)]
pub struct Standstill {
    clock: Clock,
    ticked_at: Arc<AtomicMonoMs>,
    /// When the last one ended; `MonoMs::MAX` = there was none.
    ended_at: Arc<AtomicMonoMs>,
}

impl Standstill {
    /// Nothing is noticed before [`Self::run`] runs.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            ticked_at: Arc::new(AtomicMonoMs::new(clock.mono_ms())),
            ended_at: Arc::new(AtomicMonoMs::new(MonoMs::MAX)),
            clock,
        }
    }

    /// Ticks until `stop`.
    pub async fn run(self, stop: Stop) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK) => self.tick(),
                () = stop.soft.cancelled() => return,
            }
        }
    }

    fn tick(&self) {
        let now = self.clock.mono_ms();
        let gap_ms = now.since(self.ticked_at.load());
        if gap_ms > MIN_GAP_MS {
            // Stored before the tick: no reader sees a fresh tick without the standstill before it.
            self.ended_at.store(now);
            tracing::warn!(
                gap_ms,
                "the process stood still; orders that waited are refused"
            );
        }
        self.ticked_at.store(now);
    }

    /// Whether what is read now may have waited through a standstill.
    #[must_use]
    pub fn is_recent(&self) -> bool {
        let ticked_at = self.ticked_at.load();
        let ended_at = self.ended_at.load();
        let now = self.clock.mono_ms();
        now.since(ticked_at) > MIN_GAP_MS
            || (ended_at != MonoMs::MAX && now.since(ended_at) <= BACKLOG_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_watched_gets_its_whole_time_again_after_a_standstill() {
        let began = Instant::now();
        running_for(Duration::from_secs(12)).await;
        assert_eq!(began.elapsed().as_secs(), 12, "nothing held it up");

        let mut watch = std::pin::pin!(running_for(Duration::from_secs(12)));
        tokio::select! {
            () = &mut watch => panic!("it has run for 11 seconds only"),
            () = tokio::time::sleep(Duration::from_secs(11)) => {}
        }
        // Nothing is polled while the time passes.
        tokio::time::advance(Duration::from_secs(60)).await;
        let awake = Instant::now();
        watch.await;
        let since = awake.elapsed().as_secs();
        assert!((11..=12).contains(&since), "{since} s");
    }

    #[test]
    fn what_is_read_right_after_a_standstill_may_be_old_and_nothing_else_is() {
        let clock = Clock::manual(0);
        let stands = Standstill::new(clock.clone());
        for _ in 0..100 {
            clock.advance(TICK * 4);
            assert!(!stands.is_recent());
            stands.tick();
        }
        clock.advance(Duration::from_secs(75));
        assert!(stands.is_recent(), "a request may be read before the tick");
        stands.tick();
        assert!(stands.is_recent(), "and after it");
        clock.advance(Duration::from_millis(BACKLOG_MS + 1));
        stands.tick();
        assert!(!stands.is_recent(), "what comes now was sent now");
    }
}
