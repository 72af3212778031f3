//! When history is packed and a snapshot made, and what of the log may go then.
//!
//! Invariants: the log is kept back to the older of two snapshots; packing that failed is tried
//! again only when there is more to pack; the village goes on meanwhile.

use std::io;
use std::sync::Arc;

use super::Writer;
use super::packing::{Checkpoint, Job, pack_and_snapshot};
use crate::journal::request::Request;
use crate::journal::snapshot::Snapshot;

impl Writer {
    /// Packs everything and writes a snapshot, before anybody builds on this start.
    pub(in crate::journal) fn settle(&mut self) -> io::Result<()> {
        self.log.seal();
        let Some(job) = self.job() else { return Ok(()) };
        let done = pack_and_snapshot(&self.folder, &job)?;
        self.checkpointed(done);
        if let Err(cause) = self.log.mend() {
            tracing::warn!(%cause, "files of the log that are gone could not be made again");
        }
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        let floor = self
            .log
            .sealed()
            .back()
            .map(|s| s.floor)
            .unwrap_or_default();
        Snapshot {
            state: Arc::new(self.state.clone()),
            outcomes: self.outcomes.clone(),
            cursors: self.cursors.clone(),
            heads: self.heads,
            floor,
            epochs: self.history.epochs(),
            first: self.history.span().0,
        }
    }

    /// Hands packing and the snapshot to a helper thread when `wanted` segments are sealed.
    pub(super) fn checkpoint(&mut self, wanted: usize) {
        let sealed = self
            .log
            .sealed()
            .iter()
            .filter(|s| s.segment > self.release_next)
            .count();
        if self.packing.is_some() || sealed < wanted || sealed <= self.failed_at {
            return;
        }
        let Some(job) = self.job() else { return };
        let folder = self.folder.clone();
        let back = self.back.clone();
        let spawned = std::thread::Builder::new()
            .name("journal-pack".into())
            .spawn(move || {
                let done = pack_and_snapshot(&folder, &job);
                if let Some(back) = back.upgrade() {
                    let _ = back.blocking_send(Request::Checkpointed);
                }
                done
            });
        match spawned {
            Ok(thread) => self.packing = Some(thread),
            Err(cause) => tracing::error!(%cause, "no thread for packing history"),
        }
    }

    fn job(&mut self) -> Option<Job> {
        self.forget_outcomes();
        let through = self.log.sealed().back().map(|s| s.segment)?;
        Some(Job {
            through,
            heads: self.packed.1,
            entries: self.history.unpacked(),
            snapshot: self.snapshot(),
        })
    }

    /// Takes the result of the packing thread.
    pub(super) fn packed_or_not(&mut self) {
        let Some(thread) = self.packing.take() else {
            return;
        };
        let done = thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the packing thread panicked")));
        match done {
            Ok(done) => self.checkpointed(done),
            Err(cause) => {
                self.failed_at = self.log.sealed().len();
                tracing::error!(%cause, "history could not be packed; it stays in the log and is tried again later");
            }
        }
    }

    fn checkpointed(&mut self, done: Checkpoint) {
        self.failed_at = 0;
        self.packed.1 = done.end;
        if let Some(pack) = done.pack {
            self.packed.0 = pack.last;
            self.history.packed(pack);
        }
        let through = std::mem::replace(&mut self.release_next, done.through);
        self.log.release(through.min(self.kept.saturating_sub(1)));
    }
}
