//! Reports the status of the village to the commune, so that the officer reads the same sentence as
//! the chief. Only a commune that asks for it in RESUME gets it.
//!
//! Invariant: a status that changes all the time costs one small message in [`MIN_INTERVAL_MS`]. A
//! report replaces the one before; one that was lost is made good by the next, at the latest after
//! [`REPEAT_INTERVAL_MS`].

use rumqttc::AsyncClient;

use super::uplink::Uplink;
use crate::protocol::commune::UplinkMessage;
use crate::protocol::village_status::StatusSummary;
use crate::time::MonoMs;
use crate::view::village_status::{StatusInput, compute};

/// Shortest time between two reports, ms.
const MIN_INTERVAL_MS: u64 = 2_000;
/// Longest time between two reports, ms.
const REPEAT_INTERVAL_MS: u64 = 300_000;

/// The reports of this connection.
#[derive(Debug, Default)]
pub(super) struct StatusReports {
    is_wanted: bool,
    checked_at: Option<MonoMs>,
    last: Option<(StatusSummary, MonoMs)>,
}

impl StatusReports {
    /// The commune answered HELLO, and wants reports or not; what it had before may be lost.
    pub(super) fn resume(&mut self, is_wanted: bool) {
        *self = Self {
            is_wanted,
            ..Self::default()
        };
    }

    fn is_due(&mut self, now: MonoMs) -> bool {
        let is_due = self.is_wanted
            && self
                .checked_at
                .is_none_or(|at| now.since(at) >= MIN_INTERVAL_MS);
        if is_due {
            self.checked_at = Some(now);
        }
        is_due
    }

    fn is_news(&self, summary: &StatusSummary, now: MonoMs) -> bool {
        self.last
            .as_ref()
            .is_none_or(|(last, at)| last != summary || now.since(*at) >= REPEAT_INTERVAL_MS)
    }
}

impl Uplink {
    /// Reports the status when it is due and new.
    pub(super) async fn report_village_status(
        &self,
        client: &AsyncClient,
        reports: &mut StatusReports,
    ) -> anyhow::Result<()> {
        let now = self.clock.mono_ms();
        if !reports.is_due(now) {
            return Ok(());
        }
        let state = self.live.latest.overlay(&self.journal.state());
        let summary = compute(StatusInput {
            state: &state,
            live: &self.live,
            health: &self.health.parts(),
            mono_ms: now,
            wall_ms: self.clock.wall_ms(),
        })
        .summary;
        if reports.is_news(&summary, now) {
            let up = UplinkMessage::Status {
                summary: Box::new(summary.clone()),
            };
            self.publish(client, &up).await?;
            reports.last = Some((summary, now));
        }
        Ok(())
    }
}
