//! Pending changes that need not be written any more: deliveries that are finished, sessions that
//! are deleted.
//!
//! Invariant: a ticket that waited for a change which is not written is resolved as durable,
//! because nothing is left that could be lost.

use super::log_number::{Finished, LogNumber};
use super::record::{PersistedChange, Target};
use super::{Change, PendingChange, PersistenceLog};

impl PersistenceLog {
    /// A delivery is finished.
    pub fn record_delivered(&mut self, session: u64, done: Finished) {
        let Some(log_number) = done.log_number else {
            return;
        };
        if !self.drop_target(log_number, session) {
            self.delivered
                .entry(session)
                .or_default()
                .push(done.packet_id);
        }
    }

    /// Adds a target session to the message that is pending under `number`; false when it is not
    /// pending any more.
    pub fn add_target(&mut self, number: LogNumber, target: &Target) -> bool {
        match self.pending.get_mut(&number) {
            Some(PendingChange {
                change: Change::Message { targets, .. },
                ..
            }) => {
                targets.push(target.clone());
                true
            }
            _ => false,
        }
    }

    /// True while a message is pending under `number`.
    pub fn has_pending_message(&self, number: LogNumber) -> bool {
        matches!(
            self.pending.get(&number),
            Some(PendingChange {
                change: Change::Message { .. },
                ..
            })
        )
    }

    /// Takes a session out of the targets of a pending message. True when it was a target: then the
    /// end of its delivery need not be written either.
    pub(super) fn drop_target(&mut self, log_number: LogNumber, session: u64) -> bool {
        let Some(PendingChange { change: what, .. }) = self.pending.get_mut(&log_number) else {
            return false;
        };
        let Change::Message {
            targets, inbound, ..
        } = what
        else {
            return false;
        };
        let before = targets.len();
        targets.retain(|t| t.session != session);
        let was = targets.len() < before;
        if targets.is_empty() {
            // Every target has finished. The message is not written; if its publisher's packet
            // identifier is still to be remembered, that alone is.
            match *inbound {
                None => self.complete(log_number, true),
                Some((session, id)) => {
                    *what = Change::Record(PersistedChange::InboundQos2 { session, id });
                }
            }
        }
        was
    }

    pub(super) fn complete(&mut self, number: LogNumber, safe: bool) {
        if let Some(entry) = self.remove_pending(number) {
            entry.tickets.iter().for_each(|r| r.resolve(safe));
        }
    }

    /// Completes the pending changes of a session that is deleted, and takes it out of the targets
    /// of pending messages.
    pub(super) fn forget_session(&mut self, session: u64) {
        let about = |e: &PendingChange| match &e.change {
            Change::Record(PersistedChange::Session(h)) => h.session == session,
            Change::Record(
                PersistedChange::Subscribed { session: s, .. }
                | PersistedChange::Unsubscribed { session: s, .. }
                | PersistedChange::InboundQos2 { session: s, .. }
                | PersistedChange::InboundQos2Released { session: s, .. }
                | PersistedChange::PubRecReceived { session: s, .. },
            ) => *s == session,
            _ => false,
        };
        let gone: Vec<LogNumber> = self
            .pending
            .iter()
            .filter(|(_, e)| about(e))
            .map(|(n, _)| *n)
            .collect();
        for number in gone {
            self.complete(number, true);
        }
        let is_waiting = |e: &PendingChange| match &e.change {
            Change::Message { targets, .. } => targets.iter().any(|t| t.session == session),
            _ => false,
        };
        let waiting: Vec<LogNumber> = self
            .pending
            .iter()
            .filter(|(_, e)| is_waiting(e))
            .map(|(n, _)| *n)
            .collect();
        for number in waiting {
            self.drop_target(number, session);
        }
        self.delivered.remove(&session);
        self.pending_headers.remove(&session);
    }
}
