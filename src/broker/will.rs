//! Wills: said when a connection breaks off, after their delay, or in the broker's next life; not for who comes back in time.
//!
//! Invariants: a will and that it was said go to the disk together, whatever their account owes: it is neither lost nor said
//! twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::access::Identity;
use super::core::Core;
use super::ledger;
use super::ledger::record::{KeptWill, Record};
use super::message::Message;
use super::session::Due;
use crate::protocol::mqtt::connect::Will;

impl Core {
    /// A client is back before its will was due: those wills of it are not said.
    pub(super) fn come_back(&mut self, who: &Identity, client_id: &str, which: impl Fn(&Due) -> bool) {
        let back: Vec<u64> = self.wills.iter().filter(|(_, due)| due.owner == *who && due.client_id == client_id && which(due)).map(|(n, _)| *n).collect();
        let owner: Arc<str> = who.owner().into();
        for number in back {
            self.wills.remove(&number);
            self.ledger.note(&owner, Record::WillOver(number), None);
        }
    }

    /// Says it now.
    pub(super) fn say_will(&mut self, who: &Identity, session: u64, will: &Will, now: Instant) {
        let owner: Arc<str> = who.owner().into();
        let message = message_of_will(will, now);
        // Both are written together, whatever the account owes: a will is neither lost nor said twice.
        self.ledger.free = true;
        self.publish(who, &owner, None, message, None, now);
        self.ledger.note(&owner, Record::WillOver(session), None);
        self.ledger.free = false;
    }
}

/// The message of a will.
pub fn message_of_will(will: &Will, now: Instant) -> Message {
    let expires = will.properties.message_expiry.map(|s| now + Duration::from_secs(u64::from(s)));
    Message { topic: will.topic.as_str().into(), payload: will.payload.as_ref().into(), qos: will.qos, retain: will.retain, forward: will.properties.forward.clone(), expires }
}

pub fn will_record(session: u64, (account, client_id): (&str, &str), will: &Will, due: Option<u64>, now: Instant, wall: u64) -> KeptWill {
    let message = ledger::message_of(&message_of_will(will, now), now, wall);
    KeptWill { session, account: account.to_owned(), client_id: client_id.to_owned(), message, delay_s: will.properties.will_delay.unwrap_or(0), due }
}
