//! Retained messages, bounded. They are in memory only; the persistence log carries them to disk.
//!
//! Invariants: one message per topic, with the connection that published it last. The bounds hold
//! in number, in bytes and per account. An expired message is not delivered.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use tokio::time::Instant;

use super::acl::GATEWAY_ACCOUNT;
use super::message::Message;
use crate::protocol::broker::Limits;
use crate::protocol::mqtt::topic::{has_wildcard, matches};

/// The effect of a publish with RETAIN on the retained messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetainedChange {
    /// Nothing: the same message was already retained, or there was none to remove.
    Unchanged,
    /// The message is retained now.
    Stored,
    /// The message that was retained before is removed.
    Removed,
    /// Refused because of a bound; true = the message that was retained before is removed.
    Refused(bool),
}

/// The retained message of a topic.
#[derive(Debug, Clone)]
pub struct RetainedMessage {
    pub owner: Arc<str>,
    pub message: Arc<Message>,
    /// Number of the connection that published it last; none = none that can be open now.
    pub connection_number: Option<u64>,
}

/// All retained messages.
pub struct RetainedMessages {
    messages: BTreeMap<Box<str>, RetainedMessage>,
    /// Messages and bytes of each account.
    per_owner: BTreeMap<Arc<str>, (usize, usize)>,
    pub bytes: usize,
    pub refused: u64,
}

impl RetainedMessages {
    pub fn new() -> Self {
        Self {
            messages: BTreeMap::new(),
            per_owner: BTreeMap::new(),
            bytes: 0,
            refused: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    fn remove(&mut self, topic: &str) -> bool {
        let Some(RetainedMessage {
            owner,
            message: old,
            ..
        }) = self.messages.remove(topic)
        else {
            return false;
        };
        self.bytes -= old.size();
        if let Some(n) = self.per_owner.get_mut(&owner) {
            n.0 -= 1;
            n.1 -= old.size();
            if n.0 == 0 {
                self.per_owner.remove(&owner);
            }
        }
        true
    }

    /// Replaces a message of the same owner in its place, which is the rule: a device repeats its
    /// state or says a new one. The error is the size of the message that is there and must go
    /// first; none = the topic has none.
    fn replace_own(
        &mut self,
        owner: &Arc<str>,
        connection_number: Option<u64>,
        message: &Arc<Message>,
        limits: &Limits,
    ) -> Result<RetainedChange, Option<usize>> {
        let (count, sum) = (self.messages.len(), self.bytes);
        let entry = self.messages.get_mut(&message.topic).ok_or(None)?;
        let (before, size) = (entry.message.size(), message.size());
        if entry.owner != *owner {
            return Err(Some(before));
        }
        if entry.message.has_same_content(message) {
            entry.connection_number = connection_number;
            return Ok(RetainedChange::Unchanged);
        }
        let mine = self.per_owner.get_mut(owner).ok_or(Some(before))?;
        let has_own_room = &**owner == GATEWAY_ACCOUNT
            || mine.0 <= limits.retained_per_device
                && mine.1 - before + size <= limits.retained_bytes_per_device;
        let has_room = size <= before
            || count <= limits.retained && sum - before + size <= limits.retained_bytes;
        if message.payload.is_empty() || !has_own_room || !has_room {
            return Err(Some(before));
        }
        mine.1 = mine.1 - before + size;
        self.bytes = sum - before + size;
        entry.message = message.clone();
        entry.connection_number = connection_number;
        Ok(RetainedChange::Stored)
    }

    /// Stores or replaces a message; an empty payload removes it. `connection_number` as in
    /// [`RetainedMessage`].
    pub fn set(
        &mut self,
        owner: &Arc<str>,
        connection_number: Option<u64>,
        message: &Arc<Message>,
        limits: &Limits,
    ) -> RetainedChange {
        let before = match self.replace_own(owner, connection_number, message, limits) {
            Ok(change) => return change,
            Err(before) => before,
        };
        let was = before.is_some() && self.remove(&message.topic);
        if message.payload.is_empty() {
            return if was {
                RetainedChange::Removed
            } else {
                RetainedChange::Unchanged
            };
        }
        let size = message.size();
        let mine = self.per_owner.get_mut(owner);
        let (count, sum) = mine.as_deref().copied().unwrap_or_default();
        let own_bound = &**owner != GATEWAY_ACCOUNT
            && (count >= limits.retained_per_device
                || sum + size > limits.retained_bytes_per_device);
        // A message that replaces a larger one needs no room.
        let shrinks = before.is_some_and(|before| size <= before);
        if own_bound
            || !shrinks
                && (self.messages.len() >= limits.retained
                    || self.bytes + size > limits.retained_bytes)
        {
            self.refused += 1;
            return RetainedChange::Refused(was);
        }
        match mine {
            Some(mine) => *mine = (count + 1, sum + size),
            None => {
                self.per_owner.insert(owner.clone(), (1, size));
            }
        }
        self.bytes += size;
        self.messages.insert(
            message.topic.clone(),
            RetainedMessage {
                owner: owner.clone(),
                message: message.clone(),
                connection_number,
            },
        );
        RetainedChange::Stored
    }

    /// The message of a topic.
    pub fn get(&self, topic: &str) -> Option<&Arc<Message>> {
        self.entry(topic).map(|w| &w.message)
    }

    /// The message of a topic, with its owner and connection.
    pub fn entry(&self, topic: &str) -> Option<&RetainedMessage> {
        self.messages.get(topic)
    }

    /// The messages that match, in the order of their topics.
    pub fn matching<'a>(
        &'a self,
        filter: &'a str,
        now: Instant,
    ) -> impl Iterator<Item = (&'a str, &'a Arc<Message>)> + 'a {
        // The text before the first wildcard bounds the range to search.
        let exact = filter.find(['+', '#']).map_or(filter, |at| &filter[..at]);
        let (wild, from) = (
            has_wildcard(filter),
            exact
                .strip_suffix('/')
                .filter(|_| filter.ends_with('#'))
                .unwrap_or(exact),
        );
        let range = self
            .messages
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .take_while(move |(t, _)| t.starts_with(from));
        range
            .filter(move |(t, w)| {
                (if wild {
                    matches(filter, t)
                } else {
                    &***t == filter
                }) && !w.message.is_expired(now)
            })
            .map(|(_, w)| (&*w.owner, &w.message))
    }

