//! The pending side of the persistence log: changes of sessions, subscriptions, queued messages,
//! retained messages and wills that are not on disk yet.
//!
//! The log is written behind. A change first happens in memory (`BrokerState`); it is *pending*
//! here, under a number; it is on disk between some milliseconds and about a second later, if the
//! bounds below allow. The log holds what a restart still needs, not what happened: a pending
//! change that is not needed any more is *completed*, that is, removed without being written. The
//! *owner* of a change is the account that it is charged to. Storage is shared by all accounts, so
//! each owner has a quota; the gateway's own account has none.
//!
//! # The way of a change
//!
//! 1. `enqueue` takes it in. Its number is its place in the order.
//! 2. `completion` removes it again if it need not be written any more.
//! 3. `batch` takes the changes that may be written now, in order and within each owner's `quota`.
//!    In the last round, and whenever a snapshot follows, it takes all of them.
//! 4. `record` makes bytes of them, and `writer` writes them through `store`, with one flush for
//!    all.
//! 5. After the flush the tickets are resolved and `BrokerState::on_batch_written` lets deliveries
//!    go on that waited for the disk.
//! 6. From time to time `snapshot` writes everything anew; records before a complete snapshot count
//!    no more. At a start `restore` reads the records back.
//! 7. Damage costs no more than the records that it hit (`checksum_table`, `salvage`). Anything
//!    that was on disk and is missing is reported (`watermark`).
//!
//! # Which changes are never written
//!
//! 1. Only the newest retained message of a topic, the newest will of a session and the newest
//!    session header are written, not their history: a newer one replaces the pending one.
//! 2. A message is not written when every session that is to get it has finished its delivery. If
//!    it came from a persistent session with QoS 2, its acceptance alone is written
//!    (`InboundQos2`).
//! 3. A removal is not written when the disk has nothing to remove (`topics_on_disk`,
//!    `wills_on_disk`, `headers_on_disk`).
//! 4. A QoS 2 message that was accepted and released leaves no record when both are pending and no
//!    ticket waits for either.
//! 5. The pending changes of a session that is deleted are not written.
//!
//! A `DurabilityTicket` waits for exactly the changes that concern its holder. If such a change is
//! completed instead of written, the ticket is resolved as durable: nothing is left that could be
//! lost.
//!
//! # In which order changes are written
//!
//! The changes of one owner are written in the order of their numbers, with these exceptions:
//!
//! 1. `Delivered` records go first in every batch. Records name a delivery by its packet
//!    identifier, and a message further on in the batch may use the same identifier again.
//! 2. A retained message takes the number of the pending one that it replaces: only the newest
//!    counts.
//! 3. While an owner has no quota left its changes stay pending. Three kinds are written all the
//!    same, and so overtake the others:
//!    - `PubRecReceived`, because it only reduces what a restart needs (the packet identifier
//!      instead of the message), and because the publisher began that delivery, not the receiver
//!      who owns the record. It is not charged at all.
//!    - The publication of a will and its `WillCleared`, always both in one batch, so that a will
//!      is neither lost nor published twice.
//!    - Durable QoS 2 messages that were accepted, because recipients' queues hold them, and every
//!      message behind them, until they are on disk.
//!
//! # Which bound acts when
//!
//! - `QUOTA_BURST` and `QUOTA_PER_SECOND` are an account's bytes. A large record is charged after
//!   it was written, so the rest may fall below zero; at zero or below the owner's changes stay
//!   pending until time has refilled it. Meanwhile QoS 2 messages of durable topics are refused,
//!   because they must be written before they are sent.
//! - `PENDING_MAX` is an account's number of pending changes; retained messages have bounds of
//!   their own. Beyond it, QoS 1 and 2 publishes to durable and batched topics, new persistent
//!   sessions and subscriptions of persistent sessions are refused.
//! - An account whose rest is below minus `QUOTA_BURST` may not even connect with a will, because
//!   wills are written whatever the quota says.
//! - `writer` has the budget of the storage as a whole, and decides how long a write waits for
//!   others (group commit).
//!
//! # When storage fails
//!
//! Tickets are resolved as failed, the broker serves from memory, nothing is charged. Topics and
//! subscriptions whose changes may not be on disk are *dirty*: repeating such a change writes it
//! again instead of being answered as already stored. A complete snapshot ends that.
//!
//! Deliberately absent: which sessions get a message (`delivery`), its packet identifiers
//! (`queue`), and files (`store`).
//!
//! ```text
//! PUBLISH ─ BrokerState::publish
//!  ├ Queue: queued (with its packet identifier)
//!  │    │ message_persisted: a durable QoS 2 delivery begins only now
//!  │    ↓
//!  │   inflight: PublishSent ─PUBREC→ PersistingPubRec ─pubrec_persisted→ PubRelReady
//!  │             ─PUBCOMP→ Finished
//!  │
//!  └ PersistenceLog: pending[number] = Message{targets, inbound}
//!       ├ every target has finished: completed, never written
//!       └ take_batch → WriteBatch{records, tickets, message_persisted, pubrec_persisted}
//!             ─flush→ DurabilityTicket::resolve, BrokerState::on_batch_written
//!
//! On disk, the record on the right ends the one on the left:
//!   Queued ⟵ Delivered, PubRecReceived       PubRecReceived ⟵ Delivered
//!   InboundQos2 ⟵ InboundQos2Released        Will ⟵ WillCleared
//!   RetainedSet ⟵ RetainedRemoved            Subscribed ⟵ Unsubscribed
//!   NeverSent ⟵ ServingStarted               all of a session but its will ⟵ SessionDeleted
//!   all before SnapshotBegin ⟵ SnapshotEnd
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

