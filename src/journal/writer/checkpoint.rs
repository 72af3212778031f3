//! Checkpoints: when history is packed and a snapshot written, and how much of the log is released
//! then.
//!
//! Invariants: the log is kept back to the older of two snapshots; packing that failed is tried
//! again only when there is more to pack; the writer goes on taking requests meanwhile.

use std::io;
use std::sync::Arc;

use super::JournalWriter;
use super::packing::{Checkpoint, CheckpointJob, pack_and_snapshot};
use crate::journal::request::WriterRequest;
use crate::journal::snapshot::Snapshot;

impl JournalWriter {
    /// Packs everything and writes a snapshot in the calling thread: at a start before anything is
    /// built on it, and at a clean stop.
    pub(in crate::journal) fn checkpoint_now(&mut self) -> io::Result<()> {
        self.log.seal();
        let Some(job) = self.next_job() else {
            return Ok(());
        };
        let done = pack_and_snapshot(&self.folder, &job)?;
        self.finish_checkpoint(done);
        if let Err(cause) = self.log.recreate_missing() {
            tracing::warn!(%cause, "recreating missing log segments failed");
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
        if self.checkpoint_thread.is_some() || sealed < wanted || sealed <= self.failed_at {
            return;
        }
        let Some(job) = self.next_job() else { return };
        let folder = self.folder.clone();
        let back = self.self_sender.clone();
        let spawned = std::thread::Builder::new()
            .name("journal-pack".into())
            .spawn(move || {
                let done = pack_and_snapshot(&folder, &job);
                if let Some(back) = back.upgrade() {
                    let _ = back.blocking_send(WriterRequest::Checkpointed);
                }
                done
            });
        match spawned {
            Ok(thread) => self.checkpoint_thread = Some(thread),
            Err(cause) => tracing::error!(%cause, "starting checkpoint thread failed"),
        }
    }

    fn next_job(&mut self) -> Option<CheckpointJob> {
        self.forget_outcomes();
        let through = self.log.sealed().back().map(|s| s.segment)?;
        Some(CheckpointJob {
            through,
            heads: self.packed.1,
            entries: self.history.unpacked(),
            snapshot: self.snapshot(),
        })
    }

    /// Takes the result of the packing thread.
    pub(super) fn join_checkpoint(&mut self) {
        let Some(thread) = self.checkpoint_thread.take() else {
            return;
        };
        let done = thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the packing thread panicked")));
        match done {
            Ok(done) => self.finish_checkpoint(done),
            Err(cause) => {
                self.failed_at = self.log.sealed().len();
                tracing::error!(%cause, "checkpoint failed; will retry");
            }
        }
    }

    fn finish_checkpoint(&mut self, done: Checkpoint) {
        self.failed_at = 0;
        self.packed.1 = done.end;
        if let Some(pack) = done.pack {
            self.packed.0 = pack.last;
            self.history.add_pack(pack);
        }
        let through = std::mem::replace(&mut self.release_next, done.through);
        self.log
            .release(through.min(self.release_below.saturating_sub(1)));
    }
}