    /// Removes expired messages; returns their owners and topics.
    pub fn expire(&mut self, now: Instant) -> Vec<(Arc<str>, Box<str>)> {
        let over: Vec<(Arc<str>, Box<str>)> = self
            .messages
            .iter()
            .filter(|(_, w)| w.message.is_expired(now))
            .map(|(t, w)| (w.owner.clone(), t.clone()))
            .collect();
        for (_, topic) in &over {
            self.remove(topic);
        }
        over
    }

    /// All messages with their owners.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Message>)> {
        self.messages.values().map(|w| (&w.owner, &w.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, payload: &str) -> Arc<Message> {
        Arc::new(Message {
            topic: topic.into(),
            payload: payload.as_bytes().into(),
            qos: crate::protocol::mqtt::QoS::AtLeastOnce,
            retain: true,
            forwarded_properties: bytes::Bytes::new(),
            expires_at: None,
        })
    }

    #[tokio::test]
    async fn a_message_in_place_of_another_is_counted_instead_of_it() {
        let limits = Limits {
            retained: 2,
            retained_per_device: 1,
            retained_bytes: 12,
            retained_bytes_per_device: 6,
            ..Limits::default()
        };
        let (mut kept, mine, other): (_, Arc<str>, Arc<str>) =
            (RetainedMessages::new(), "den-01".into(), "den-02".into());
        let mut say = |owner: &Arc<str>, topic: &str, payload: &str| {
            kept.set(owner, None, &message(topic, payload), &limits)
        };
        assert_eq!(say(&mine, "a", "12"), RetainedChange::Stored);
        assert_eq!(say(&other, "b", "12"), RetainedChange::Stored);
        assert_eq!(say(&mine, "a", "12345"), RetainedChange::Stored);
        assert_eq!(say(&mine, "c", ""), RetainedChange::Unchanged);
        let refused = RetainedChange::Refused;
        assert_eq!(say(&mine, "c", "1"), refused(false), "one of each");
        assert_eq!(say(&mine, "a", "123456"), refused(true), "its own bound");
        assert_eq!(say(&mine, "a", "1234"), RetainedChange::Stored);
        assert_eq!(say(&other, "b", "12345"), RetainedChange::Stored);
        assert_eq!(say(&other, "a", "1"), refused(true), "it has one already");
        assert_eq!((kept.len(), kept.bytes, kept.refused), (1, 6, 3));
    }

    #[tokio::test]
    async fn bounds_hold_and_topics_come_in_order() {
        let limits = Limits {
            retained_per_device: 3,
            retained_bytes: 40,
            ..Limits::default()
        };
        let (mut kept, owner, other): (_, Arc<str>, Arc<str>) =
            (RetainedMessages::new(), "den-01".into(), "den-02".into());
        let said: Vec<RetainedChange> = ["b", "a", "a/c", "d"]
            .iter()
            .map(|t| kept.set(&owner, None, &message(t, "ON"), &limits))
            .collect();
        assert_eq!(
            said,
            [
                RetainedChange::Stored,
                RetainedChange::Stored,
                RetainedChange::Stored,
                RetainedChange::Refused(false)
            ]
        );
        assert_eq!(
            kept.set(&owner, None, &message("b", "ON"), &limits),
            RetainedChange::Unchanged,
            "the same again"
        );
        assert_eq!(
            kept.set(&owner, None, &message("b", &"x".repeat(60)), &limits),
            RetainedChange::Refused(true),
            "too large, and the old word is not true any more"
        );
        assert_eq!(
            kept.set(&other, None, &message("đèn/1", "ON"), &limits),
            RetainedChange::Stored
        );
        let now = Instant::now();
        let topics = |filter: &str| {
            kept.matching(filter, now)
                .map(|(_, m)| m.topic.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(topics("#"), ["a", "a/c", "đèn/1"]);
        assert_eq!(
            (topics("a/#"), topics("a"), topics("+/1"), topics("đ/#")),
            (
                vec!["a".into(), "a/c".into()],
                vec!["a".into()],
                vec!["đèn/1".into()],
                vec![]
            )
        );
        assert_eq!(
            kept.set(&other, None, &message("a", ""), &limits),
            RetainedChange::Removed
        );
        assert_eq!(
            (kept.len(), kept.bytes, kept.refused),
            (2, "a/cON".len() + "đèn/1ON".len(), 2)
        );
        let mut short = Message::clone(&message("e", "1"));
        short.expires_at = Some(now + std::time::Duration::from_secs(1));
        kept.set(&other, None, &Arc::new(short), &limits);
        assert!(kept.expire(now).is_empty());
        assert_eq!(
            kept.expire(now + std::time::Duration::from_secs(1)),
            [(other, "e".into())]
        );
    }
}
