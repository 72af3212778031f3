//! The block list: read when the village decides so, and said in health when it cannot be used.
//!
//! Invariants: a file that could not be used is read again by itself, once it is another one and
//! nobody writes to it any more; one that stays as it is costs no more than a look at its folder.
//! Deliberately absent: reading again a list that is in use; switching it off and on does that.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use super::GuestService;
use super::name_grounds::NameGrounds;
use super::unused_list::UnusedList;
use crate::domain::guest::WifiRules;
use crate::guests::dns::block_list::{BlockList, BlockListError};
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;

impl NameGrounds {
    /// Reads the list when the rules want it and it is not read yet; true = names are left
    /// unanswered by it from now on, or no more.
    pub(super) async fn follow_block_list(
        &mut self,
        service: &GuestService,
        rules: &WifiRules,
    ) -> bool {
        let health = &service.health;
        if !rules.block_list {
            let was_in_use = self.block_list.take().is_some();
            self.unused_list = None;
            // The advice says to switch it off: there is nothing amiss any more.
            if health.parts().contains_key(&HealthPart::BlockList) {
                health.set_green(&HealthPart::BlockList);
            }
            return was_in_use;
        }
        if self.block_list.is_some() {
            return false;
        }
        let Some(path) = service.network.block_list.clone() else {
            health.set_amber(&HealthPart::BlockList, HealthReason::BlockListMissing);
            return false;
        };
        let now = service.clock.mono_ms();
        let unused = self.unused_list.as_mut();
        if unused.is_some_and(|unused| !unused.is_due(&path, now)) {
            return false;
        }
        self.unused_list = Some(UnusedList::new(&path, now));
        self.read_block_list(service, path).await
    }

    /// Reads the file; true = it is in use now.
    async fn read_block_list(&mut self, service: &GuestService, path: PathBuf) -> bool {
        let health = &service.health;
        let shown = path.display().to_string();
        // Half a million names take a moment to read.
        let read = tokio::task::spawn_blocking(move || {
            let file = File::open(path).map_err(BlockListError::Unreadable)?;
            BlockList::load(BufReader::new(file))
        });
        match read.await {
            Ok(Ok(loaded)) => {
                if loaded.bad_count > 0 {
                    let first = loaded.bad_lines.first().map(|(line, _)| *line);
                    tracing::warn!(
                        path = shown,
                        n = loaded.bad_count,
                        line = first,
                        "lines of the block list not used"
                    );
                }
                health.set_green(&HealthPart::BlockList);
                self.block_list = Some(Arc::new(loaded.list));
                self.unused_list = None;
                true
            }
            Ok(Err(cause)) => {
                tracing::warn!(path = shown, %cause, "block list not in use");
                let reason = HealthReason::BlockListUnreadable { path: shown };
                health.set_amber(&HealthPart::BlockList, reason);
                false
            }
            // The runtime ends.
            Err(_) => false,
        }
    }
}
