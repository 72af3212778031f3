//! Wakes the thread that writes the persistence log.
//!
//! Invariant: a change that somebody waits for is in a round that begins no sooner than the
//! writer's commit delay after it was requested, and soon after that. The writer's thread is woken
//! only if the change is still needed then: mostly every recipient has acknowledged meanwhile, and
//! nothing is to be written. So the delay passes in the runtime, which is awake anyhow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Two flags behind a lock: somebody waits for the disk; the writer is to end.
#[derive(Debug, Default)]
pub struct WriterWakeup {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
    requested: Notify,
    commit_delay_ms: AtomicU64,
}

impl WriterWakeup {
    /// Somebody waits for the disk: [`WriterWakeup::requested`] returns.
    pub(super) fn request(&self) {
        self.requested.notify_one();
    }

    /// Waits until somebody waits for the disk.
    pub(super) async fn requested(&self) {
        self.requested.notified().await;
    }

    /// How long a change that somebody waits for waits for others.
    pub(super) fn commit_delay(&self) -> Duration {
        Duration::from_millis(self.commit_delay_ms.load(Ordering::Relaxed))
    }

    /// The writer is to write now.
    pub fn notify(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.0 {
            state.0 = true;
            self.changed.notify_one();
        }
    }

    /// The writer is to end, after one last round.
    pub fn finish(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_one();
    }

    /// Waits for `notify` or for `most`; in any case until the round before, which ended at
    /// `last_round`, is `commit_delay` ago. True when this is the last round.
    pub(super) fn wait(&self, last_round: Instant, commit_delay: Duration, most: Duration) -> bool {
        let delay_ms = u64::try_from(commit_delay.as_millis()).unwrap_or(u64::MAX);
        self.commit_delay_ms.store(delay_ms, Ordering::Relaxed);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, most, |s| !s.0 && !s.1)
            .unwrap_or_else(PoisonError::into_inner);
        let remaining = commit_delay.saturating_sub(last_round.elapsed());
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, remaining, |s| !s.1)
            .unwrap_or_else(PoisonError::into_inner);
        state.0 = false;
        state.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_never_follows_another_within_the_commit_delay() {
        let wakeup = WriterWakeup::default();
        let (delay, most) = (Duration::from_millis(30), Duration::from_secs(60));
        let last_round = Instant::now();
        wakeup.notify();
        assert!(!wakeup.wait(last_round, delay, most));
        assert!(last_round.elapsed() >= delay);
        wakeup.finish();
        assert!(
            wakeup.wait(Instant::now(), most, most),
            "the end waits for nothing"
        );
    }
}
