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
//! `owe` takes changes in, `settle` lets go what need not be written any more, `take` takes what
//! may be written, `record` makes bytes of it, `writer` writes them by `store`, `dump` is
//! everything anew, `restore` reads it all back. Damage costs as little as its record (`table`,
//! `salvage`), and what was there and is not any more is told (`mark`).
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

mod bell;
mod credit;
pub mod dump;
pub mod kept;
mod mark;
mod number;
mod owe;
mod receipt;
pub mod record;
pub mod restore;
mod salvage;
mod settle;
pub mod store;
mod table;
pub mod take;
pub mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::bell::Bell;
pub use self::number::{Finished, Owed};
pub use self::receipt::Receipt;
use self::record::{Record, Target};
use super::message::Message;

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
    pub bell: Arc<Bell>,
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

#[cfg(test)]
mod rig;
#[cfg(test)]
mod rot_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
