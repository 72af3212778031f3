//! Keeps the map of the village ready: reads the file that the journal names, and makes its index.
//!
//! Invariants: everything here is derived; after a start it is made again from the file. A map that
//! cannot be read is told in health and is read again every minute. Deliberately absent: changing
//! the map, which is a command.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::domain::blob::BlobRef;
use crate::domain::directory::map::VillageMap;
use crate::domain::state::VillageState;
use crate::journal::Journal;
use crate::live::directory::DirectoryStatus;
use crate::protocol::map_file;
use crate::store::files::{Lost, PeopleFiles};
use crate::supervisor::Stop;
use crate::supervisor::health::{Health, HealthPart};
use crate::supervisor::health_reason::HealthReason;

/// Wait before a map that could not be read is read again.
const AGAIN: Duration = Duration::from_secs(60);

/// The parts that it works with.
#[derive(Clone)]
pub struct DirectoryService {
    /// Names the file.
    pub journal: Journal,
    /// Has it.
    pub files: PeopleFiles,
    /// Where pages find the map.
    pub status: DirectoryStatus,
    /// Where it is told that the map cannot be read.
    pub health: Health,
}

/// The file that was read last.
#[derive(Debug)]
pub struct ReadMap {
    /// The file; none = the village has no map.
    file: Option<BlobRef>,
    /// Why it could not be read; none = it could.
    lost: Option<Lost>,
}

fn file_of(state: &VillageState) -> Option<BlobRef> {
    state.directory.map.as_ref().map(|map| map.file.clone())
}

impl DirectoryService {
    /// Makes the index of the map that the journal names now. Blocks.
    #[must_use]
    pub fn prepare(&self) -> ReadMap {
        let file = file_of(&self.journal.state());
        let read = file.as_ref().map(|file| self.read(file)).transpose();
        let lost = read.as_ref().err().copied();
        self.status.replace(read.ok().flatten().map(Arc::new));
        ReadMap { file, lost }
    }

    fn read(&self, file: &BlobRef) -> Result<VillageMap, Lost> {
        let bytes = self.files.get(file)?;
        let data = map_file::read_kept(&bytes).ok_or(Lost::Damaged)?;
        VillageMap::new(data).map_err(|_| Lost::Damaged)
    }

    /// Reads the map off the async threads, and tells whether that could be done.
    async fn read_again(&self, was_lost: bool) -> anyhow::Result<ReadMap> {
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || this.prepare()).await?;
        match read.lost {
            Some(cause) if !was_lost => tracing::error!(%cause, "village map unreadable"),
            None if was_lost => tracing::info!("village map readable again"),
            _ => {}
        }
        let reason = read.lost.map(|_| HealthReason::MapUnreadable);
        self.health
            .set_amber_or_green(&HealthPart::Directory, reason);
        Ok(read)
    }

    /// Follows the journal until `stop`.
    ///
    /// # Errors
    /// The journal closed.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut village = self.journal.watch();
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut read = self.read_again(false).await?;
        loop {
            let is_time = tokio::select! {
                changed = village.changed() => changed.map(|()| false)?,
                _ = again.tick(), if read.lost.is_some() => true,
                () = stop.soft.cancelled() => return Ok(()),
            };
            if is_time || file_of(&village.borrow_and_update()) != read.file {
                read = self.read_again(read.lost.is_some()).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::actor::Actor;
    use crate::domain::directory::Command;
    use crate::journal::{CommandRequest, JournalStorage, boot};
    use crate::keys::secret;
    use crate::log::disk::DirDisk;
    use crate::supervisor::clock::Clock;
    use crate::supervisor::health::HealthStatus;

    fn service(dir: &Path) -> DirectoryService {
        let clock = Clock::manual(1_795_232_640_000);
        let place = JournalStorage {
            folder: boot::folder(dir),
            disk: Box::new(DirDisk::open(&dir.join("log")).expect("log")),
            village: None,
        };
        let epoch = secret::random().expect("random");
        let (journal, _) = Journal::open(place, epoch, clock.clone()).expect("opens");
        DirectoryService {
            journal,
            files: PeopleFiles::open(&dir.join("people"), vec![7; 32]).expect("files"),
            status: DirectoryStatus::default(),
            health: Health::new(clock),
        }
    }

    #[tokio::test]
    async fn a_map_that_cannot_be_read_is_told_and_read_again() {
        let temporary = tempfile::tempdir().expect("folder");
        let dir = temporary.path();
        let service = service(dir);
        let demo = std::fs::read("config/demo/map.geojson").expect("the demo's map");
        let data = map_file::read(&demo, None).expect("right");
        let kept = map_file::kept(&data);
        let file = service.files.put_file(kept).await.expect("written");
        let order = Command::Replace {
            file: file.clone(),
            roads: 12,
            houses: 312,
            following: Vec::new(),
            withdraw_others: false,
        };
        let request = CommandRequest::new(Actor::LocalAdmin, order);
        service.journal.submit(request).await.expect("done");
        let condition = || {
            let part = service.health.parts()[&HealthPart::Directory].clone();
            (part.status, part.reason, service.status.get().is_some())
        };
        let read = service.read_again(false).await.expect("read");
        assert_eq!(condition(), (HealthStatus::Green, None, true));
        assert_eq!(read.file, Some(file.clone()));

        let copies = ["a", "b"].map(|copy| dir.join("people").join(copy).join(file.id.as_str()));
        let bytes = std::fs::read(&copies[0]).expect("read");
        for copy in &copies {
            std::fs::remove_file(copy).expect("gone");
        }
        let read = service.read_again(false).await.expect("read");
        assert_eq!(read.lost, Some(Lost::Erased));
        let unreadable = Some(HealthReason::MapUnreadable);
        assert_eq!(condition(), (HealthStatus::Amber, unreadable, false));

        for copy in &copies {
            std::fs::write(copy, &bytes).expect("written");
        }
        let read = service.read_again(true).await.expect("read");
        assert_eq!(condition(), (HealthStatus::Green, None, true));
        assert_eq!(read.lost, None);
        service.journal.shutdown().await.expect("stopped");
    }
}
