//! The quota that an owner has left, and the topics and subscriptions of which the disk may not
//! have the newest change.

use super::record::PersistedChange;
use super::{Change, PENDING_MAX, PendingChange, PersistenceLog, QUOTA_BURST};
use crate::broker::core::acl::GATEWAY_ACCOUNT;
use crate::protocol::broker::DurabilityClass;
use crate::protocol::mqtt::QoS;

impl PersistenceLog {
    /// True while an owner has so many pending changes that further ones must wait.
    pub fn over_quota(&self, owner: &str) -> bool {
        owner != GATEWAY_ACCOUNT
            && self
                .pending_by_owner
                .get(owner)
                .is_some_and(|(n, _)| *n >= PENDING_MAX)
    }

    /// True when an owner has exceeded its quota so far that it may not even leave a will at
    /// CONNECT: a will is written whatever the quota says.
    pub fn over_hard_limit(&self, owner: &str) -> bool {
        owner != GATEWAY_ACCOUNT
            && self
                .quota_left
                .get(owner)
                .is_some_and(|left| *left < -QUOTA_BURST)
    }

    /// True when a message of that class cannot be accepted: its owner has too many pending
    /// changes, or no quota is left for a QoS 2 message of a durable topic, which is not sent
    /// before it is written.
    pub fn rejects(&self, owner: &str, class: DurabilityClass, qos: QoS) -> bool {
        let over_budget = || {
            // The pending changes before it are charged first.
            let waiting = self
                .pending_by_owner
                .get(owner)
                .map_or(0, |(_, bytes)| *bytes);
            owner != GATEWAY_ACCOUNT
                && self.quota_left.get(owner).copied().unwrap_or(QUOTA_BURST) <= waiting
        };
        match class {
            DurabilityClass::Memory => false,
            DurabilityClass::Durable => {
                self.over_quota(owner) || qos == QoS::ExactlyOnce && over_budget()
            }
            DurabilityClass::Batched => self.over_quota(owner),
        }
    }

    /// True when the disk may not have the newest retained message of a topic.
    pub fn is_dirty(&self, topic: &str) -> bool {
        self.all_dirty || self.pending_topics.contains_key(topic) || self.dirty.0.contains(topic)
    }

    /// True when the disk may not have the newest change of a subscription.
    pub fn is_filter_dirty(&self, session: u64, filter: &str) -> bool {
        let about = |e: &PendingChange| match &e.change {
            Change::Record(
                PersistedChange::Subscribed {
                    session: s,
                    filter: f,
                    ..
                }
                | PersistedChange::Unsubscribed {
                    session: s,
                    filter: f,
                },
            ) => *s == session && f == filter,
            _ => false,
        };
        self.all_dirty
            || self.dirty.1.contains(&(session, filter.to_owned()))
            || self.pending.values().any(about)
    }
}
