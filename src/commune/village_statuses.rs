//! The last status that each village reported, in memory: the sentence of its own home page. Each
//! report replaces the one before, and a village reports again after each connect, so nothing here
//! needs to outlive the process. Only villages of the configuration are passed here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::protocol::village_status::StatusSummary;
use crate::time::WallMs;

/// A status, and when it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedStatus {
    /// The status.
    pub summary: StatusSummary,
    /// Wall ms, by the commune's clock.
    pub at: WallMs,
}

/// The statuses; clones share them.
#[derive(Debug, Clone, Default)]
pub struct VillageStatuses(Arc<Mutex<BTreeMap<String, ReportedStatus>>>);

impl VillageStatuses {
    /// Takes a report.
    pub fn set(&self, village: &str, summary: StatusSummary, at: WallMs) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(village.to_owned(), ReportedStatus { summary, at });
    }

    /// The last report of a village; none = it has not reported since this process began.
    #[must_use]
    pub fn get(&self, village: &str) -> Option<ReportedStatus> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(village)
            .cloned()
    }
}
