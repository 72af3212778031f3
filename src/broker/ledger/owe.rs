//! What comes to be owed: messages, retained words, and the small changes of sessions.
//!
//! Invariants: a newer word of a topic, of a will or of a session's head takes the place of the one
//! before it; what is taken back before the card saw it need not be written.

use std::sync::Arc;

use super::number::Owed;
use super::receipt::Receipt;
use super::record::{Record, Target};
use super::{EACH_RECORD, Entry, Ledger, What};
use crate::broker::message::Message;

impl Ledger {
    fn owe(
        &mut self,
        number: Owed,
        owner: &Arc<str>,
        what: What,
        receipt: Option<&Arc<Receipt>>,
        then: Option<(u64, u16)>,
    ) {
        if let Some(receipt) = receipt {
            receipt.wait();
        }
        if receipt.is_some() || then.is_some() {
            self.bell.ring();
        }
        let size = match &what {
            What::Message { message, .. }
            | What::Retained {
                message: Some(message),
                ..
            } => message.size(),
            What::Note(Record::Will(will)) => will.message.payload.len() + will.message.topic.len(),
            _ => 0,
        };
        let cost = i64::try_from(size).unwrap_or(i64::MAX / 2) + EACH_RECORD;
        let waiting = self.counts.entry(owner.clone()).or_default();
        *waiting = (
            waiting.0 + usize::from(!matches!(what, What::Retained { .. })),
            waiting.1.saturating_add(cost),
        );
        let free = self.free;
        self.owed.insert(
            number,
            Entry {
                owner: owner.clone(),
                what,
                receipts: receipt.into_iter().cloned().collect(),
                then,
                cost,
                free,
            },
        );
    }

    /// A message for sessions, under a number that [`Ledger::number`] gave.
    /// `inbound` as in [`Record::Queue`]. `soon` = somebody waits for it to be on disk, if only the
    /// one who is to be sent it.
    pub fn message(
        &mut self,
        (number, owner): (Owed, &Arc<str>),
        message: Arc<Message>,
        targets: Vec<Target>,
        inbound: (u64, u16),
        soon: bool,
        receipt: Option<&Arc<Receipt>>,
    ) {
        if soon {
            self.bell.ring();
        }
        // It was taken against the budget: it never waits for a debt while others wait behind it.
        let free = soon && targets.iter().any(|t| t.qos == 2);
        self.owe(
            number,
            owner,
            What::Message {
                message,
                targets,
                inbound,
            },
            receipt,
            None,
        );
        if let Some(entry) = self.owed.get_mut(&number) {
            entry.free |= free;
        }
    }

    /// The newest word of a topic.
    pub fn retained(
        &mut self,
        owner: &Arc<str>,
        topic: &str,
        message: Option<Arc<Message>>,
        receipt: Option<&Arc<Receipt>>,
    ) {
        let known = self.topics.get(topic).copied();
        if message.is_none()
            && !self.on_disk.contains(topic)
            && !self.unsure.0.contains(topic)
            && !self.unsure_of_all
        {
            if let Some(number) = known {
                self.topics.remove(topic);
                self.settle(number, true);
            }
            return;
        }
        let number = known.unwrap_or_else(|| self.number());
        // It keeps its place in the row: a topic that chatters does not starve itself or others.
        let old = self.take_out(number);
        // Who can have it written now decides when: another's debt does not hold it up.
        let owner = match &old {
            Some(e) if self.budget.get(owner).is_some_and(|left| *left <= 0) => e.owner.clone(),
            _ => owner.clone(),
        };
        let mut receipts = old.map(|e| e.receipts).unwrap_or_default();
        let owner = &owner;
        self.owe(
            number,
            owner,
            What::Retained {
                topic: topic.into(),
                message,
            },
            receipt,
            None,
        );
        self.topics.insert(topic.into(), number);
        if let Some(entry) = self.owed.get_mut(&number) {
            entry.receipts.append(&mut receipts);
        }
    }

    /// A small change of a session.
    pub fn note(&mut self, owner: &Arc<str>, record: Record, receipt: Option<&Arc<Receipt>>) {
        let number = self.number();
        match &record {
            Record::Will(will) => self.replace_will(will.session, number),
            Record::WillOver(session) => {
                self.replace_will(*session, number);
                if !self.wills_on_disk.contains(session) {
                    self.wills.remove(session);
                    return;
                }
            }
            Record::Over(session) => {
                self.forget(*session);
                if !self.heads_on_disk.contains(session) {
                    return;
                }
            }
            Record::InboundOver { session, id } => {
                // Taken and released before the card saw either: neither need be written.
                let same = |e: &Entry| {
                    e.receipts.is_empty()
                        && matches!(&e.what, What::Note(Record::Inbound { session: s, id: i }) if s == session && i == id)
                };
                if receipt.is_none()
                    && let Some(old) = self
                        .owed
                        .iter()
                        .rev()
                        .find(|(_, e)| same(e))
                        .map(|(n, _)| *n)
                {
                    return self.settle(old, true);
                }
            }
            Record::Session(head) => {
                if let Some(Entry {
                    what: What::Note(old),
                    ..
                }) = self
                    .heads
                    .get(&head.session)
                    .and_then(|n| self.owed.get_mut(n))
                {
                    *old = record;
                    return;
                }
                self.heads.insert(head.session, number);
            }
            _ => {}
        }
        self.owe(number, owner, What::Note(record), receipt, None);
    }

    /// The newest word about a session's will is `number`; the one before it need not be written,
    /// unless a message goes with it.
    fn replace_will(&mut self, session: u64, number: Owed) {
        if let Some(old) = self.wills.insert(session, number)
            && !self.owed.get(&old).is_some_and(|e| e.free)
        {
            self.settle(old, true);
        }
    }

    /// Somebody else waits for the end of a subscription that waits to be written; false = none
    /// does.
    pub fn also_unfilter(&mut self, session: u64, filter: &str, receipt: &Arc<Receipt>) -> bool {
        let same = |e: &&mut Entry| matches!(&e.what, What::Note(Record::Unfilter { session: s, filter: f }) if *s == session && f == filter);
        let Some(entry) = self.owed.values_mut().find(same) else {
            return false;
        };
        receipt.wait();
        entry.receipts.push(receipt.clone());
        self.bell.ring();
        true
    }

    /// PUBREC came for a delivery: PUBREL may go when that is on disk.
    pub fn released(
        &mut self,
        owner: &Arc<str>,
        session: u64,
        id: u16,
        owed: Option<Owed>,
    ) -> Owed {
        if let Some(owed) = owed {
            self.without(owed, session);
        }
        let number = self.number();
        self.owe(
            number,
            owner,
            What::Note(Record::Released { session, id }),
            None,
            Some((session, id)),
        );
        number
    }
}
