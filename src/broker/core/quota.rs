//! The bytes that wait in the queues of all sessions, and of each account.
//!
//! Invariant: the sums are those of the queues at every moment. A session's queue is changed only
//! through `Session::with_queue`, which reports the change here, and a session that ends empties
//! its queue first.
//!
//! The gateway's own clients are not counted: their queues have limits of their own, and no
//! device's messages make them lose one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::acl::Identity;

/// The part of all queued bytes that one account may have: one of so many.
const ACCOUNT_SHARE: usize = 8;

/// The sums of queued bytes and their bound.
#[derive(Debug)]
pub struct QueueQuota {
    bytes_max: usize,
    bytes: usize,
    bytes_by_account: BTreeMap<Arc<str>, usize>,
}

impl QueueQuota {
    /// All accounts together may have `bytes_max` queued, and one of them an eighth of that.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            bytes_by_account: BTreeMap::new(),
        }
    }

    /// The sum over all accounts.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True when so many more bytes may be queued for an account.
    pub fn has_room(&self, owner: &str, bytes: usize) -> bool {
        let mine = self.bytes_by_account.get(owner).copied().unwrap_or(0);
        self.bytes + bytes <= self.bytes_max && mine + bytes <= self.bytes_max / ACCOUNT_SHARE
    }

    /// A queue of that session changed from `before` bytes to `after`.
    pub(super) fn queue_changed(
        &mut self,
        who: &Identity,
        owner: &Arc<str>,
        before: usize,
        after: usize,
    ) {
        if *who == Identity::Gateway || before == after {
            return;
        }
        self.bytes = self.bytes + after - before;
        let mine = self.bytes_by_account.entry(owner.clone()).or_default();
        *mine = *mine + after - before;
        if *mine == 0 {
            self.bytes_by_account.remove(owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_may_have_an_eighth_and_the_gateway_is_not_counted() {
        let who = |name: &str| (Identity::Account(name.into()), Arc::<str>::from(name));
        let mut quota = QueueQuota::new(800);
        let (lamp, lamp_owner) = who("den-01");
        quota.queue_changed(&lamp, &lamp_owner, 0, 90);
        assert!(quota.has_room("den-01", 10) && !quota.has_room("den-01", 11));
        for n in 0..7 {
            let (other, owner) = who(&format!("cb-{n}"));
            quota.queue_changed(&other, &owner, 0, 100);
        }
        quota.queue_changed(&Identity::Gateway, &"gateway".into(), 0, 1_000);
        assert_eq!(quota.bytes(), 790);
        assert!(quota.has_room("den-02", 10) && !quota.has_room("den-02", 11));
        quota.queue_changed(&lamp, &lamp_owner, 90, 0);
        assert!(quota.has_room("den-02", 100), "what was sent makes room");
    }
}
