//! What waits for its turn, and how much each device may still write.

use std::collections::BTreeMap;

use super::budget::Budget;
use crate::domain::id::{DeviceId, EntityId};

/// What waits for its turn, and how much each device may still write.
#[derive(Default)]
pub(super) struct Turns {
    /// When a report of an entity was last taken, monotonic ms.
    pub(super) taken: BTreeMap<EntityId, u64>,
    /// The last word of entities, sensors and devices that spoke too often; of lamps with the
    /// entry it came after.
    pub(super) held: BTreeMap<EntityId, (bool, u64)>,
    pub(super) levels: BTreeMap<EntityId, f64>,
    pub(super) presence: BTreeMap<DeviceId, bool>,
    /// Announcements by device and topic; `adoption` bounds them.
    pub(super) announced: BTreeMap<DeviceId, BTreeMap<String, Vec<u8>>>,
    pub(super) budget: Budget,
}

impl Turns {
    /// What waits of an entity that is gone.
    pub(super) fn forget(&mut self, entity: &EntityId) {
        self.taken.remove(entity);
        self.held.remove(entity);
        self.levels.remove(entity);
    }
}
