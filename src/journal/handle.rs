//! The handle of the journal for the rest of the gateway: submit, read, wait.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::boot::{JournalStorage, Opened};
use super::codec::{self, Cursor};
use super::feed::Feed;
use super::history::History;
use super::report::Report;
use super::request::{Closed, CommandRequest, Committed, SubmitError, WriterRequest};
use super::writer::JournalWriter;
use super::{OpenError, StoredEntry, boot, snapshot};
use crate::domain::event::ClockQuality;
use crate::domain::state::VillageState;
use crate::log::frame::Epoch;
use crate::supervisor::clock::{Clock, MAX_UNSYNCED_ACTING_MS};
use crate::supervisor::io_cause::IoCause;
use crate::time::WallMs;

/// Requests that may queue before submitters wait.
const REQUEST_QUEUE: usize = 1024;

/// The journal; clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    requests: mpsc::Sender<WriterRequest>,
    state: watch::Receiver<Arc<VillageState>>,
    /// Keeps the channel open when a failed writer has ended: a task that waits for the next
    /// commit goes on waiting and gets no error.
    _publish: watch::Sender<Arc<VillageState>>,
    history: Arc<History>,
    failed: watch::Receiver<Option<IoCause>>,
    cursors: Arc<Mutex<BTreeMap<String, u64>>>,
    epoch: Epoch,
    folder: Arc<Path>,
}

impl Journal {
    /// Opens the journal for this boot and starts its thread. The report describes the damage;
    /// `HistoryDamaged` entries for it are already written then. On a medium that can be read but
    /// is full or refuses writes, the journal opens as if it had failed while it ran: it can be
    /// read and accepts nothing.
    ///
    /// # Errors
    /// [`OpenError`] when the medium cannot be read, may only be read, or was written by a newer
    /// program.
    pub fn open(
        place: JournalStorage,
        epoch: Epoch,
        clock: Clock,
    ) -> Result<(Self, Report), OpenError> {
        let folder = place.folder.clone();
        let opened = boot::open(place, epoch)?;
        let report = opened.report.clone();
        let settles = opened.lacks_snapshot || !report.is_clean();
        clock.raise_floor(latest_synced_wall_ms(&opened));
        clock.expect_at_start(plausible_wall_ms(&opened));
        let previous = opened
            .snapshot
            .epochs
            .last()
            .map(|e| codec::epoch_text(&e.epoch))
            .unwrap_or_default();
        let history = opened.history.clone();
        let cursors = Arc::new(Mutex::new(opened.snapshot.cursors.clone()));
        let (publish, state) = watch::channel(opened.snapshot.state.clone());
        let (requests, inbox) = mpsc::channel(REQUEST_QUEUE);
        let mut writer = JournalWriter::new(
            opened,
            epoch,
            clock,
            folder.clone(),
            publish.clone(),
            inbox,
            requests.downgrade(),
        );
        let (fail, failed) = watch::channel(None);
        let journal = Self {
            requests,
            state,
            _publish: publish,
            history,
            failed,
            cursors,
            epoch,
            folder: folder.clone().into(),
        };
        if let Err(cause) = writer.begin(&report.damage, &previous) {
            if cause.kind() == std::io::ErrorKind::ReadOnlyFilesystem {
                return Err(OpenError::Io { folder, cause });
            }
            tracing::error!(%cause, "journal not writable at start: read-only until restart");
            fail.send_replace(Some(cause.into()));
            return Ok((journal, report));
        }
        if settles && let Err(cause) = writer.checkpoint_now() {
            // Nothing was released because of the snapshot: packs and log are as good at the next
            // start, and the next checkpoint tries again.
            tracing::error!(%cause, "writing snapshot at start failed");
        }
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writer.run()));
                if let Err(cause) = ended
                    .unwrap_or_else(|_| Err(std::io::Error::other("the journal's thread panicked")))
                {
                    tracing::error!(
                        %cause,
                        "journal failed: read-only until restart; acknowledged data safe"
                    );
                    fail.send_replace(Some(cause.into()));
                }
            });
        thread.map_err(|cause| OpenError::Io { folder, cause })?;
        Ok((journal, report))
    }

    /// Submits a command and waits until it is decided and durable.
    ///
    /// # Errors
    /// [`SubmitError`] when it was rejected or the journal ended.
    pub async fn submit(&self, request: CommandRequest) -> Result<Committed, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(WriterRequest::Submit(Box::new(request), reply))
            .await
            .map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)?
    }

    /// A no-op that the writer answers after the group before it. The watchdog asks for it.
    ///
    /// # Errors
    /// [`Closed`] when the journal ended.
    pub async fn ping(&self) -> Result<(), Closed> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(WriterRequest::Ping(reply))
            .await
            .map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }

    /// Packs everything, writes a snapshot and ends.
    ///
    /// # Errors
    /// [`Closed`] when that failed; everything that was answered is in the log all the same.
    pub async fn shutdown(&self) -> Result<(), Closed> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(WriterRequest::Shutdown(reply))
            .await
            .map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)?
    }

    /// Ends the writer as a kill would: no packing, no snapshot. No thread of this
    /// journal touches the folder afterwards.
    #[cfg(test)]
    pub(super) fn kill(&self) {
        let (gone, wait) = std::sync::mpsc::channel();
        if self.requests.try_send(WriterRequest::Kill(gone)).is_ok() {
            let _ = wait.recv();
        }
    }

    /// The village as it is now.
    #[must_use]
    pub fn state(&self) -> Arc<VillageState> {
        self.state.borrow().clone()
    }

    /// Wakes after each commit.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<VillageState>> {
        self.state.clone()
    }

    /// The reason, as soon as the medium failed; none = it did not.
    #[must_use]
    pub fn failed(&self) -> watch::Receiver<Option<IoCause>> {
        self.failed.clone()
    }

    /// The epoch of this boot.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// History; its methods that read files are not for an async thread.
    #[must_use]
    pub fn history(&self) -> Arc<History> {
        self.history.clone()
    }

    /// Up to `limit` entries after `seq`, oldest first; entries that cannot be read are left out.
    pub async fn after(&self, seq: u64, limit: usize) -> Vec<Arc<StoredEntry>> {
        if let Some(found) = self.history.recent_after(seq, limit) {
            return found;
        }
        let history = self.history.clone();
        tokio::task::spawn_blocking(move || history.after(seq, limit))
            .await
            .unwrap_or_default()
    }

    /// Up to `limit` entries before `seq`, newest first; entries that cannot be read are left out.
    pub async fn before(&self, seq: u64, limit: usize) -> Vec<Arc<StoredEntry>> {
        let history = self.history.clone();
        tokio::task::spawn_blocking(move || history.before(seq, limit))
            .await
            .unwrap_or_default()
    }

    /// Every entry in order from where the feed `name` stopped; a new feed begins after entry
    /// `start`.
    #[must_use]
    pub fn feed(&self, name: &str, start: u64) -> Feed {
        let at = self
            .cursors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .copied()
            .unwrap_or(start);
        Feed::new(self.clone(), name, at)
    }

    pub(super) async fn move_cursor(&self, cursor: Cursor) -> Result<(), Closed> {
        {
            let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
            let at = cursors.entry(cursor.feed.clone()).or_default();
            *at = (*at).max(cursor.seq);
        }
        self.requests
            .send(WriterRequest::Cursor(cursor))
            .await
            .map_err(|_| Closed)
    }

    /// The cursor of a feed, as it was last acknowledged; 0 = never.
    #[must_use]
    pub fn cursor(&self, feed: &str) -> u64 {
        self.cursors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(feed)
            .copied()
            .unwrap_or(0)
    }

    /// Packs history and writes a snapshot now, also when few segments are full. Once a day is
    /// enough.
    ///
    /// # Errors
    /// [`Closed`] when the journal ended.
    pub async fn checkpoint(&self) -> Result<(), Closed> {
        self.requests
            .send(WriterRequest::Checkpoint)
            .await
            .map_err(|_| Closed)
    }

    /// The folder of its packs and snapshots.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether history below `floor` may be trimmed: at least two whole snapshots must hold the
    /// village as that history made it, because nothing else knows it afterwards.
    pub async fn may_trim(&self, floor: u64) -> bool {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || {
            snapshot::count_covering(&folder, floor.saturating_sub(1)) >= 2
        })
        .await
        .unwrap_or(false)
    }

    /// Trims history below `floor`, as far as it is packed. Ask [`Journal::may_trim`] before.
    ///
    /// # Errors
    /// [`Closed`] when the journal ended.
    pub async fn trim(&self, floor: u64) -> Result<(), Closed> {
        self.requests
            .send(WriterRequest::Trim(floor))
            .await
            .map_err(|_| Closed)
    }

    /// Waits for an entry caused by entry `seq` that `wanted` accepts; none when `within` passed
    /// first.
    pub async fn wait_for_effect(
        &self,
        seq: u64,
        within: Duration,
        mut wanted: impl FnMut(&StoredEntry) -> bool,
    ) -> Option<Arc<StoredEntry>> {
        let mut watch = self.watch();
        let mut at = seq;
        let search = async {
            loop {
                watch.borrow_and_update();
                loop {
                    let found = self.after(at, 256).await;
                    let Some(last) = found.last() else { break };
                    at = last.entry.seq;
                    if let Some(hit) = found
                        .into_iter()
                        .find(|e| e.entry.cause == Some(seq) && wanted(e))
                    {
                        return Some(hit);
                    }
                }
                watch.changed().await.ok()?;
            }
        };
        tokio::time::timeout(within, search).await.ok().flatten()
    }
}

