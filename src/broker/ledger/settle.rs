//! What need not be written any more: deliveries that are over, sessions that are.
//!
//! Invariant: whoever waited for what is not written is told that it is safe.

use super::number::{Finished, Owed};
use super::record::{Record, Target};
use super::{Entry, Ledger, What};

impl Ledger {
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
    pub(super) fn without(&mut self, owed: Owed, session: u64) -> bool {
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

    pub(super) fn settle(&mut self, number: Owed, safe: bool) {
        if let Some(entry) = self.take_out(number) {
            entry.receipts.iter().for_each(|r| r.settle(safe));
        }
    }

    /// What waits about a session that is over concerns nobody any more.
    pub(super) fn forget(&mut self, session: u64) {
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
}
