//! The durability class of a topic, by the rules of the configuration.

use crate::protocol::broker::{DurabilityClass, DurabilityRule};
use crate::protocol::mqtt::topic::matches;

/// The durability class of a topic; `Batched` if no rule matches.
pub fn durability_class_of(rules: &[DurabilityRule], topic: &str) -> DurabilityClass {
    rules
        .iter()
        .find(|r| matches(&r.filter, topic))
        .map_or(DurabilityClass::Batched, |r| r.class)
}
