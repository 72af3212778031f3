//! What the card is owed: changes of retained messages, sessions, queues and wills that are not on
//! disk yet.
//!
//! Invariants: the newest word of a topic or will is written, not its history; a message that all
//! who are to have it have already is not written at all; who waits for the card (`Receipt`) waits
//! for exactly what concerns it; each owner has a budget (the card is everybody's), the house has
//! none. The changes of one owner are written in their order, but: what is over goes first (its
//! packet ids may be used again behind it), that PUBREC came, wills and durable QoS 2 messages that
//! were taken go though their owner is in debt (the first says less, the second both its parts at
//! once, others would wait behind the third), and a retained word takes the place of the one before
//! it (only the newest counts).
//! What acts when: `BURST` and `EACH_SECOND` are an account's bytes (below zero it is not written
//! until it has paid; QoS 2 of a durable topic is refused meanwhile, because it must be written
//! before it is sent), `WAITING` its changes in the row (beyond it publishes and new kept sessions
//! are refused); `writer` has the card's own share and how long writes wait for company.
//! `take` takes what may be written, `record` makes bytes of it, `writer` writes them by `store`,
//! `restore` reads it all back. Damage costs as little as its record (`table`, `salvage`), and what
//! was there and is not any more is told (`mark`).
//!
//! ```text
//! PUBLISH ─ Core::publish ─┬─ Queue: waiting (with its id) ─ flying: Sent ─PUBREC→ Recording ─recorded→ Released ─PUBCOMP→ Finished
//!                          │      ↑ stored: durable QoS 2 begins only now
//!                          └─ Ledger: owed[number] Message{targets, inbound}
//!                               ├ all targets are finished: settled, never written
//!                               └ take → Batch{records, receipts, stored, recorded} ─sync→ Receipt::settle, Core::settled
//! on disk, what ends what: Queue ⟵ Acked, Released   Inbound ⟵ InboundOver   Will ⟵ WillOver   Put ⟵ Remove
//!                          Filter ⟵ Unfilter   all of a session but its will ⟵ Over   all before it ⟵ Dump…End
//! ```

mod credit;
mod mark;
mod receipt;
pub mod record;
pub mod restore;
mod salvage;
pub mod store;
mod table;
mod take;
pub mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

pub use self::receipt::Receipt;
use self::record::{Kept, Record, Target};
pub use self::take::Batch;
use super::message::Message;
use super::queue::{Finished, Owed};

/// Bytes that one owner may have written at once,
const BURST: i64 = 2 << 20;
/// and then in a second: 44 MB a day.
const EACH_SECOND: i64 = 512;
/// What a flush costs those who asked for it.
const EACH_FLUSH: i64 = 4_096;
/// Changes of one owner that may wait.
const WAITING: usize = 2_000;
/// What a record costs beside its bytes.
const EACH_RECORD: i64 = 128;

/// What is to be written.
#[derive(Debug)]
enum What {
    Note(Record),
    Message {
        message: Arc<Message>,
        targets: Vec<Target>,
        inbound: (u64, u16),
    },
    /// The newest word of a topic; none = it is gone.
    Retained {
        topic: Box<str>,
        message: Option<Arc<Message>>,
    },
}

#[derive(Debug)]
struct Entry {
    owner: Arc<str>,
    what: What,
    receipts: Vec<Arc<Receipt>>,
    /// When it is written, PUBREL of this delivery may go.
    then: Option<(u64, u16)>,
    /// Bytes that it will cost, about.
    cost: i64,
    /// It is written though its owner is in debt.
    free: bool,
}

/// The debts.
#[derive(Debug, Default)]
pub struct Ledger {
    next: Owed,
    owed: BTreeMap<Owed, Entry>,
    /// Topics with a change that waits.
    topics: BTreeMap<Box<str>, Owed>,
    /// Wills that wait, by session.
    wills: BTreeMap<u64, Owed>,
    /// Heads of sessions that wait, by session.
    heads: BTreeMap<u64, Owed>,
    /// Topics that the disk has a message of: what it never had need not be removed from it.
    on_disk: BTreeSet<Box<str>>,
    /// Sessions whose will the disk has.
    wills_on_disk: BTreeSet<u64>,
    /// Sessions whose head the disk has: the end of others need not be written.
    heads_on_disk: BTreeSet<u64>,
    /// Topics and filters that are being written now, or could not be written since the card
    /// failed.
    unsure: (BTreeSet<Box<str>>, BTreeSet<(u64, String)>),
    /// Nothing is known of what stands on the card, or too much is unsure: everything counts as
    /// unsure.
    unsure_of_all: bool,
    acked: BTreeMap<u64, Vec<u16>>,
    /// Bytes that each owner may still write (below 0: it pays for a large one); who is not in it
    /// may write [`BURST`].
    budget: BTreeMap<Arc<str>, i64>,
    /// Changes that wait, of each owner (retained messages have bounds of their own), and about
    /// what all that waits will cost.
    counts: BTreeMap<Arc<str>, (usize, i64)>,
    /// What is owed now is written though its owner is in debt: a will and that it was said.
    pub free: bool,
    /// What stands on disk is to be written anew, whole.
    pub whole: bool,
    /// The card does not take anything now.
    pub fails: bool,
    /// Rings when somebody waits for the card.
    pub bell: Arc<writer::Bell>,
}