/// The wall time that recent history makes plausible: the latest that was confirmed, or that came
/// no more than a few days after the one before. An entry of a clock that had jumped ahead says
/// nothing.
fn plausible_wall_ms(opened: &Opened) -> WallMs {
    let last = opened.history.span().1;
    let recent = opened.history.before(last.saturating_add(1), 500);
    let mut known: Option<WallMs> = None;
    for entry in recent.iter().rev().map(|stored| &stored.entry) {
        let at = entry.wall_ms;
        let is_near = known.is_none_or(|known| at.since(known) < MAX_UNSYNCED_ACTING_MS);
        match entry.clock {
            ClockQuality::Synced => known = Some(at),
            ClockQuality::Restored if is_near => known = known.max(Some(at)),
            ClockQuality::Restored | ClockQuality::None => {}
        }
    }
    known.unwrap_or(WallMs::MIN)
}

/// The latest wall time in recent history that was written with a synced clock, for the clock's
/// floor; 0 = none.
fn latest_synced_wall_ms(opened: &Opened) -> WallMs {
    let last = opened.history.span().1;
    let synced = |e: &&Arc<StoredEntry>| e.entry.clock == ClockQuality::Synced;
    opened
        .history
        .before(last.saturating_add(1), 500)
        .iter()
        .find(synced)
        .map_or(WallMs::default(), |e| e.entry.wall_ms)
}
