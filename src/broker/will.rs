//! Wills: said when a connection breaks off, after their delay, or in the broker's next life; not
//! for who comes back in time.
//!
//! Invariants: a will and that it was said go to the disk together, whatever their account owes: it
//! is neither lost nor said twice. A device that comes again under another client id may be here
//! before its old connection is known to be dead: that one's will is said to everybody as the
//! standard asks, but it is not the last word about a device that lives. The house does
//! not hear it, and what the newer connection stands for is said after it, so that it is what is
//! kept.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::access::Identity;
use super::core::Core;
use super::ledger::kept::message_of;
use super::ledger::record::{KeptWill, Record};
use super::message::Message;
use super::publish::Voice;
use super::retained::Word;
use super::session::Due;
use crate::protocol::mqtt::connect::Will;

impl Core {
    /// A client is back before its will was due: those wills of it are not said.
    pub(super) fn come_back(
        &mut self,
        who: &Identity,
        client_id: &str,
        which: impl Fn(&Due) -> bool,
    ) {
        let back: Vec<u64> = self
            .wills
            .iter()
            .filter(|(_, due)| due.owner == *who && due.client_id == client_id && which(due))
            .map(|(n, _)| *n)
            .collect();
        let owner: Arc<str> = who.owner().into();
        for number in back {
            self.wills.remove(&number);
            self.ledger.note(&owner, Record::WillOver(number), None);
        }
    }

    /// A newer connection of a device that is open and speaks of this topic of the device's own
    /// too: with its own will, or with what is kept.
    fn has_successor(&self, who: &Identity, line: u64, topic: &str) -> bool {
        if !topic
            .strip_prefix("d/")
            .and_then(|t| t.strip_prefix(who.name()))
            .is_some_and(|t| t.starts_with('/'))
        {
            return false;
        }
        let said = self.retained.word(topic).map_or(0, |w| w.line);
        let mine = self
            .by_client
            .range((who.clone(), String::new())..)
            .take_while(|((w, _), _)| w == who);
        mine.filter_map(|(_, slot)| self.sessions.get(*slot as usize)?.as_ref())
            .any(|s| {
                let newer = s.line.as_ref().is_some_and(|l| l.number > line);
                newer
                    && (s.line.as_ref().is_some_and(|l| l.number == said)
                        || s.will.as_ref().is_some_and(|w| w.topic == topic))
            })
    }

    /// Says it now: the will of that session and connection.
    pub(super) fn say_will(
        &mut self,
        who: &Identity,
        (session, line): (u64, u64),
        will: &Will,
        now: Instant,
    ) {
        let owner: Arc<str> = who.owner().into();
        let message = message_of_will(will, now);
        let late = self.has_successor(who, line, &will.topic);
        let stood = self
            .retained
            .word(&will.topic)
            .filter(|w| late && will.retain && w.owner == owner && !w.message.is_over(now))
            .cloned();
        // Both are written together, whatever the account owes: a will is neither lost nor said
        // twice.
        self.ledger.free = true;
        self.publish_from(
            who,
            &owner,
            Voice {
                late,
                ..Voice::default()
            },
            message,
            None,
            now,
        );
        if let Some(Word { message, line, .. }) =
            stood.filter(|w| w.message.payload[..] != will.payload[..])
        {
            self.publish_from(
                who,
                &owner,
                Voice {
                    line,
                    ..Voice::default()
                },
                Message::clone(&message),
                None,
                now,
            );
        }
        self.ledger.note(&owner, Record::WillOver(session), None);
        self.ledger.free = false;
    }
}

/// The message of a will.
pub fn message_of_will(will: &Will, now: Instant) -> Message {
    let expires = will
        .properties
        .message_expiry
        .map(|s| now + Duration::from_secs(u64::from(s)));
    Message {
        topic: will.topic.as_str().into(),
        payload: will.payload.as_ref().into(),
        qos: will.qos,
        retain: will.retain,
        forward: will.properties.forward.clone(),
        expires,
    }
}

pub fn will_record(
    session: u64,
    (account, client_id): (&str, &str),
    will: &Will,
    due: Option<u64>,
    now: Instant,
    wall: u64,
) -> KeptWill {
    let message = message_of(&message_of_will(will, now), now, wall);
    KeptWill {
        session,
        account: account.to_owned(),
        client_id: client_id.to_owned(),
        message,
        delay_s: will.properties.will_delay.unwrap_or(0),
        due,
    }
}
