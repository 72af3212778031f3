//! A loss of the broker's stored data, as a detail of a health reason.

use serde::{Deserialize, Serialize};

use super::reason_enum::{KeyedReason, ReasonDetail};

/// A loss of the broker's stored data: what is lost, and what is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerLoss {
    /// Groups of changes that cannot be read.
    pub groups: u64,
    /// Single changes that cannot be read.
    pub records: u64,
    /// Retained messages that are left.
    pub retained: u64,
    /// Retained messages that were there before; 0 = not known.
    pub retained_before: u64,
    /// Sessions that are left.
    pub sessions: u64,
    /// Sessions that were there before; 0 = not known.
    pub sessions_before: u64,
}

impl From<&BrokerLoss> for ReasonDetail<'_> {
    fn from(loss: &BrokerLoss) -> Self {
        let count = |key, n| KeyedReason {
            key,
            details: vec![("n", Self::Number(n))],
        };
        let left = |key, key_before, n, before| {
            if before == 0 {
                count(key, n)
            } else {
                KeyedReason {
                    key: key_before,
                    details: vec![("n", Self::Number(n)), ("before", Self::Number(before))],
                }
            }
        };
        let mut out = Vec::new();
        if loss.groups > 0 {
            out.push(count("loss-groups", loss.groups));
        }
        if loss.records > 0 {
            out.push(count("loss-records", loss.records));
        }
        out.push(left(
            "loss-retained",
            "loss-retained-before",
            loss.retained,
            loss.retained_before,
        ));
        out.push(left(
            "loss-sessions",
            "loss-sessions-before",
            loss.sessions,
            loss.sessions_before,
        ));
        Self::Reasons(out)
    }
}
