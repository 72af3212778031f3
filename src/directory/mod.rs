//! Keeps the map of the village ready: reads the file that the journal names, and makes its index.
//!
//! Invariant: everything here is derived; after a start it is made again from the file.
//! Deliberately absent: changing the map, which is a command.

use std::sync::Arc;

use crate::domain::blob::BlobRef;
use crate::domain::directory::map::VillageMap;
use crate::journal::Journal;
use crate::live::directory::DirectoryStatus;
use crate::protocol::map_file;
use crate::store::files::{Lost, PeopleFiles};
use crate::supervisor::Stop;

/// The parts that it works with.
#[derive(Clone)]
pub struct DirectoryService {
    /// Names the file.
    pub journal: Journal,
    /// Has it.
    pub files: PeopleFiles,
    /// Where pages find the map.
    pub status: DirectoryStatus,
}

impl DirectoryService {
    /// Makes the index of the map that the journal names now. Blocks.
    #[must_use]
    pub fn prepare(&self) -> Option<BlobRef> {
        let state = self.journal.state();
        let file = state.directory.map.as_ref().map(|map| map.file.clone());
        let map = file.as_ref().and_then(|file| match self.read(file) {
            Ok(map) => Some(Arc::new(map)),
            Err(cause) => {
                tracing::error!(%cause, "village map unreadable");
                None
            }
        });
        self.status.replace(map);
        file
    }

    fn read(&self, file: &BlobRef) -> Result<VillageMap, Lost> {
        let bytes = self.files.get(file)?;
        let data = map_file::read_kept(&bytes).ok_or(Lost::Damaged)?;
        VillageMap::new(data).map_err(|_| Lost::Damaged)
    }

    /// Follows the journal until `stop`.
    ///
    /// # Errors
    /// The journal closed.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut village = self.journal.watch();
        let mut ready: Option<Option<BlobRef>> = None;
        loop {
            let wanted = village
                .borrow_and_update()
                .directory
                .map
                .as_ref()
                .map(|map| map.file.clone());
            if ready.as_ref() == Some(&wanted) {
                tokio::select! {
                    changed = village.changed() => changed?,
                    () = stop.soft.cancelled() => return Ok(()),
                }
            } else {
                let this = self.clone();
                ready = Some(tokio::task::spawn_blocking(move || this.prepare()).await?);
            }
        }
    }
}
