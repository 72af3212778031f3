//! Messages of the machine as the disk keeps them.

use tokio::time::Instant;

use super::record::{Kept, Record, Target};
use crate::broker::message::Message;

/// A message as it stands now.
pub fn kept(m: &Message, now: Instant, wall: u64) -> Kept {
    let left = m.expires.map(|at| {
        (
            u32::try_from(at.saturating_duration_since(now).as_secs()).unwrap_or(u32::MAX),
            wall,
        )
    });
    Kept {
        topic: m.topic.to_string(),
        payload: m.payload.to_vec(),
        qos: m.qos,
        retain: m.retain,
        forward: m.forward.clone(),
        left,
    }
}

/// A retained message as a record of a dump.
pub fn put(owner: &str, message: &Message, now: Instant, wall: u64) -> Record {
    Record::Put {
        owner: owner.to_owned(),
        message: kept(message, now, wall),
    }
}

/// A queued message as a record of a dump.
pub fn queued(
    order: u64,
    message: &Message,
    targets: Vec<Target>,
    now: Instant,
    wall: u64,
) -> Record {
    Record::Queue {
        order,
        inbound: (0, 0),
        message: kept(message, now, wall),
        targets,
    }
}

/// A will as a record.
pub fn message_of(message: &Message, now: Instant, wall: u64) -> Kept {
    kept(message, now, wall)
}