fn kept(m: &Message, now: Instant, wall: u64) -> Kept {
    let left = m.expires.map(|at| {
        (
            u32::try_from(at.saturating_duration_since(now).as_secs()).unwrap_or(u32::MAX),
            wall,
        )
    });
    Kept {
        topic: m.topic.to_string(),
        payload: m.payload.to_vec(),
        qos: m.qos,
        retain: m.retain,
        forward: m.forward.clone(),
        left,
    }
}

impl Ledger {
    /// The number of the next change.
    pub fn number(&mut self) -> Owed {
        self.next += 1;
        self.next
    }

    /// Goes on behind `last`; the rest as [`Ledger::dumped`].
    pub fn resume(
        &mut self,
        last: Owed,
        topics: impl Iterator<Item = Box<str>>,
        wills: impl Iterator<Item = u64>,
        heads: impl Iterator<Item = u64>,
    ) {
        self.next = last;
        self.dumped(topics, wills, heads);
    }

    /// The card could not be read: until the broker begins anew, nothing is known of what stands on
    /// it.
    pub const fn go_blind(&mut self) {
        (self.fails, self.unsure_of_all) = (true, true);
    }

    fn take_out(&mut self, number: Owed) -> Option<Entry> {
        let entry = self.owed.remove(&number)?;
        if let Some((count, bytes)) = self.counts.get_mut(&entry.owner) {
            *count -= usize::from(!matches!(entry.what, What::Retained { .. }));
            *bytes -= entry.cost;
            if *count == 0 && *bytes == 0 {
                self.counts.remove(&entry.owner);
            }
        }
        Some(entry)
    }

    /// Changes that wait.
    pub fn len(&self) -> usize {
        self.owed.len() + self.acked.len()
    }

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

    /// A delivery is over.
    pub fn finished(&mut self, session: u64, done: Finished) {
        let Some(owed) = done.owed else { return };
        if !self.without(owed, session) {
            self.acked.entry(session).or_default().push(done.id);
        }
    }

    /// Another session gets a message that waits under `number`; false = it does not wait any more.
    pub fn also(&mut self, number: Owed, target: &Target) -> bool {
        match self.owed.get_mut(&number) {
            Some(Entry {
                what: What::Message { targets, .. },
                ..
            }) => {
                targets.push(target.clone());
                true
            }
            _ => false,
        }
    }

    /// True while a message waits under `number`.
    pub fn holds(&self, number: Owed) -> bool {
        matches!(
            self.owed.get(&number),
            Some(Entry {
                what: What::Message { .. },
                ..
            })
        )
    }

    /// Takes a session out of a message that waits; true = it was there, so the disk need not hear
    /// of it.
    fn without(&mut self, owed: Owed, session: u64) -> bool {
        let Some(Entry { what, .. }) = self.owed.get_mut(&owed) else {
            return false;
        };
        let What::Message {
            targets, inbound, ..
        } = what
        else {
            return false;
        };
        let before = targets.len();
        targets.retain(|t| t.session != session);
        let was = targets.len() < before;
        if targets.is_empty() {
            // All who are to have it have it.
            match *inbound {
                (0, _) => self.settle(owed, true),
                (session, id) => *what = What::Note(Record::Inbound { session, id }),
            }
        }
        was
    }

    fn settle(&mut self, number: Owed, safe: bool) {
        if let Some(entry) = self.take_out(number) {
            entry.receipts.iter().for_each(|r| r.settle(safe));
        }
    }

    /// What waits about a session that is over concerns nobody any more.
    fn forget(&mut self, session: u64) {
        let about = |e: &Entry| match &e.what {
            What::Note(Record::Session(h)) => h.session == session,
            What::Note(
                Record::Filter { session: s, .. }
                | Record::Unfilter { session: s, .. }
                | Record::Inbound { session: s, .. }
                | Record::InboundOver { session: s, .. }
                | Record::Released { session: s, .. },
            ) => *s == session,
            _ => false,
        };
        let gone: Vec<Owed> = self
            .owed
            .iter()
            .filter(|(_, e)| about(e))
            .map(|(n, _)| *n)
            .collect();
        for number in gone {
            self.settle(number, true);
        }
        let waiting: Vec<Owed> = self.owed.iter().filter(|(_, e)| matches!(&e.what, What::Message { targets, .. } if targets.iter().any(|t| t.session == session))).map(|(n, _)| *n).collect();
        for number in waiting {
            self.without(number, session);
        }
        self.acked.remove(&session);
        self.heads.remove(&session);
    }

    /// A dump of everything is about to be on disk: from now on these topics, wills and sessions
    /// must be removed there too.
    pub fn dumped(
        &mut self,
        topics: impl Iterator<Item = Box<str>>,
        wills: impl Iterator<Item = u64>,
        heads: impl Iterator<Item = u64>,
    ) {
        self.on_disk = topics.collect();
        self.wills_on_disk = wills.collect();
        self.heads_on_disk = heads.collect();
    }
}

/// A retained message as a record of a dump.
pub fn put(owner: &str, message: &Message, now: Instant, wall: u64) -> Record {
    Record::Put {
        owner: owner.to_owned(),
        message: kept(message, now, wall),
    }
}

/// A queued message as a record of a dump.
pub fn queued(
    order: u64,
    message: &Message,
    targets: Vec<Target>,
    now: Instant,
    wall: u64,
) -> Record {
    Record::Queue {
        order,
        inbound: (0, 0),
        message: kept(message, now, wall),
        targets,
    }
}

/// A will as a record.
pub fn message_of(message: &Message, now: Instant, wall: u64) -> Kept {
    kept(message, now, wall)
}

#[cfg(test)]
mod rot_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
