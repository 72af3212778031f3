//! The block list: read when the village decides so, and said in health when it cannot be used.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use super::GuestService;
use super::name_grounds::NameGrounds;
use crate::domain::guest::WifiRules;
use crate::guests::dns::block_list::{BlockList, BlockListError};
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;

impl NameGrounds {
    /// Reads the list when the rules want it and it is not read yet.
    pub(super) async fn follow_block_list(&mut self, service: &GuestService, rules: &WifiRules) {
        let health = &service.health;
        if !rules.block_list {
            self.block_list = None;
            // The advice says to switch it off: there is nothing amiss any more.
            if health.parts().contains_key(&HealthPart::BlockList) {
                health.set_green(&HealthPart::BlockList);
            }
            return;
        }
        if self.block_list.is_some() {
            return;
        }
        let Some(path) = service.network.block_list.clone() else {
            health.set_amber(&HealthPart::BlockList, HealthReason::BlockListMissing);
            return;
        };
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
            }
            Ok(Err(cause)) => {
                tracing::warn!(path = shown, %cause, "block list not in use");
                let reason = HealthReason::BlockListUnreadable { path: shown };
                health.set_amber(&HealthPart::BlockList, reason);
            }
            // The runtime ends.
            Err(_) => {}
        }
    }
}
