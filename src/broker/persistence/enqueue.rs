//! Adds changes to the pending ones: messages, retained messages, and the small changes of
//! sessions.
//!
//! Invariants: a newer retained message of a topic, a newer will of a session and a newer session
//! header replace the pending one before them. A change that is undone while it is pending is not
//! written.

use std::sync::Arc;

use tokio::time::Instant;

use super::log_number::LogNumber;
use super::record::{PersistedChange, Target};
use super::ticket::DurabilityTicket;
use super::{Change, PendingChange, PersistenceLog, RECORD_OVERHEAD_BYTES};
use crate::broker::core::message::Message;
use crate::protocol::mqtt::{PacketId, QoS};

impl PersistenceLog {
    fn enqueue(
        &mut self,
        number: LogNumber,
        owner: &Arc<str>,
        change: Change,
        ticket: Option<&Arc<DurabilityTicket>>,
        pubrel_after: Option<(u64, PacketId)>,
    ) {
        if let Some(ticket) = ticket {
            ticket.expect_one();
        }
        let is_awaited = ticket.is_some() || pubrel_after.is_some();
        let size = match &change {
            Change::Message { message, .. }
            | Change::Retained {
                message: Some(message),
                ..
            } => message.size(),
            Change::Record(PersistedChange::Will(will)) => {
                will.message.payload.len() + will.message.topic.len()
            }
            _ => 0,
        };
        let cost = i64::try_from(size).unwrap_or(i64::MAX / 2) + RECORD_OVERHEAD_BYTES;
        let waiting = self.pending_by_owner.entry(owner.clone()).or_default();
        *waiting = (
            waiting.0 + usize::from(!matches!(change, Change::Retained { .. })),
            waiting.1.saturating_add(cost),
        );
        let free = self.exempt_from_quota;
        self.pending.insert(
            number,
            PendingChange {
                owner: owner.clone(),
                change,
                tickets: ticket.into_iter().cloned().collect(),
                pubrel_after,
                cost,
                exempt_from_quota: free,
                is_awaited: false,
            },
        );
        if is_awaited {
            self.await_disk(number);
        }
    }

    /// Somebody waits until the change is on disk.
    fn await_disk(&mut self, number: LogNumber) {
        if let Some(entry) = self.pending.get_mut(&number)
            && !std::mem::replace(&mut entry.is_awaited, true)
        {
            self.awaited += 1;
        }
        if self.awaited_since.is_none() {
            self.awaited_since = Some(Instant::now());
            self.wakeup.request();
        }
    }

    /// Adds a message for sessions, under a number that [`PersistenceLog::next_number`] returned.
    ///
    /// `inbound` is as in [`PersistedChange::Queued`]. `urgent`: a publisher waits until the
    /// message is on disk, or a recipient is sent it only then.
    pub fn enqueue_message(
        &mut self,
        (number, owner): (LogNumber, &Arc<str>),
        message: Arc<Message>,
        targets: Vec<Target>,
        inbound: Option<(u64, PacketId)>,
        urgent: bool,
        ticket: Option<&Arc<DurabilityTicket>>,
    ) {
        // `rejects` has admitted it under its owner's quota. It does not wait for that quota again,
        // because recipients' queues hold other messages behind it until it is on disk.
        let free = urgent && targets.iter().any(|t| t.qos == QoS::ExactlyOnce);
        self.enqueue(
            number,
            owner,
            Change::Message {
                message,
                targets,
                inbound,
            },
            ticket,
            None,
        );
        if let Some(entry) = self.pending.get_mut(&number) {
            entry.exempt_from_quota |= free;
        }
        if urgent {
            self.await_disk(number);
        }
    }

