//! Wakes the thread that writes the persistence log.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Two flags behind a lock: somebody waits for the disk; the writer is to end.
#[derive(Debug, Default)]
pub struct WriterWakeup(Mutex<(bool, bool)>, Condvar);

impl WriterWakeup {
    /// Somebody waits for the disk.
    pub fn notify(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.0 {
            state.0 = true;
            self.1.notify_one();
        }
    }

    /// The writer is to end, after one last round.
    pub fn finish(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.1.notify_one();
    }

    /// Waits for `notify` or for `most`, then for `commit_delay`, so that more changes share the
    /// flush. True when this is the last round.
    pub(super) fn wait(&self, commit_delay: Duration, most: Duration) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .1
            .wait_timeout_while(state, most, |s| !s.0 && !s.1)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .1
            .wait_timeout_while(state, commit_delay, |s| !s.1)
            .unwrap_or_else(PoisonError::into_inner);
        state.0 = false;
        state.1
    }
}
