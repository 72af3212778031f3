//! Deletes the rows of the wifi's sessions when the days are over for which the village keeps them:
//! each minute, and as soon as a rule becomes shorter.
//!
//! Invariant: it needs neither the network helper nor the guests' key nor a guest network: what was
//! promised to visitors holds also when the wifi is broken or given up.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::app::handles::Handles;
use crate::journal::Journal;
use crate::store::session_rows::SessionRows;
use crate::supervisor::clock::Trust;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};

/// How often days are looked at.
const INTERVAL: Duration = Duration::from_secs(60);

/// Starts the service.
pub fn start(handles: &Handles) {
    let erasure = RowErasure {
        rows: handles.session_rows.clone(),
        journal: handles.journal.clone(),
        supervisor: handles.supervisor.clone(),
    };
    handles
        .supervisor
        .proving_service(HealthPart::SessionRows, erasure, RowErasure::run);
}

/// The parts that it works with.
#[derive(Clone)]
struct RowErasure {
    rows: SessionRows,
    journal: Journal,
    supervisor: Supervisor,
}

impl RowErasure {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut village = self.journal.watch();
        let mut minute = tokio::time::interval(INTERVAL);
        minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = None;
        loop {
            let is_due = tokio::select! {
                _ = minute.tick() => true,
                changed = village.changed() => {
                    changed?;
                    false
                }
                () = stop.soft.cancelled() => return Ok(()),
            };
            let keep_days = village.borrow_and_update().wifi.rules.keep_days;
            if is_due || looked != Some(keep_days) {
                looked = Some(keep_days);
                self.remove(keep_days).await?;
            }
        }
    }

    async fn remove(&self, keep_days: u16) -> anyhow::Result<()> {
        let clock = self.supervisor.clock();
        let (trust, now) = (clock.trust(), clock.wall_ms());
        let rows = self.rows.clone();
        let removed = tokio::task::spawn_blocking(move || {
            let known = (trust != Trust::None).then_some(now);
            let old = rows.remove_older(keep_days, known)?;
            let misdated = match trust {
                Trust::Synced => rows.remove_misdated(now)?,
                Trust::None | Trust::Restored => 0,
            };
            Ok::<_, std::io::Error>(old + misdated)
        });
        let reason = match removed.await? {
            Ok(0) => None,
            Ok(n) => {
                tracing::info!(n, days = keep_days, "days of wifi sessions removed");
                None
            }
            Err(cause) => Some(HealthReason::SessionRowsNotRemoved {
                path: self.rows.folder().display().to_string(),
                cause: cause.into(),
            }),
        };
        let health = self.supervisor.health();
        health.set_red_or_green(&HealthPart::SessionRows, reason);
        Ok(())
    }
}
