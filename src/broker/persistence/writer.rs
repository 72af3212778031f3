//! The thread that writes the persistence log.
//!
//! Invariants:
//!
//! - A change with a ticket waits a few milliseconds for others, then one flush serves them all
//!   (group commit). If nobody waits for it any more by then, this thread sleeps on.
//! - A change without a ticket is written within a second.
//! - When storage has had its budget of bytes for now, both wait longer, and nothing is lost.
//! - Storage that fails never ends the broker: tickets are resolved as failed, everything stays in
//!   memory, and a complete snapshot is written once storage works again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::WriteBatch;
use super::record::PersistedChange;
use super::snapshot::BrokerSnapshot;
use super::store::PersistenceFiles;
use crate::broker::shared::SharedBroker;

/// Changes without a ticket are written at least this often.
const WRITE_INTERVAL: Duration = Duration::from_millis(900);
/// How long a change with a ticket waits for others. Recipients that acknowledge within this time
/// save the write: a message that every recipient has need not be on disk.
const GROUP_COMMIT_DELAY: Duration = Duration::from_millis(4);
/// Both delays, once storage has had its budget.
const THROTTLED_DELAY: Duration = Duration::from_secs(5);
/// Pause before storage that failed is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// Bytes that are written at once, and then in a second: 130 MB a day.
const DISK_BUDGET: (f64, f64) = (128.0 * 1024.0 * 1024.0, 1536.0);
/// Bytes that a flush costs beside its contents.
const FLUSH_COST_BYTES: f64 = 4096.0;

/// How many bytes may still be written.
struct DiskBudget {
    remaining: f64,
    refilled_at: Instant,
}

impl DiskBudget {
    fn take(&mut self, bytes: f64, now: Instant) -> bool {
        let passed = now
            .saturating_duration_since(self.refilled_at)
            .as_secs_f64();
        self.refilled_at = now;
        self.remaining = (self.remaining + passed * DISK_BUDGET.1).min(DISK_BUDGET.0) - bytes;
        self.remaining > 0.0
    }
}

/// Writes until `WriterWakeup::finish` asks for the last round.
///
/// If storage could not be opened at the start (`store` is `None`), its contents are not known and
/// must not be overwritten: once storage can be opened, the worker is restarted to read it.
pub fn run_writer(broker: &SharedBroker, store: Option<PersistenceFiles>, folder: &Path) {
    let wakeup = broker.lock().persistence.wakeup.clone();
    let mut writer = PersistenceWriter {
        broker,
        folder,
        never_opened: store.is_none(),
        store,
        retry_at: Instant::now(),
        budget: DiskBudget {
            remaining: DISK_BUDGET.0,
            refilled_at: Instant::now(),
        },
        last_take: Instant::now(),
        within_budget: true,
    };
    let mut last_round = Instant::now();
    loop {
        let (commit_delay, interval) = writer.delays();
        let is_last_round = wakeup.wait(last_round, commit_delay, interval);
        let now = Instant::now();
        let (mut batch, snapshot) = writer.take_changes(now, is_last_round);
        if writer.never_opened && snapshot.is_some() && writer.open_files().is_ok() {
            broker.restart_requested.cancel();
            return;
        }
        let before = writer.bytes_written();
        let done = writer.write(&mut batch, snapshot);
        let is_durable = done.is_ok();
        if let Err(cause) = done {
            writer.on_write_failed(&cause, now);
        }
        batch.tickets.iter().for_each(|r| r.resolve(is_durable));
        let wrote = writer.bytes_written().saturating_sub(before);
        writer.charge(wrote, now);
        writer.finish_round(&batch, wrote, is_last_round);
        if is_last_round {
            return;
        }
        last_round = Instant::now();
    }
}

/// Wakes the writer when the commit delay is over and somebody still waits for the disk; for ever.
pub async fn run_group_commit(broker: Arc<SharedBroker>) {
    let wakeup = broker.lock().persistence.wakeup.clone();
    loop {
        let group = broker.lock().persistence.begin_commit_group();
        let Some((since, last)) = group else {
            wakeup.requested().await;
            continue;
        };
        tokio::time::sleep_until(since + wakeup.commit_delay()).await;
        if broker.lock().persistence.is_awaited(last) {
            wakeup.notify();
        }
    }
}

struct PersistenceWriter<'a> {
    broker: &'a SharedBroker,
    folder: &'a Path,
    /// `None` while storage fails.
    store: Option<PersistenceFiles>,
    /// Storage could not be opened at the start.
    never_opened: bool,
    /// When storage that failed is tried again.
    retry_at: Instant,
    budget: DiskBudget,
    last_take: Instant,
    within_budget: bool,
}

