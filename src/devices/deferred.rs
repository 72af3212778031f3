//! Reports that wait because of a rate limit, and how much each device may still write.

use std::collections::BTreeMap;

use super::rate_limit::RateLimiter;
use super::unclaimed::UnclaimedMessages;
use crate::domain::id::{DeviceId, EntityId};
use crate::time::MonoMs;

/// Reports that wait because of a rate limit, and how much each device may still write.
#[derive(Default)]
pub(super) struct Deferred {
    /// When a report of an entity was last submitted.
    pub(super) last_report: BTreeMap<EntityId, MonoMs>,
    /// The last reports of lamps, sensors and devices that report too often; of a lamp with the
    /// entry after which it came.
    pub(super) reports: BTreeMap<EntityId, (bool, u64)>,
    pub(super) levels: BTreeMap<EntityId, f64>,
    pub(super) presence: BTreeMap<DeviceId, bool>,
    /// Discovery messages by device and topic; `adoption` bounds them.
    pub(super) announcements: BTreeMap<DeviceId, BTreeMap<String, Vec<u8>>>,
    pub(super) unclaimed: UnclaimedMessages,
    pub(super) limiter: RateLimiter,
}

impl Deferred {
    /// Drops what waits of an entity that was removed.
    pub(super) fn forget(&mut self, entity: &EntityId) {
        self.last_report.remove(entity);
        self.reports.remove(entity);
        self.levels.remove(entity);
    }
}
