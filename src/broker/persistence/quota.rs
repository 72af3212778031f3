//! What an owner may still ask of the card, and what the disk may not have yet.

use super::record::PersistedChange;
use super::{Change, PENDING_MAX, PendingChange, PersistenceLog, QUOTA_BURST};
use crate::broker::acl::GATEWAY_ACCOUNT;
use crate::protocol::broker::DurabilityClass;

impl PersistenceLog {
    /// True while an owner has so many changes waiting that it must wait itself.
    pub fn over_quota(&self, owner: &str) -> bool {
        owner != GATEWAY_ACCOUNT
            && self
                .pending_by_owner
                .get(owner)
                .is_some_and(|(n, _)| *n >= PENDING_MAX)
    }

    /// True when an owner owes so much that it may not even leave a will, which would be written
    /// all the same.
    pub fn over_hard_limit(&self, owner: &str) -> bool {
        owner != GATEWAY_ACCOUNT
            && self
                .quota_left
                .get(owner)
                .is_some_and(|left| *left < -QUOTA_BURST)
    }

    /// True when a message of that class cannot be taken: too much waits, or (QoS 2, which is not
    /// sent before it is written) nothing of this owner is written for now.
    pub fn rejects(&self, owner: &str, class: DurabilityClass, qos: u8) -> bool {
        // What waits before it is paid first.
        let waiting = self
            .pending_by_owner
            .get(owner)
            .map_or(0, |(_, bytes)| *bytes);
        let over_budget = || {
            owner != GATEWAY_ACCOUNT
                && self.quota_left.get(owner).copied().unwrap_or(QUOTA_BURST) <= waiting
        };
        match class {
            DurabilityClass::Memory => false,
            DurabilityClass::Durable => self.over_quota(owner) || qos == 2 && over_budget(),
            DurabilityClass::Batched => self.over_quota(owner),
        }
    }

    /// True when the disk may not have the last word of a topic.
    pub fn is_dirty(&self, topic: &str) -> bool {
        self.all_dirty || self.pending_topics.contains_key(topic) || self.dirty.0.contains(topic)
    }

    /// True when the disk may not have the last word about a subscription.
    pub fn is_filter_dirty(&self, session: u64, filter: &str) -> bool {
        let about = |e: &PendingChange| matches!(&e.change, Change::Record(PersistedChange::Subscribed { session: s, filter: f, .. } | PersistedChange::Unsubscribed { session: s, filter: f }) if *s == session && f == filter);
        self.all_dirty
            || self.dirty.1.contains(&(session, filter.to_owned()))
            || self.pending.values().any(about)
    }
}
