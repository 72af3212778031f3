//! What may be written now, in its order and within each owner's budget.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::kept::kept;
use super::number::Owed;
use super::receipt::Receipt;
use super::record::Record;
use super::{BURST, EACH_FLUSH, EACH_RECORD, EACH_SECOND, Ledger, What};
use crate::broker::access::HOUSE;

/// Topics and filters that are remembered as unsure while the card fails; beyond them all are.
const UNSURE_MAX: usize = 50_000;

/// What the writer takes at once.
#[derive(Debug, Default)]
pub struct Batch {
    pub records: Vec<Vec<u8>>,
    pub receipts: Vec<Arc<Receipt>>,
    /// Deliveries (session, packet id) whose PUBREC is safe now.
    pub recorded: Vec<(u64, u16)>,
    /// QoS 2 deliveries (session, packet id) that may begin now.
    pub stored: Vec<(u64, u16)>,
}

impl Ledger {
    /// What may be written now, `passed` after the last call; none passed = everything goes.
    pub fn take(&mut self, passed: Option<Duration>, now: Instant, wall: u64) -> Batch {
        let mut batch = Batch::default();
        if let Some(passed) = passed {
            let fresh = i64::try_from(passed.as_millis())
                .unwrap_or(i64::MAX)
                .saturating_mul(EACH_SECOND)
                / 1000;
            self.budget
                .values_mut()
                .for_each(|left| *left = left.saturating_add(fresh));
            self.budget.retain(|_, left| *left < BURST);
        }
        // First what is over: its packet ids may be those of messages further on.
        batch.records.extend(
            std::mem::take(&mut self.acked)
                .into_iter()
                .map(|(session, ids)| Record::Acked { session, ids }.encode()),
        );
        let numbers: Vec<Owed> = self.owed.keys().copied().collect();
        // Those for whom the card was flushed share what a flush costs.
        let mut rang: BTreeSet<Arc<str>> = BTreeSet::new();
        for number in numbers {
            let Some(entry) = self.owed.get(&number) else {
                continue;
            };
            // Who has anything left may write; a large record is paid for afterwards.
            // What another began (PUBREL of a delivery) costs the receiver nothing.
            let (owner, free) = (
                entry.owner.clone(),
                matches!(entry.what, What::Note(Record::Released { .. })),
            );
            if passed.is_some()
                && !free
                && !entry.free
                && &*owner != HOUSE
                && self.budget.get(&owner).is_some_and(|left| *left <= 0)
            {
                continue;
            }
            let Some(entry) = self.take_out(number) else {
                continue;
            };
            let record = match entry.what {
                What::Note(record) => {
                    match &record {
                        Record::Will(will) => {
                            self.taken_will(will.session, number);
                            self.wills_on_disk.insert(will.session);
                        }
                        Record::WillOver(session) => {
                            self.taken_will(*session, number);
                            self.wills_on_disk.remove(session);
                        }
                        Record::Session(head) => {
                            self.heads.remove(&head.session);
                            self.heads_on_disk.insert(head.session);
                        }
                        Record::Over(session) => drop(self.heads_on_disk.remove(session)),
                        Record::Filter {
                            session, filter, ..
                        }
                        | Record::Unfilter { session, filter } => {
                            self.unsure.1.insert((*session, filter.clone()));
                        }
                        _ => {}
                    }
                    record
                }
                What::Message {
                    message,
                    targets,
                    inbound,
                } => {
                    batch.stored.extend(
                        targets
                            .iter()
                            .filter(|t| t.qos == 2)
                            .map(|t| (t.session, t.id)),
                    );
                    Record::Queue {
                        order: number,
                        inbound,
                        message: kept(&message, now, wall),
                        targets,
                    }
                }
                What::Retained { topic, message } => {
                    self.topics.remove(&topic);
                    self.unsure.0.insert(topic.clone());
                    match message {
                        Some(message) => {
                            self.on_disk.insert(topic);
                            Record::Put {
                                owner: owner.to_string(),
                                message: kept(&message, now, wall),
                            }
                        }
                        None => {
                            self.on_disk.remove(&topic);
                            Record::Remove(topic.into())
                        }
                    }
                }
            };
            let bytes = record.encode();
            let cost = i64::try_from(bytes.len())
                .unwrap_or(i64::MAX)
                .saturating_add(EACH_RECORD);
            // A card that takes nothing costs nothing.
            if !free && !self.fails {
                let left = self.budget.entry(owner.clone()).or_insert(BURST);
                *left = left.saturating_sub(cost);
            }
            if !entry.receipts.is_empty() && !self.fails {
                rang.insert(owner);
            }
            batch.records.push(bytes);
            batch.receipts.extend(entry.receipts);
            batch.recorded.extend(entry.then);
        }
        let share = EACH_FLUSH / i64::try_from(rang.len().max(1)).unwrap_or(1);
        for owner in rang {
            let left = self.budget.entry(owner).or_insert(BURST);
            *left = left.saturating_sub(share);
        }
        batch
    }

    /// A word about a will is taken; a newer one may wait already.
    fn taken_will(&mut self, session: u64, number: Owed) {
        if self.wills.get(&session) == Some(&number) {
            self.wills.remove(&session);
        }
    }

    /// What was taken is on disk, or cannot be (`fails`): then it stays unsure until everything is
    /// written whole; beyond [`UNSURE_MAX`] everything is.
    pub fn written(&mut self) {
        self.unsure_of_all = self.fails
            && (self.unsure_of_all || self.unsure.0.len() + self.unsure.1.len() > UNSURE_MAX);
        if !self.fails || self.unsure_of_all {
            self.unsure = (BTreeSet::new(), BTreeSet::new());
        }
    }
}
