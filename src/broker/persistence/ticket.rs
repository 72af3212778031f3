//! Tickets: an answer that may be sent only when a change is durable waits for its ticket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::Notify;

/// Counts the changes that must be durable before an answer is sent.
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

    /// One more change must be durable.
    pub fn expect_one(&self) {
        self.outstanding.fetch_add(1, Ordering::SeqCst);
    }

    /// One of the changes is durable, or cannot be made durable.
    pub fn resolve(&self, ok: bool) {
        if !ok {
            self.failed.store(true, Ordering::SeqCst);
        }
        if self.outstanding.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.wake.notify_one();
        }
    }

    /// Whether all changes are durable; `None` while that is not known.
    pub fn outcome(&self) -> Option<bool> {
        (self.outstanding.load(Ordering::SeqCst) == 0).then(|| !self.failed.load(Ordering::SeqCst))
    }
}
