//! A number that rises with whatever the console shows, for pages that follow it. Only what came
//! since the process began counts, so it is in memory.

use std::sync::Arc;

use tokio::sync::watch;

/// The number; clones are the same.
#[derive(Debug, Clone)]
pub struct ChangeCount(Arc<watch::Sender<u64>>);

impl Default for ChangeCount {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl ChangeCount {
    /// Something changed.
    pub fn rise(&self) {
        self.0.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// The number now.
    #[must_use]
    pub fn now(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits for the next change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
