//! The durability class of a topic, by the rules of the configuration.

use crate::protocol::broker::{DurabilityClass, DurabilityRule};
use crate::protocol::mqtt::topic::matches;

/// The rules; the first that matches a topic counts.
#[derive(Debug)]
pub struct DurabilityRules(Vec<DurabilityRule>);

impl DurabilityRules {
    pub fn new(rules: Vec<DurabilityRule>) -> Self {
        Self(rules)
    }

    /// The durability class of a topic; `Batched` if no rule matches.
    pub fn class_of(&self, topic: &str) -> DurabilityClass {
        self.0
            .iter()
            .find(|r| matches(&r.filter, topic))
            .map_or(DurabilityClass::Batched, |r| r.class)
    }
}
