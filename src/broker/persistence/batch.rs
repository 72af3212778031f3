//! Takes the changes that may be written now, in their order and within each owner's quota.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::log_number::LogNumber;
use super::record::PersistedChange;
use super::stored_message::to_stored;
use super::ticket::DurabilityTicket;
use super::{
    Change, FLUSH_COST_BYTES, PendingChange, PersistenceLog, QUOTA_BURST, QUOTA_PER_SECOND,
    RECORD_OVERHEAD_BYTES,
};
use crate::broker::core::acl::GATEWAY_ACCOUNT;
use crate::protocol::mqtt::{PacketId, QoS};

/// Most topics and subscriptions that are remembered as dirty while storage fails; beyond them
/// everything counts as dirty.
const DIRTY_ENTRIES_MAX: usize = 50_000;

/// The changes that one round of the writer writes.
#[derive(Debug, Default)]
pub struct WriteBatch {
    pub records: Vec<Vec<u8>>,
    pub tickets: Vec<Arc<DurabilityTicket>>,
    /// Deliveries (session, packet identifier) whose PUBREC is on disk after this batch.
    pub pubrec_persisted: Vec<(u64, PacketId)>,
    /// QoS 2 deliveries (session, packet identifier) that may begin after this batch.
    pub message_persisted: Vec<(u64, PacketId)>,
}

impl PersistenceLog {
    /// Takes the changes that may be written now, `passed` after the last call; `None` takes all,
    /// whatever the quotas say.
    pub fn take_batch(&mut self, passed: Option<Duration>, now: Instant, wall: u64) -> WriteBatch {
        let mut batch = WriteBatch::default();
        if let Some(passed) = passed {
            self.refill_quotas(passed);
        }
        // Ends of deliveries first: messages further on may use the same packet identifiers again.
        batch.records.extend(
            std::mem::take(&mut self.delivered)
                .into_iter()
                .map(|(session, ids)| PersistedChange::Delivered { session, ids }.encode()),
        );
        let numbers: Vec<LogNumber> = self.pending.keys().copied().collect();
        // The owners whose tickets asked for the flush share its cost.
        let mut flush_requesters: BTreeSet<Arc<str>> = BTreeSet::new();
        for number in numbers {
            let Some(entry) = self.pending.get(&number) else {
                continue;
            };
            if passed.is_some() && self.is_held_back(entry) {
                continue;
            }
            let Some(entry) = self.remove_pending(number) else {
                continue;
            };
            let (owner, free) = (entry.owner, is_free_of_charge(&entry.change));
            let record = match entry.change {
                Change::Record(record) => {
                    self.on_record_taken(number, &record);
                    record
                }
                Change::Message {
                    message,
                    targets,
                    inbound,
                } => {
                    batch.message_persisted.extend(
                        targets
                            .iter()
                            .filter(|t| t.qos == QoS::ExactlyOnce)
                            .map(|t| (t.session, t.id)),
                    );
                    PersistedChange::Queued {
                        sequence: number,
                        inbound,
                        message: to_stored(&message, now, wall),
                        targets,
                    }
                }
                Change::Retained { topic, message } => {
                    self.on_retained_taken(&topic, message.is_some());
                    match message {
                        Some(message) => PersistedChange::RetainedSet {
                            owner: owner.to_string(),
                            message: to_stored(&message, now, wall),
                        },
                        None => PersistedChange::RetainedRemoved(topic.into()),
                    }
                }
            };
            let bytes = record.encode();
            let cost = i64::try_from(bytes.len())
                .unwrap_or(i64::MAX)
                .saturating_add(RECORD_OVERHEAD_BYTES);
            // While storage fails nothing is written, so nothing is charged.
            if !free && !self.storage_failed {
                self.charge(owner.clone(), cost);
            }
            if !entry.tickets.is_empty() && !self.storage_failed {
                flush_requesters.insert(owner);
            }
            batch.records.push(bytes);
            batch.tickets.extend(entry.tickets);
            batch.pubrec_persisted.extend(entry.pubrel_after);
        }
        let share = FLUSH_COST_BYTES / i64::try_from(flush_requesters.len().max(1)).unwrap_or(1);
        for owner in flush_requesters {
            self.charge(owner, share);
        }
        batch
    }

    /// Gives every owner the bytes of the time that passed, up to a full quota.
    fn refill_quotas(&mut self, passed: Duration) {
        let fresh = i64::try_from(passed.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_mul(QUOTA_PER_SECOND)
            / 1000;
        self.quota_left
            .values_mut()
            .for_each(|left| *left = left.saturating_add(fresh));
        self.quota_left.retain(|_, left| *left < QUOTA_BURST);
    }

    /// True while a change waits because its owner has no quota left. An owner with any quota left
    /// may write; a large record is charged afterwards.
    fn is_held_back(&self, entry: &PendingChange) -> bool {
        !is_free_of_charge(&entry.change)
            && !entry.exempt_from_quota
            && &*entry.owner != GATEWAY_ACCOUNT
            && self
                .quota_left
                .get(&entry.owner)
                .is_some_and(|left| *left <= 0)
    }

    fn charge(&mut self, owner: Arc<str>, cost: i64) {
        let left = self.quota_left.entry(owner).or_insert(QUOTA_BURST);
        *left = left.saturating_sub(cost);
    }

    /// Notes what a record that is taken changes on disk.
    fn on_record_taken(&mut self, number: LogNumber, record: &PersistedChange) {
        match record {
            PersistedChange::Will(will) => {
                self.on_will_taken(will.session, number);
                self.wills_on_disk.insert(will.session);
            }
            PersistedChange::WillCleared(session) => {
                self.on_will_taken(*session, number);
                self.wills_on_disk.remove(session);
            }
            PersistedChange::Session(head) => {
                self.pending_headers.remove(&head.session);
                self.headers_on_disk.insert(head.session);
            }
            PersistedChange::SessionDeleted(session) => {
                self.headers_on_disk.remove(session);
            }
            PersistedChange::Subscribed {
                session, filter, ..
            }
            | PersistedChange::Unsubscribed { session, filter } => {
                self.dirty.1.insert((*session, filter.clone()));
            }
            _ => {}
        }
    }

    /// Notes what a taken change of a retained message changes on disk.
    fn on_retained_taken(&mut self, topic: &str, is_set: bool) {
        self.pending_topics.remove(topic);
        self.dirty.0.insert(topic.into());
        if is_set {
            self.topics_on_disk.insert(topic.into());
        } else {
            self.topics_on_disk.remove(topic);
        }
    }

    /// A change of a will is taken; a newer one may be pending already.
    fn on_will_taken(&mut self, session: u64, number: LogNumber) {
        if self.pending_wills.get(&session) == Some(&number) {
            self.pending_wills.remove(&session);
        }
    }

    /// The batch is on disk, or cannot be written (`storage_failed`). In the second case its topics
    /// and subscriptions stay dirty until a complete snapshot is written; beyond
    /// [`DIRTY_ENTRIES_MAX`] of them everything is dirty.
    pub fn batch_written(&mut self) {
        self.all_dirty = self.storage_failed
            && (self.all_dirty || self.dirty.0.len() + self.dirty.1.len() > DIRTY_ENTRIES_MAX);
        if !self.storage_failed || self.all_dirty {
            self.dirty = (BTreeSet::new(), BTreeSet::new());
        }
    }
}

/// True for PUBREC of a delivery: the publisher began that delivery, so its receiver is not
/// charged.
fn is_free_of_charge(change: &Change) -> bool {
    matches!(
        change,
        Change::Record(PersistedChange::PubRecReceived { .. })
    )
}