    /// The newest retained message of a topic; `None` removes it.
    pub fn enqueue_retained(
        &mut self,
        owner: &Arc<str>,
        topic: &str,
        message: Option<Arc<Message>>,
        ticket: Option<&Arc<DurabilityTicket>>,
    ) {
        let known = self.pending_topics.get(topic).copied();
        if message.is_none()
            && !self.topics_on_disk.contains(topic)
            && !self.dirty.0.contains(topic)
            && !self.all_dirty
        {
            if let Some(number) = known {
                self.pending_topics.remove(topic);
                self.complete(number, true);
            }
            return;
        }
        let number = known.unwrap_or_else(|| self.next_number());
        // The topic keeps its place in the order: one that changes all the time starves neither
        // itself nor others.
        let old = self.remove_pending(number);
        // If the new owner has no quota left, the change stays with the owner before it: another's
        // quota must not hold it up.
        let owner = match &old {
            Some(e) if self.quota_left.get(owner).is_some_and(|left| *left <= 0) => e.owner.clone(),
            _ => owner.clone(),
        };
        let mut tickets = old.map(|e| e.tickets).unwrap_or_default();
        let owner = &owner;
        self.enqueue(
            number,
            owner,
            Change::Retained {
                topic: topic.into(),
                message,
            },
            ticket,
            None,
        );
        self.pending_topics.insert(topic.into(), number);
        if let Some(entry) = self.pending.get_mut(&number) {
            entry.tickets.append(&mut tickets);
            if !entry.tickets.is_empty() {
                self.await_disk(number);
            }
        }
    }

    /// Adds a small change of a session.
    pub fn record(
        &mut self,
        owner: &Arc<str>,
        record: PersistedChange,
        ticket: Option<&Arc<DurabilityTicket>>,
    ) {
        let number = self.next_number();
        match &record {
            PersistedChange::Will(will) => self.replace_will(will.session, number),
            PersistedChange::WillCleared(session) => {
                self.replace_will(*session, number);
                if !self.wills_on_disk.contains(session) {
                    self.pending_wills.remove(session);
                    return;
                }
            }
            PersistedChange::SessionDeleted(session) => {
                self.forget_session(*session);
                if !self.headers_on_disk.contains(session) {
                    return;
                }
            }
            PersistedChange::InboundQos2Released { session, id } => {
                // Accepted and released, and neither is written yet: neither need be written.
                let accepted = PersistedChange::InboundQos2 {
                    session: *session,
                    id: *id,
                };
                let same = |e: &PendingChange| {
                    e.tickets.is_empty()
                        && matches!(&e.change, Change::Record(change) if *change == accepted)
                };
                if ticket.is_none()
                    && let Some(old) = self
                        .pending
                        .iter()
                        .rev()
                        .find(|(_, e)| same(e))
                        .map(|(n, _)| *n)
                {
                    return self.complete(old, true);
                }
            }
            PersistedChange::Session(head) => {
                if let Some(PendingChange {
                    change: Change::Record(old),
                    ..
                }) = self
                    .pending_headers
                    .get(&head.session)
                    .and_then(|n| self.pending.get_mut(n))
                {
                    *old = record;
                    return;
                }
                self.pending_headers.insert(head.session, number);
            }
            _ => {}
        }
        self.enqueue(number, owner, Change::Record(record), ticket, None);
    }

    /// The newest change about a session's will is `number`. The pending one before it need not be
    /// written, unless it belongs to the publication of that will (`exempt_from_quota`).
    fn replace_will(&mut self, session: u64, number: LogNumber) {
        if let Some(old) = self.pending_wills.insert(session, number)
            && !self.pending.get(&old).is_some_and(|e| e.exempt_from_quota)
        {
            self.complete(old, true);
        }
    }

    /// Adds a ticket to the end of a subscription that is pending already; false when none is
    /// pending.
    pub fn join_unsubscribe(
        &mut self,
        session: u64,
        filter: &str,
        ticket: &Arc<DurabilityTicket>,
    ) -> bool {
        let same = |e: &PendingChange| match &e.change {
            Change::Record(PersistedChange::Unsubscribed {
                session: s,
                filter: f,
            }) => *s == session && f == filter,
            _ => false,
        };
        let Some((number, entry)) = self.pending.iter_mut().find(|(_, e)| same(e)) else {
            return false;
        };
        ticket.expect_one();
        entry.tickets.push(ticket.clone());
        let number = *number;
        self.await_disk(number);
        true
    }

    /// PUBREC was received for a delivery: PUBREL may be sent when that is on disk.
    pub fn record_pubrec(
        &mut self,
        owner: &Arc<str>,
        session: u64,
        id: PacketId,
        log_number: Option<LogNumber>,
    ) -> LogNumber {
        if let Some(log_number) = log_number {
            self.drop_target(log_number, session);
        }
        let number = self.next_number();
        self.enqueue(
            number,
            owner,
            Change::Record(PersistedChange::PubRecReceived { session, id }),
            None,
            Some((session, id)),
        );
        number
    }
}
