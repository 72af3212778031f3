//! Waiting for the card: who answers only when something is safe holds a receipt for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::Notify;

/// Somebody waits for the card before it answers.
#[derive(Debug)]
pub struct DurabilityTicket {
    outstanding: AtomicU32,
    failed: AtomicBool,
    wake: Arc<Notify>,
}

impl DurabilityTicket {
    pub fn new(wake: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            outstanding: AtomicU32::new(0),
            failed: AtomicBool::new(false),
            wake,
        })
    }

    /// One more thing is waited for.
    pub fn expect_one(&self) {
        self.outstanding.fetch_add(1, Ordering::SeqCst);
    }

    /// One thing that was waited for is safe, or cannot be made safe.
    pub fn resolve(&self, ok: bool) {
        if !ok {
            self.failed.store(true, Ordering::SeqCst);
        }
        if self.outstanding.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.wake.notify_one();
        }
    }

    /// Whether everything is safe; none = not yet known.
    pub fn outcome(&self) -> Option<bool> {
        (self.outstanding.load(Ordering::SeqCst) == 0).then(|| !self.failed.load(Ordering::SeqCst))
    }
}
