//! How safely a topic's messages are kept: its class, by the rules of the configuration.

use crate::protocol::broker::{Class, Rule};
use crate::protocol::mqtt::topic::matches;

/// The class of a topic.
pub fn class_of(rules: &[Rule], topic: &str) -> Class {
    rules
        .iter()
        .find(|r| matches(&r.filter, topic))
        .map_or(Class::Batched, |r| r.class)
}
