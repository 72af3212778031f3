//! Messages from memory in the form that the disk has.

use tokio::time::Instant;

use super::record::{PersistedChange, StoredMessage, Target};
use crate::broker::core::message::Message;

/// The message, with what is left of its message expiry interval now.
pub fn to_stored(m: &Message, now: Instant, wall: u64) -> StoredMessage {
    let left = m.expires_at.map(|at| {
        (
            u32::try_from(at.saturating_duration_since(now).as_secs()).unwrap_or(u32::MAX),
            wall,
        )
    });
    StoredMessage {
        topic: m.topic.to_string(),
        payload: m.payload.to_vec(),
        qos: m.qos,
        retain: m.retain,
        forwarded_properties: m.forwarded_properties.clone(),
        expiry: left,
    }
}

/// A retained message as a record of a snapshot.
pub fn retained_record(owner: &str, message: &Message, now: Instant, wall: u64) -> PersistedChange {
    PersistedChange::RetainedSet {
        owner: owner.to_owned(),
        message: to_stored(message, now, wall),
    }
}

/// A queued message as a record of a snapshot.
pub fn queued_record(
    order: u64,
    message: &Message,
    targets: Vec<Target>,
    now: Instant,
    wall: u64,
) -> PersistedChange {
    PersistedChange::Queued {
        sequence: order,
        inbound: None,
        message: to_stored(message, now, wall),
        targets,
    }
}

/// The message of a will for its record.
pub fn stored_message(message: &Message, now: Instant, wall: u64) -> StoredMessage {
    to_stored(message, now, wall)
}