impl PersistenceWriter<'_> {
    /// How long a change with a ticket waits for others, and a change without one.
    fn delays(&self) -> (Duration, Duration) {
        match (&self.store, self.within_budget) {
            // Recipients that acknowledge in this time need no disk.
            (None, _) => (Duration::from_millis(250), WRITE_INTERVAL),
            (_, true) => (GROUP_COMMIT_DELAY, WRITE_INTERVAL),
            (_, false) => (THROTTLED_DELAY, THROTTLED_DELAY),
        }
    }

    fn bytes_written(&self) -> u64 {
        self.store.as_ref().map_or(0, |s| s.bytes_written)
    }

    fn open_files(&self) -> io::Result<PersistenceFiles> {
        let epoch = crate::keys::secret::random()?;
        let (files, _) = PersistenceFiles::open(self.folder, epoch, false)?;
        Ok(files)
    }

    /// Takes the changes of this round under the broker's lock, and a snapshot if one is due.
    fn take_changes(
        &mut self,
        now: Instant,
        is_last_round: bool,
    ) -> (WriteBatch, Option<BrokerSnapshot>) {
        let passed = (!is_last_round)
            .then(|| now.saturating_duration_since(std::mem::replace(&mut self.last_take, now)));
        let mut core = self.broker.lock();
        let wall = core.wall_s();
        let reopen = self.store.is_none() && (now >= self.retry_at || is_last_round);
        if self.never_opened && reopen {
            self.retry_at = now + RETRY_INTERVAL;
        }
        let rewrite = self.store.is_some() && std::mem::take(&mut core.persistence.full_rewrite);
        let full = reopen
            || rewrite
            || self
                .store
                .as_ref()
                .is_some_and(PersistenceFiles::wants_snapshot);
        let batch = core
            .persistence
            .take_batch(if full { None } else { passed }, now, wall);
        (batch, full.then(|| core.snapshot(now)))
    }

    /// Writes the changes and the snapshot; storage that failed is opened again for a snapshot.
    fn write(
        &mut self,
        batch: &mut WriteBatch,
        snapshot: Option<BrokerSnapshot>,
    ) -> io::Result<()> {
        let records = std::mem::take(&mut batch.records);
        if let Some(store) = &mut self.store {
            store.write(records.into_iter())?;
            // These tickets do not wait for the snapshot.
            batch.tickets.drain(..).for_each(|r| r.resolve(true));
            return snapshot.map_or(Ok(()), |snapshot| store.write_snapshot(&snapshot));
        }
        if self.never_opened {
            return Err(io::Error::other("storage was unusable at start"));
        }
        let Some(snapshot) = snapshot else {
            return Err(io::Error::other("storage failed before"));
        };
        let mut fresh = self.open_files()?;
        fresh.write_snapshot(&snapshot)?;
        tracing::info!("broker persistence recovered");
        self.store = Some(fresh);
        Ok(())
    }

    fn on_write_failed(&mut self, cause: &io::Error, now: Instant) {
        if self.store.is_some() || now >= self.retry_at {
            tracing::error!(
                %cause,
                "broker persistence failed; keeping messages in memory, will retry"
            );
            self.store = None;
            self.retry_at = now + RETRY_INTERVAL;
        }
    }

    fn charge(&mut self, wrote: u64, now: Instant) {
        let cost = if wrote > 0 {
            wrote as f64 + FLUSH_COST_BYTES
        } else {
            0.0
        };
        self.within_budget = self.budget.take(cost, now);
    }

    /// Lets deliveries go on that waited for the batch, and writes the watermark if it is due. The
    /// last round also records which messages were never sent.
    fn finish_round(&mut self, batch: &WriteBatch, wrote: u64, is_last_round: bool) {
        let mut core = self.broker.lock();
        core.counters.storage_failing = self.store.is_none();
        core.persistence.storage_failed = self.store.is_none();
        core.counters.bytes_written += wrote;
        core.on_batch_written(batch);
        let unsent = if is_last_round {
            core.never_sent_changes()
        } else {
            Vec::new()
        };
        let counts = (is_last_round
            || self
                .store
                .as_ref()
                .is_some_and(PersistenceFiles::wants_watermark))
        .then(|| core.persistent_counts());
        drop(core);
        let Some(store) = &mut self.store else {
            return;
        };
        // Without this record the messages are sent with DUP after the restart, as after a crash.
        if is_last_round && let Err(cause) = store.write(unsent.iter().map(PersistedChange::encode))
        {
            tracing::warn!(%cause, "broker persistence: cannot record unsent messages");
        }
        if let Some(counts) = counts {
            store.write_watermark(counts);
        }
    }
}