use tokio::time::Instant;

pub use self::log_number::{Finished, LogNumber};
use self::record::{PersistedChange, Target};
pub use self::ticket::DurabilityTicket;
use self::writer_wakeup::WriterWakeup;
use super::core::message::Message;
use crate::protocol::mqtt::PacketId;

/// Bytes that one owner may have written at once,
const QUOTA_BURST: i64 = 2 << 20;
/// and then in a second: 44 MB a day.
const QUOTA_PER_SECOND: i64 = 512;
/// Bytes that a flush costs the owners whose tickets asked for it.
const FLUSH_COST_BYTES: i64 = 4_096;
/// How many changes of one owner may be pending.
const PENDING_MAX: usize = 2_000;
/// Bytes that a record costs beside its contents.
const RECORD_OVERHEAD_BYTES: i64 = 128;

/// A change that is to be written.
#[derive(Debug)]
enum Change {
    Record(PersistedChange),
    Message {
        message: Arc<Message>,
        targets: Vec<Target>,
        inbound: Option<(u64, PacketId)>,
    },
    /// The newest retained message of a topic; `None` removes it.
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
    /// PUBREL of this delivery (session, packet identifier) may be sent once the change is on
    /// disk.
    pubrel_after: Option<(u64, PacketId)>,
    /// About how many bytes it will cost.
    cost: i64,
    /// It is written though its owner has no quota left.
    exempt_from_quota: bool,
    /// Somebody waits until it is on disk.
    is_awaited: bool,
}

/// The pending changes, and what is known of the disk.
#[derive(Debug, Default)]
pub struct PersistenceLog {
    last_number: LogNumber,
    pending: BTreeMap<LogNumber, PendingChange>,
    /// How many pending changes somebody waits for.
    awaited: usize,
    /// When somebody began to wait after the last commit group.
    awaited_since: Option<Instant>,
    /// Topics with a pending change.
    pending_topics: BTreeMap<Box<str>, LogNumber>,
    /// Pending changes of wills, by session.
    pending_wills: BTreeMap<u64, LogNumber>,
    /// Pending session headers, by session.
    pending_headers: BTreeMap<u64, LogNumber>,
    /// Topics with a retained message on disk. For any other topic a removal need not be written.
    topics_on_disk: BTreeSet<Box<str>>,
    /// Sessions whose will is on disk.
    wills_on_disk: BTreeSet<u64>,
    /// Sessions whose header is on disk. For any other session the deletion need not be written.
    headers_on_disk: BTreeSet<u64>,
    /// Topics and subscriptions that are being written now, or could not be written since storage
    /// failed.
    dirty: (BTreeSet<Box<str>>, BTreeSet<(u64, String)>),
    /// Nothing is known of the contents of the disk, or too many changes are dirty: everything
    /// counts as dirty.
    all_dirty: bool,
    delivered: BTreeMap<u64, Vec<PacketId>>,
    /// Bytes that each owner may still have written (below 0 after a large record); an owner
    /// without an entry may have [`QUOTA_BURST`].
    quota_left: BTreeMap<Arc<str>, i64>,
    /// Of each owner, the number of pending changes (without retained messages, which have bounds
    /// of their own), and about how many bytes all of its pending changes will cost.
    pending_by_owner: BTreeMap<Arc<str>, (usize, i64)>,
    /// Changes that are added now are written though their owner has no quota left: the
    /// publication of a will, and that it was published.
    pub exempt_from_quota: bool,
    /// Everything is to be written anew, as a snapshot.
    pub full_rewrite: bool,
    /// Storage accepts no writes now.
    pub storage_failed: bool,
    /// Wakes the writer when somebody waits for the disk.
    pub wakeup: Arc<WriterWakeup>,
}

impl PersistenceLog {
    /// The number of the next change.
    pub fn next_number(&mut self) -> LogNumber {
        self.last_number += 1;
        self.last_number
    }

    /// Continues with numbers after `last`; the other parameters are those of
    /// [`PersistenceLog::snapshot_begun`].
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

    /// Storage could not be read: until the broker's worker restarts, nothing is known of its
    /// contents.
    pub const fn mark_unknown(&mut self) {
        (self.storage_failed, self.all_dirty) = (true, true);
    }

    fn remove_pending(&mut self, number: LogNumber) -> Option<PendingChange> {
        let entry = self.pending.remove(&number)?;
        self.awaited -= usize::from(entry.is_awaited);
        if let Some((count, bytes)) = self.pending_by_owner.get_mut(&entry.owner) {
            *count -= usize::from(!matches!(entry.change, Change::Retained { .. }));
            *bytes -= entry.cost;
            if *count == 0 && *bytes == 0 {
                self.pending_by_owner.remove(&entry.owner);
            }
        }
        Some(entry)
    }

    /// The changes that somebody has begun to wait for since the last call: since when, and the
    /// number of the last one. None = there are none.
    pub(super) fn begin_commit_group(&mut self) -> Option<(Instant, LogNumber)> {
        Some((self.awaited_since.take()?, self.last_number))
    }

    /// True while somebody waits until a change with a number up to `last` is on disk.
    pub(super) fn is_awaited(&self, last: LogNumber) -> bool {
        self.awaited > 0 && self.pending.range(..=last).any(|(_, e)| e.is_awaited)
    }

    /// How many changes are pending.
    pub fn len(&self) -> usize {
        self.pending.len() + self.delivered.len()
    }

    /// A snapshot is about to be on disk: from now on, a removal of these topics, wills and session
    /// headers must be written.
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
