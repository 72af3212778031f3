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

pub mod batch;
mod checksum_table;
mod completion;
mod enqueue;
mod log_number;
mod quota;
pub mod record;
pub mod restore;
mod salvage;
pub mod snapshot;
pub mod store;
pub mod stored_message;
mod ticket;
mod watermark;
pub mod writer;
mod writer_wakeup;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use self::log_number::{Finished, LogNumber};
use self::record::{PersistedChange, Target};
pub use self::ticket::DurabilityTicket;
use self::writer_wakeup::WriterWakeup;
use super::message::Message;

/// Bytes that one owner may have written at once,
const QUOTA_BURST: i64 = 2 << 20;
/// and then in a second: 44 MB a day.
const QUOTA_PER_SECOND: i64 = 512;
/// What a flush costs those who asked for it.
const FLUSH_COST_BYTES: i64 = 4_096;
/// Changes of one owner that may wait.
const PENDING_MAX: usize = 2_000;
/// What a record costs beside its bytes.
const RECORD_OVERHEAD_BYTES: i64 = 128;

/// What is to be written.
#[derive(Debug)]
enum Change {
    Record(PersistedChange),
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
struct PendingChange {
    owner: Arc<str>,
    change: Change,
    tickets: Vec<Arc<DurabilityTicket>>,
    /// When it is written, PUBREL of this delivery may go.
    pubrel_after: Option<(u64, u16)>,
    /// Bytes that it will cost, about.
    cost: i64,
    /// It is written though its owner is in debt.
    exempt_from_quota: bool,
}

/// The debts.
#[derive(Debug, Default)]
pub struct PersistenceLog {
    last_number: LogNumber,
    pending: BTreeMap<LogNumber, PendingChange>,
    /// Topics with a change that waits.
    pending_topics: BTreeMap<Box<str>, LogNumber>,
    /// Wills that wait, by session.
    pending_wills: BTreeMap<u64, LogNumber>,
    /// Heads of sessions that wait, by session.
    pending_headers: BTreeMap<u64, LogNumber>,
    /// Topics that the disk has a message of: what it never had need not be removed from it.
    topics_on_disk: BTreeSet<Box<str>>,
    /// Sessions whose will the disk has.
    wills_on_disk: BTreeSet<u64>,
    /// Sessions whose head the disk has: the end of others need not be written.
    headers_on_disk: BTreeSet<u64>,
    /// Topics and filters that are being written now, or could not be written since the card
    /// failed.
    dirty: (BTreeSet<Box<str>>, BTreeSet<(u64, String)>),
    /// Nothing is known of what stands on the card, or too much is unsure: everything counts as
    /// unsure.
    all_dirty: bool,
    delivered: BTreeMap<u64, Vec<u16>>,
    /// Bytes that each owner may still write (below 0: it pays for a large one); who is not in it
    /// may write [`BURST`].
    quota_left: BTreeMap<Arc<str>, i64>,
    /// Changes that wait, of each owner (retained messages have bounds of their own), and about
    /// what all that waits will cost.
    pending_by_owner: BTreeMap<Arc<str>, (usize, i64)>,
    /// What is owed now is written though its owner is in debt: a will and that it was said.
    pub exempt_from_quota: bool,
    /// What stands on disk is to be written anew, whole.
    pub full_rewrite: bool,
    /// The card does not take anything now.
    pub storage_failed: bool,
    /// Rings when somebody waits for the card.
    pub wakeup: Arc<WriterWakeup>,
}

impl PersistenceLog {
    /// The number of the next change.
    pub fn next_number(&mut self) -> LogNumber {
        self.last_number += 1;
        self.last_number
    }

    /// Goes on behind `last`; the rest as [`Ledger::dumped`].
    pub fn resume_after(
        &mut self,
        last: LogNumber,
        topics: impl Iterator<Item = Box<str>>,
        wills: impl Iterator<Item = u64>,
        heads: impl Iterator<Item = u64>,
    ) {
        self.last_number = last;
        self.snapshot_begun(topics, wills, heads);
    }

    /// The card could not be read: until the broker begins anew, nothing is known of what stands on
    /// it.
    pub const fn mark_unknown(&mut self) {
        (self.storage_failed, self.all_dirty) = (true, true);
    }

    fn remove_pending(&mut self, number: LogNumber) -> Option<PendingChange> {
        let entry = self.pending.remove(&number)?;
        if let Some((count, bytes)) = self.pending_by_owner.get_mut(&entry.owner) {
            *count -= usize::from(!matches!(entry.change, Change::Retained { .. }));
            *bytes -= entry.cost;
            if *count == 0 && *bytes == 0 {
                self.pending_by_owner.remove(&entry.owner);
            }
        }
        Some(entry)
    }

    /// Changes that wait.
    pub fn len(&self) -> usize {
        self.pending.len() + self.delivered.len()
    }

    /// A dump of everything is about to be on disk: from now on these topics, wills and sessions
    /// must be removed there too.
    pub fn snapshot_begun(
        &mut self,
        topics: impl Iterator<Item = Box<str>>,
        wills: impl Iterator<Item = u64>,
        heads: impl Iterator<Item = u64>,
    ) {
        self.topics_on_disk = topics.collect();
        self.wills_on_disk = wills.collect();
        self.headers_on_disk = heads.collect();
    }
}

#[cfg(test)]
mod corruption_tests;
#[cfg(test)]
mod rig;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
