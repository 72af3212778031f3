//! The sums of queued bytes: of all sessions, and of each account.
//!
//! Invariant: code that changes a queue's bytes passes the value from before the change to
//! [`account_queued_bytes`]. `delivery` compares the sums with their bounds when a message is
//! queued.

use std::sync::Arc;

use super::acl::Identity;
use super::session::Session;

/// Corrects the sums of queued bytes; the session's queue had `before`. The gateway's own clients
/// are not counted, because their queues have limits of their own.
pub fn account_queued_bytes(
    all: &mut usize,
    per_account: &mut std::collections::BTreeMap<Arc<str>, usize>,
    session: &Session,
    before: usize,
) {
    if session.identity == Identity::Gateway || session.queue.bytes == before {
        return;
    }
    *all = *all + session.queue.bytes - before;
    let mine = per_account.entry(session.owner.clone()).or_default();
    *mine = *mine + session.queue.bytes - before;
    if *mine == 0 {
        per_account.remove(&session.owner);
    }
}
