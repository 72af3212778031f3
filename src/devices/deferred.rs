//! What waits for its turn, and how much each device may still write.

use std::collections::BTreeMap;

use super::rate_limit::RateLimiter;
use crate::domain::id::{DeviceId, EntityId};

/// What waits for its turn, and how much each device may still write.
#[derive(Default)]
pub(super) struct Deferred {
    /// When a report of an entity was last taken, monotonic ms.
    pub(super) last_report_ms: BTreeMap<EntityId, u64>,
    /// The last word of entities, sensors and devices that spoke too often; of lamps with the
    /// entry it came after.
    pub(super) reports: BTreeMap<EntityId, (bool, u64)>,
    pub(super) levels: BTreeMap<EntityId, f64>,
    pub(super) presence: BTreeMap<DeviceId, bool>,
    /// Announcements by device and topic; `adoption` bounds them.
    pub(super) announcements: BTreeMap<DeviceId, BTreeMap<String, Vec<u8>>>,
    pub(super) limiter: RateLimiter,
}

impl Deferred {
    /// What waits of an entity that is gone.
    pub(super) fn forget(&mut self, entity: &EntityId) {
        self.last_report_ms.remove(entity);
        self.reports.remove(entity);
        self.levels.remove(entity);
    }
}
