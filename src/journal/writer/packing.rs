//! One checkpoint as a job for a helper thread: its input, the work, its result.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::journal::chain::Heads;
use crate::journal::snapshot::Snapshot;
use crate::journal::{StoredEntry, pack, snapshot};

/// A finished checkpoint: the entries of segments up to `through` are in `pack` (none = there were
/// no entries), and `end` are the chain's heads after them.
pub(super) struct Checkpoint {
    pub(super) through: u64,
    pub(super) pack: Option<pack::Pack>,
    pub(super) end: Heads,
}

/// The input of a checkpoint.
pub(super) struct CheckpointJob {
    pub(super) through: u64,
    pub(super) heads: Heads,
    pub(super) entries: Vec<Arc<StoredEntry>>,
    pub(super) snapshot: Snapshot,
}

/// Writes the pack, then the snapshot that includes its entries. Blocks.
pub(super) fn pack_and_snapshot(folder: &Path, job: &CheckpointJob) -> io::Result<Checkpoint> {
    let end = job.snapshot.heads;
    let pack = if job.entries.is_empty() {
        None
    } else {
        Some(pack::write(folder, &job.heads, &end, &job.entries)?)
    };
    snapshot::write(folder, &job.snapshot)?;
    Ok(Checkpoint {
        through: job.through,
        pack,
        end,
    })
}
