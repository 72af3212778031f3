//! The village's map with its index, ready for pages.
//!
//! Invariant: it is the map that the journal names, or the one before it for the moment in which a
//! new one is read; a map that cannot be read leaves none, never an old one.

use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::directory::map::VillageMap;

/// The map as it is now; clones share it.
#[derive(Debug, Clone, Default)]
pub struct DirectoryStatus(watch::Sender<Option<Arc<VillageMap>>>);

impl DirectoryStatus {
    /// Puts another map in its place.
    pub fn replace(&self, map: Option<Arc<VillageMap>>) {
        self.0.send_replace(map);
    }

    /// The map now; none = the village has none, or it cannot be read.
    #[must_use]
    pub fn get(&self) -> Option<Arc<VillageMap>> {
        self.0.borrow().clone()
    }
}
