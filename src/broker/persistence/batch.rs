//! What may be written now, in its order and within each owner's budget.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::log_number::LogNumber;
use super::record::PersistedChange;
use super::stored_message::to_stored;
use super::ticket::DurabilityTicket;
use super::{
    Change, FLUSH_COST_BYTES, PersistenceLog, QUOTA_BURST, QUOTA_PER_SECOND, RECORD_OVERHEAD_BYTES,
};
use crate::broker::acl::GATEWAY_ACCOUNT;

/// Topics and filters that are remembered as unsure while the card fails; beyond them all are.
const DIRTY_ENTRIES_MAX: usize = 50_000;

/// What the writer takes at once.
#[derive(Debug, Default)]
pub struct WriteBatch {
    pub records: Vec<Vec<u8>>,
    pub tickets: Vec<Arc<DurabilityTicket>>,
    /// Deliveries (session, packet id) whose PUBREC is safe now.
    pub pubrec_persisted: Vec<(u64, u16)>,
    /// QoS 2 deliveries (session, packet id) that may begin now.
    pub message_persisted: Vec<(u64, u16)>,
}

impl PersistenceLog {
    /// What may be written now, `passed` after the last call; none passed = everything goes.
    pub fn take_batch(&mut self, passed: Option<Duration>, now: Instant, wall: u64) -> WriteBatch {
        let mut batch = WriteBatch::default();
        if let Some(passed) = passed {
            let fresh = i64::try_from(passed.as_millis())
                .unwrap_or(i64::MAX)
                .saturating_mul(QUOTA_PER_SECOND)
                / 1000;
            self.quota_left
                .values_mut()
                .for_each(|left| *left = left.saturating_add(fresh));
            self.quota_left.retain(|_, left| *left < QUOTA_BURST);
        }
        // First what is over: its packet ids may be those of messages further on.
        batch.records.extend(
            std::mem::take(&mut self.delivered)
                .into_iter()
                .map(|(session, ids)| PersistedChange::Delivered { session, ids }.encode()),
        );
        let numbers: Vec<LogNumber> = self.pending.keys().copied().collect();
        // Those for whom the card was flushed share what a flush costs.
        let mut flush_requesters: BTreeSet<Arc<str>> = BTreeSet::new();
        for number in numbers {
            let Some(entry) = self.pending.get(&number) else {
                continue;
            };
            // Who has anything left may write; a large record is paid for afterwards.
            // What another began (PUBREL of a delivery) costs the receiver nothing.
            let (owner, free) = (
                entry.owner.clone(),
                matches!(
                    entry.change,
                    Change::Record(PersistedChange::PubRecReceived { .. })
                ),
            );
            if passed.is_some()
                && !free
                && !entry.exempt_from_quota
                && &*owner != GATEWAY_ACCOUNT
                && self.quota_left.get(&owner).is_some_and(|left| *left <= 0)
            {
                continue;
            }
            let Some(entry) = self.remove_pending(number) else {
                continue;
            };
            let record = match entry.change {
                Change::Record(record) => {
                    match &record {
                        PersistedChange::Will(will) => {
                            self.will_taken(will.session, number);
                            self.wills_on_disk.insert(will.session);
                        }
                        PersistedChange::WillCleared(session) => {
                            self.will_taken(*session, number);
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
                            .filter(|t| t.qos == 2)
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
                    self.pending_topics.remove(&topic);
                    self.dirty.0.insert(topic.clone());
                    match message {
                        Some(message) => {
                            self.topics_on_disk.insert(topic);
                            PersistedChange::RetainedSet {
                                owner: owner.to_string(),
                                message: to_stored(&message, now, wall),
                            }
                        }
                        None => {
                            self.topics_on_disk.remove(&topic);
                            PersistedChange::RetainedRemoved(topic.into())
                        }
                    }
                }
            };
            let bytes = record.encode();
            let cost = i64::try_from(bytes.len())
                .unwrap_or(i64::MAX)
                .saturating_add(RECORD_OVERHEAD_BYTES);
            // A card that takes nothing costs nothing.
            if !free && !self.storage_failed {
                let left = self.quota_left.entry(owner.clone()).or_insert(QUOTA_BURST);
                *left = left.saturating_sub(cost);
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
            let left = self.quota_left.entry(owner).or_insert(QUOTA_BURST);
            *left = left.saturating_sub(share);
        }
        batch
    }

    /// A word about a will is taken; a newer one may wait already.
    fn will_taken(&mut self, session: u64, number: LogNumber) {
        if self.pending_wills.get(&session) == Some(&number) {
            self.pending_wills.remove(&session);
        }
    }

    /// What was taken is on disk, or cannot be (`fails`): then it stays unsure until everything is
    /// written whole; beyond [`UNSURE_MAX`] everything is.
    pub fn batch_written(&mut self) {
        self.all_dirty = self.storage_failed
            && (self.all_dirty || self.dirty.0.len() + self.dirty.1.len() > DIRTY_ENTRIES_MAX);
        if !self.storage_failed || self.all_dirty {
            self.dirty = (BTreeSet::new(), BTreeSet::new());
        }
    }
}
