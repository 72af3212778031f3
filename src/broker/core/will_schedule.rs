//! Wills that wait: for their will delay, or for their client to reconnect after a restart of the
//! broker.
//!
//! Invariants: a session has at most one will here, and its client is disconnected. A will leaves
//! the schedule once, to be published or to be cancelled; whoever takes it out does one of the two
//! and records it (`wills`). `session_lifecycle` puts a will in when its client disconnects and
//! cancels it when the client returns to its session; without a session left it is published.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::acl::Identity;
use crate::protocol::mqtt::connect::Will;

/// A will that is due at a known moment.
pub struct ScheduledWill {
    pub due_at: Instant,
    pub identity: Identity,
    pub client_id: String,
    pub will: Box<Will>,
    /// Number of the connection that left the will; none = it was restored from disk.
    pub connection_number: Option<u64>,
    /// The will waits because the broker ended, not because of its will delay.
    pub from_broker_restart: bool,
}

/// All wills that wait, by session number.
#[derive(Default)]
pub struct WillSchedule {
    by_session: BTreeMap<u64, ScheduledWill>,
}

impl WillSchedule {
    /// The wills with their session numbers, in the order of these.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &ScheduledWill)> {
        self.by_session.iter().map(|(number, due)| (*number, due))
    }

    /// Lets the will of a session wait.
    pub fn insert(&mut self, session: u64, will: ScheduledWill) {
        self.by_session.insert(session, will);
    }

    /// Takes the will of a session out, if it has one.
    pub fn take(&mut self, session: u64) -> Option<ScheduledWill> {
        self.by_session.remove(&session)
    }

    /// Takes out the wills whose time has come.
    pub fn take_due(&mut self, now: Instant) -> Vec<(u64, ScheduledWill)> {
        self.by_session
            .extract_if(.., |_, due| due.due_at <= now)
            .collect()
    }

    /// Takes out those wills of a client that `which` selects; returns their session numbers.
    pub fn cancel(
        &mut self,
        who: &Identity,
        client_id: &str,
        which: impl Fn(&ScheduledWill) -> bool,
    ) -> Vec<u64> {
        self.by_session
            .extract_if(.., |_, due| {
                due.identity == *who && due.client_id == client_id && which(due)
            })
            .map(|(session, _)| session)
            .collect()
    }
}
