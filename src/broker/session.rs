//! A client's seat at the broker: its session, the connection that holds it, and what a newcomer
//! asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::access::Identity;
use super::ledger::record::{Head, Record};
use super::matcher::{Hearing, Slot};
use super::queue::{Held, Queue};
use crate::keys::holders::Proof;
use crate::protocol::broker::HOUSE_LINK;
use crate::protocol::mqtt::connect::Will;

/// Where a client is connected from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    pub address: String,
    pub door: &'static str,
    /// “3.1”, “3.1.1” or “5”.
    pub version: &'static str,
    /// What its certificate proves; empty = it brought none.
    pub proof: Proof,
}

/// One client's session.
pub struct Session {
    /// Its number; never used again.
    pub number: u64,
    pub who: Identity,
    /// `who` as the ledger and the retained store name it.
    pub owner: Arc<str>,
    pub client_id: String,
    pub subscriptions: BTreeMap<String, Hearing>,
    pub queue: Queue,
    /// QoS 2 messages that were taken and are not released.
    pub received: BTreeMap<u16, Held>,
    pub wake: Arc<Notify>,
    pub line: Option<Line>,
    /// What opened it: a changed secret ends it.
    pub credential: String,
    pub keep_for: Duration,
    pub since: Instant,
    pub peer: Peer,
    /// What is said if its connection dies.
    pub will: Option<Will>,
    /// The ledger knows of it.
    pub noted: bool,
}

impl Session {
    /// True when it outlives its connection.
    pub fn is_kept(&self) -> bool {
        !self.keep_for.is_zero()
    }

    /// True for the house's own link: not for a technician who speaks as the house.
    pub fn is_house_link(&self) -> bool {
        self.who == Identity::House && self.client_id == HOUSE_LINK
    }

    pub fn is_away(&self) -> bool {
        self.line.is_none()
    }

    /// The session's head for the ledger.
    pub fn head(&self, now: Instant, wall: u64) -> Record {
        Record::Session(Head {
            session: self.number,
            account: self.owner.to_string(),
            client_id: self.client_id.clone(),
            credential: self.credential.clone(),
            keep_s: u32::try_from(self.keep_for.as_secs()).unwrap_or(u32::MAX),
            away: self
                .is_away()
                .then(|| wall.saturating_sub(now.saturating_duration_since(self.since).as_secs())),
            next_id: self.queue.next_id(),
        })
    }
}

/// Ends a connection from outside; its task looks at it whenever it wakes.
#[derive(Debug, Clone)]
pub struct Cut {
    why: Arc<OnceLock<(u8, &'static str)>>,
    wake: Arc<Notify>,
}

impl Cut {
    fn new(wake: Arc<Notify>) -> Self {
        Self {
            why: Arc::default(),
            wake,
        }
    }

    /// Ends the connection with a reason code and its sentence; the first reason counts.
    pub fn now(&self, code: u8, why: &'static str) {
        let _ = self.why.set((code, why));
        self.wake.notify_one();
    }

    /// Why it is to end.
    pub fn why(&self) -> Option<(u8, &'static str)> {
        self.why.get().copied()
    }
}

/// An open connection of a session.
#[derive(Clone)]
pub struct Line {
    pub number: u64,
    pub cut: Cut,
    pub gone: CancellationToken,
}

impl Line {
    pub fn new(number: u64, wake: Arc<Notify>) -> Self {
        Self {
            number,
            cut: Cut::new(wake),
            gone: CancellationToken::new(),
        }
    }
}

/// What a connection asks for.
pub struct Opening {
    pub who: Identity,
    pub client_id: String,
    /// Without the old session.
    pub clean: bool,
    pub keep_for: Duration,
    /// Most messages that it takes unacknowledged.
    pub window: usize,
    pub credential: String,
    pub will: Option<Will>,
    pub peer: Peer,
}

/// What a connection holds of its session.
pub struct Attached {
    pub slot: Slot,
    /// Number of the connection.
    pub number: u64,
    pub present: bool,
    pub wake: Arc<Notify>,
    pub cut: Cut,
    gone: CancellationToken,
}

impl Attached {
    pub fn new(slot: Slot, line: &Line, present: bool, wake: Arc<Notify>) -> Self {
        Self {
            slot,
            number: line.number,
            present,
            wake,
            cut: line.cut.clone(),
            gone: line.gone.clone(),
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

/// A will whose moment is known.
pub struct Due {
    pub at: Instant,
    pub owner: Identity,
    pub client_id: String,
    pub will: Will,
    /// Number of the connection whose will it is; 0 = one of an earlier life of the broker.
    pub line: u64,
    /// It waits because the broker ended, not because its client wished so.
    pub grace: bool,
}
