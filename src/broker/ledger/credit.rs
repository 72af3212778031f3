//! What an owner may still ask of the card, and what the disk may not have yet.

use super::record::Record;
use super::{BURST, Entry, Ledger, WAITING, What};
use crate::broker::access::HOUSE;
use crate::protocol::broker::Class;

impl Ledger {
    /// True while an owner has so many changes waiting that it must wait itself.
    pub fn is_full(&self, owner: &str) -> bool {
        owner != HOUSE && self.counts.get(owner).is_some_and(|(n, _)| *n >= WAITING)
    }

    /// True when an owner owes so much that it may not even leave a will, which would be written
    /// all the same.
    pub fn owes_too_much(&self, owner: &str) -> bool {
        owner != HOUSE && self.budget.get(owner).is_some_and(|left| *left < -BURST)
    }

    /// True when a message of that class cannot be taken: too much waits, or (QoS 2, which is not
    /// sent before it is written) nothing of this owner is written for now.
    pub fn refuses(&self, owner: &str, class: Class, qos: u8) -> bool {
        // What waits before it is paid first.
        let waiting = self.counts.get(owner).map_or(0, |(_, bytes)| *bytes);
        let indebted =
            || owner != HOUSE && self.budget.get(owner).copied().unwrap_or(BURST) <= waiting;
        match class {
            Class::Memory => false,
            Class::Durable => self.is_full(owner) || qos == 2 && indebted(),
            Class::Batched => self.is_full(owner),
        }
    }

    /// True when the disk may not have the last word of a topic.
    pub fn is_unsure(&self, topic: &str) -> bool {
        self.unsure_of_all || self.topics.contains_key(topic) || self.unsure.0.contains(topic)
    }

    /// True when the disk may not have the last word about a subscription.
    pub fn is_unsure_of_filter(&self, session: u64, filter: &str) -> bool {
        let about = |e: &Entry| matches!(&e.what, What::Note(Record::Filter { session: s, filter: f, .. } | Record::Unfilter { session: s, filter: f }) if *s == session && f == filter);
        self.unsure_of_all
            || self.unsure.1.contains(&(session, filter.to_owned()))
            || self.owed.values().any(about)
    }
}
