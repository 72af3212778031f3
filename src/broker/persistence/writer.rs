//! The thread that writes what is owed.
//!
//! Invariants: who waits for the card waits a few milliseconds for company, then one flush serves
//! all; what nobody waits for is written within a second; when the card had its share of bytes for
//! now, both wait longer and nothing is lost. A card that fails costs those who wait their answer,
//! never the broker: everything stays in memory and is written again, whole, when it can be.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::record::PersistedChange;
use super::store::PersistenceFiles;
use crate::broker::shared::SharedBroker;

/// What nobody waits for is written at least this often.
const WRITE_INTERVAL: Duration = Duration::from_millis(900);
/// So long somebody who waits for the card waits for company; those who are quick acknowledge in
/// this time, and what they have need not be written.
const GROUP_COMMIT_DELAY: Duration = Duration::from_millis(4);
/// Both, when the card had its share.
const THROTTLED_DELAY: Duration = Duration::from_secs(5);
/// Pause before a failing card is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// Bytes that the card takes at once, and then in a second: 130 MB a day.
const DISK_BUDGET: (f64, f64) = (128.0 * 1024.0 * 1024.0, 1536.0);
/// What a flush costs beside its bytes.
const FLUSH_COST_BYTES: f64 = 4096.0;

/// How many bytes the card may have.
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

/// Writes until the bell says that it is over.
///
/// Without a store at the beginning it knows nothing of what stands on the card, and must not write
/// over it: when the card can be used again the worker begins anew.
pub fn run_writer(broker: &SharedBroker, store: Option<PersistenceFiles>, folder: &Path) {
    let wakeup = broker.lock().persistence.wakeup.clone();
    let never_opened = store.is_none();
    let mut store = store;
    let mut retry_at = Instant::now();
    let mut budget = DiskBudget {
        remaining: DISK_BUDGET.0,
        refilled_at: Instant::now(),
    };
    let mut last_take = Instant::now();
    let mut within_budget = true;
    loop {
        let (commit_delay, interval) = match (&store, within_budget) {
            // Those who are quick may still take it themselves.
            (None, _) => (Duration::from_millis(250), WRITE_INTERVAL),
            (_, true) => (GROUP_COMMIT_DELAY, WRITE_INTERVAL),
            (_, false) => (THROTTLED_DELAY, THROTTLED_DELAY),
        };
        let is_last_round = wakeup.wait(commit_delay, interval);
        let now = Instant::now();
        let passed = (!is_last_round)
            .then(|| now.saturating_duration_since(std::mem::replace(&mut last_take, now)));
        let (mut batch, snapshot) = {
            let mut core = broker.lock();
            let wall = core.wall_s();
            let reopen = store.is_none() && (now >= retry_at || is_last_round);
            if never_opened && reopen {
                retry_at = now + RETRY_INTERVAL;
            }
            let rewrite = store.is_some() && std::mem::take(&mut core.persistence.full_rewrite);
            let full =
                reopen || rewrite || store.as_ref().is_some_and(PersistenceFiles::wants_snapshot);
            let batch = core
                .persistence
                .take_batch(if full { None } else { passed }, now, wall);
            (batch, (full).then(|| core.snapshot(now)))
        };
        let before = store.as_ref().map_or(0, |s| s.bytes_written);
        let records = std::mem::take(&mut batch.records);
        let done = match &mut store {
            Some(store) => store.write(records.into_iter()).and_then(|()| {
                // Who waits for these does not wait for the dump.
                batch.tickets.drain(..).for_each(|r| r.resolve(true));
                snapshot.map_or(Ok(()), |dump| store.write_snapshot(&dump))
            }),
            None if never_opened => {
                if snapshot.is_some()
                    && crate::keys::secret::random()
                        .and_then(|epoch| PersistenceFiles::open(folder, epoch, false))
                        .is_ok()
                {
                    broker.restart_requested.cancel();
                    return;
                }
                Err(io::Error::other("storage was unusable at start"))
            }
            None => match snapshot {
                Some(dump) => crate::keys::secret::random()
                    .and_then(|epoch| PersistenceFiles::open(folder, epoch, false))
                    .and_then(|(mut fresh, _)| {
                        fresh.write_snapshot(&dump)?;
                        tracing::info!("broker persistence recovered");
                        store = Some(fresh);
                        Ok(())
                    }),
                None => Err(io::Error::other("storage failed before")),
            },
        };
        let is_durable = done.is_ok();
        if let Err(cause) = done
            && (store.is_some() || now >= retry_at)
        {
            tracing::error!(%cause, "broker persistence failed; keeping messages in memory, will retry");
            store = None;
            retry_at = now + RETRY_INTERVAL;
        }
        batch.tickets.iter().for_each(|r| r.resolve(is_durable));
        let wrote = store
            .as_ref()
            .map_or(0, |s| s.bytes_written.saturating_sub(before));
        let cost = if wrote > 0 {
            wrote as f64 + FLUSH_COST_BYTES
        } else {
            0.0
        };
        within_budget = budget.take(cost, now);
        let mut core = broker.lock();
        core.counters.storage_failing = store.is_none();
        core.persistence.storage_failed = store.is_none();
        core.counters.bytes_written += wrote;
        core.on_batch_written(&batch);
        let unsent = if is_last_round {
            core.never_sent_changes()
        } else {
            Vec::new()
        };
        let kept = (is_last_round
            || store
                .as_ref()
                .is_some_and(PersistenceFiles::wants_watermark))
        .then(|| core.persistent_counts());
        drop(core);
        if is_last_round {
            // Without it they come with DUP, as after a death.
            if let Some(store) = &mut store
                && let Err(cause) = store.write(unsent.iter().map(PersistedChange::encode))
            {
                tracing::warn!(%cause, "broker persistence: cannot record unsent messages");
            }
        }
        if let (Some(store), Some(kept)) = (&mut store, kept) {
            store.write_watermark(kept);
        }
        if is_last_round {
            return;
        }
    }
}
