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

use super::record::Record;
use super::store::Store;
use crate::broker::guard::Guard;

/// What nobody waits for is written at least this often.
const WRITE_EVERY: Duration = Duration::from_millis(900);
/// So long somebody who waits for the card waits for company; those who are quick acknowledge in
/// this time, and what they have need not be written.
const COMPANY: Duration = Duration::from_millis(4);
/// Both, when the card had its share.
const STRETCHED: Duration = Duration::from_secs(5);
/// Pause before a failing card is tried again.
const RETRY: Duration = Duration::from_secs(10);
/// Bytes that the card takes at once, and then in a second: 130 MB a day.
const SHARE: (f64, f64) = (128.0 * 1024.0 * 1024.0, 1536.0);
/// What a flush costs beside its bytes.
const EACH_FLUSH: f64 = 4096.0;

/// How many bytes the card may have.
struct Share {
    left: f64,
    at: Instant,
}

impl Share {
    fn take(&mut self, bytes: f64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * SHARE.1).min(SHARE.0) - bytes;
        self.left > 0.0
    }
}

/// Writes until the bell says that it is over.
///
/// Without a store at the beginning it knows nothing of what stands on the card, and must not write
/// over it: when the card can be used again the worker begins anew.
pub fn keep(guard: &Guard, store: Option<Store>, folder: &Path) {
    let bell = guard.lock().ledger.bell.clone();
    let blind = store.is_none();
    let mut store = store;
    let mut retry_at = Instant::now();
    let mut share = Share {
        left: SHARE.0,
        at: Instant::now(),
    };
    let mut last_take = Instant::now();
    let mut rested = true;
    loop {
        let (company, most) = match (&store, rested) {
            // Those who are quick may still take it themselves.
            (None, _) => (Duration::from_millis(250), WRITE_EVERY),
            (_, true) => (COMPANY, WRITE_EVERY),
            (_, false) => (STRETCHED, STRETCHED),
        };
        let last = bell.wait(company, most);
        let now = Instant::now();
        let passed =
            (!last).then(|| now.saturating_duration_since(std::mem::replace(&mut last_take, now)));
        let (mut batch, dump) = {
            let mut core = guard.lock();
            let wall = core.wall();
            let reopen = store.is_none() && (now >= retry_at || last);
            if blind && reopen {
                retry_at = now + RETRY;
            }
            let again = store.is_some() && std::mem::take(&mut core.ledger.whole);
            let whole = reopen || again || store.as_ref().is_some_and(Store::wants_dump);
            let batch = core
                .ledger
                .take(if whole { None } else { passed }, now, wall);
            (batch, (whole).then(|| core.snapshot(now)))
        };
        let before = store.as_ref().map_or(0, |s| s.written);
        let records = std::mem::take(&mut batch.records);
        let done = match &mut store {
            Some(store) => store.write(records.into_iter()).and_then(|()| {
                // Who waits for these does not wait for the dump.
                batch.receipts.drain(..).for_each(|r| r.settle(true));
                dump.map_or(Ok(()), |dump| store.write_dump(&dump))
            }),
            None if blind => {
                if dump.is_some()
                    && crate::keys::secret::random()
                        .and_then(|epoch| Store::open(folder, epoch, false))
                        .is_ok()
                {
                    guard.anew.cancel();
                    return;
                }
                Err(io::Error::other("the card could not be used at the start"))
            }
            None => match dump {
                Some(dump) => crate::keys::secret::random()
                    .and_then(|epoch| Store::open(folder, epoch, false))
                    .and_then(|(mut fresh, _)| {
                        fresh.write_dump(&dump)?;
                        tracing::info!("the card takes the broker's messages again");
                        store = Some(fresh);
                        Ok(())
                    }),
                None => Err(io::Error::other("the card failed before")),
            },
        };
        let safe = done.is_ok();
        if let Err(cause) = done
            && (store.is_some() || now >= retry_at)
        {
            tracing::error!(%cause, "the broker's messages could not be written; they are kept in memory and tried again");
            store = None;
            retry_at = now + RETRY;
        }
        batch.receipts.iter().for_each(|r| r.settle(safe));
        let wrote = store
            .as_ref()
            .map_or(0, |s| s.written.saturating_sub(before));
        let cost = if wrote > 0 {
            wrote as f64 + EACH_FLUSH
        } else {
            0.0
        };
        rested = share.take(cost, now);
        let mut core = guard.lock();
        core.counters.card_fails = store.is_none();
        core.ledger.fails = store.is_none();
        core.counters.written += wrote;
        core.settled(&batch);
        let unsent = if last { core.unsent() } else { Vec::new() };
        let kept =
            (last || store.as_ref().is_some_and(Store::wants_mark)).then(|| core.kept_counts());
        drop(core);
        if last {
            // Without it they come with DUP, as after a death.
            if let Some(store) = &mut store
                && let Err(cause) = store.write(unsent.iter().map(Record::encode))
            {
                tracing::warn!(%cause, "which messages were never sent could not be written");
            }
        }
        if let (Some(store), Some(kept)) = (&mut store, kept) {
            store.mark(kept);
        }
        if last {
            return;
        }
    }
}
