//! The sums of what waits in queues: of all sessions, and of each account.
//!
//! Invariant: whoever changes a queue's bytes says here what they were before. What the sums bound
//! is decided where a message goes into a queue (`deliver`).

use std::sync::Arc;

use super::acl::Identity;
use super::session::Session;

/// Keeps the sums of queued bytes right; the session's queue had `before`. The house's do not
/// count: it has its own share.
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
