//! The scrub of history: reads stored packs and snapshots slowly, so that corruption is found
//! before somebody needs the data.

use std::path::Path;
use std::time::Duration;

use super::{Journal, pack, snapshot};

/// Bytes that are read before the next pause, so few that the running gateway is not slowed down.
const BYTES_PER_STEP: u64 = 256 * 1024;

/// The result of a scrub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Blocks that were read.
    pub blocks: usize,
    /// Damaged copies of snapshots; they were removed, and others are written.
    pub snapshots: usize,
}

/// Reads every pack block by block with a pause after each step, and then the snapshots. The blocks
/// that cannot be read are in [`super::history::History::unreadable`] afterwards.
pub async fn scrub(journal: &Journal, pause: Duration) -> ScrubReport {
    let history = journal.history();
    let mut out = ScrubReport::default();
    for pack in history.packs() {
        let mut rest = pack.blocks.as_slice();
        while !rest.is_empty() {
            let begins = rest[0].at;
            let n = rest
                .iter()
                .take_while(|b| b.at < begins + BYTES_PER_STEP)
                .count()
                .max(1);
            let (blocks, after) = rest.split_at(n);
            let (path, blocks, history) = (pack.path.clone(), blocks.to_vec(), history.clone());
            out.blocks += n;
            let looked = tokio::task::spawn_blocking(move || {
                for block in blocks {
                    if let Err(cause) = pack::read(&path, &block) {
                        history.mark_unreadable(&path, &block, &cause);
                    }
                }
            });
            if let Err(cause) = looked.await {
                tracing::error!(%cause, "history scrub panicked");
            }
            rest = after;
            tokio::time::sleep(pause).await;
        }
    }
    let folder = journal.folder().to_owned();
    out.snapshots = tokio::task::spawn_blocking(move || remove_damaged_snapshots(&folder))
        .await
        .unwrap_or(0);
    if out.snapshots > 0 && journal.checkpoint().await.is_err() {
        tracing::warn!("snapshots damaged, journal read-only: rewritten at next start");
    }
    out
}

fn remove_damaged_snapshots(folder: &Path) -> usize {
    let Ok(copies) = snapshot::list(folder) else {
        return 0;
    };
    let damaged: Vec<_> = copies
        .into_iter()
        .filter(|c| c.snapshot.is_none() && !c.is_io_error)
        .collect();
    for copy in &damaged {
        tracing::error!(path = %copy.path.display(), "damaged snapshot removed; writing another");
        let _ = std::fs::remove_file(&copy.path);
    }
    damaged.len()
}
