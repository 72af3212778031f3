//! Between the pages and the broker's worker: admin queries, counters, refusals, and health parts
//! for messages that were dropped or lost.

use std::sync::Arc;
use std::time::Duration;

use super::broker_worker::BrokerService;
use crate::app::handles::Handles;
use crate::i18n::data_loss;
use crate::live::Live;
use crate::ports::broker::BrokerPort;
use crate::protocol::broker::{AdminQuery, AdminReply, Counters};
use crate::protocol::divergence::DivergenceReport;
use crate::supervisor::health::{Health, HealthPart};
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};
use crate::time::{MonoMs, WallMs};

/// Dropped messages as far as the technician was informed of them.
#[derive(Default)]
struct DropAlert {
    last_dropped: u64,
    /// Over all runs of the worker.
    total_dropped: u64,
    last_drop: Option<MonoMs>,
}

impl DropAlert {
    /// Messages that are dropped for lack of space always show: the part is amber for an hour, red
    /// while storage takes no writes.
    fn update_health(&mut self, counters: &Counters, health: &Health, now: MonoMs) {
        // A new worker counts from 0.
        let newly_dropped = if counters.dropped < self.last_dropped {
            counters.dropped
        } else {
            counters.dropped - self.last_dropped
        };
        self.total_dropped += newly_dropped;
        self.last_dropped = counters.dropped;
        if newly_dropped > 0 {
            self.last_drop = Some(now);
        }
        if counters.storage_failing {
            health.set_red(&HealthPart::Queues, HealthReason::BrokerStorageFailing);
        } else if self.last_drop.is_some_and(|at| now.since(at) < 3_600_000) {
            health.set_amber(
                &HealthPart::Queues,
                HealthReason::MessagesDropped {
                    n: self.total_dropped,
                },
            );
        } else {
            health.set_green(&HealthPart::Queues);
        }
    }
}

/// Broker data that were lost from disk are reported for some days, also after the broker started
/// afresh.
fn report_data_loss(counters: &Counters, health: &Health, now: WallMs) {
    let loss = counters
        .loss
        .as_deref()
        .filter(|loss| data_loss::is_young(loss, now));
    health.set_amber_or_green(&HealthPart::PersistenceLog, loss.map(HealthReason::from));
}

/// Reports how this history and the commune's copy of it contradict each other.
fn report_commune_trouble(trouble: Option<&DivergenceReport>, health: &Health) {
    health.set_amber_or_green(&HealthPart::Commune, trouble.map(HealthReason::from));
}

/// Passes admin queries of the pages to the broker's worker, and the worker's counters to the
/// pages.
pub(super) fn start(broker: &BrokerService, handles: &Handles) {
    handles.live.broker.set_endpoint(broker.endpoint());
    handles.supervisor.service(
        HealthPart::BrokerAdmin,
        (
            broker.clone(),
            handles.ports.broker.clone(),
            handles.live.clone(),
            handles.supervisor.clone(),
        ),
        |(broker, port, live, supervisor), stop| serve(broker, port, live, supervisor, stop),
    );
}

async fn serve(
    broker: BrokerService,
    port: Arc<BrokerPort>,
    live: Live,
    supervisor: Supervisor,
    stop: Stop,
) -> anyhow::Result<()> {
    let (health, clock) = (supervisor.health(), supervisor.clock());
    let mut questions = port.queries().await;
    let mut drop_alert = DropAlert::default();
    let mut poll = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            asked = questions.recv() => {
                let Some((question, tell)) = asked else { return Ok(()) };
                let _ = tell.send(broker.query(question).await);
            }
            _ = poll.tick() => {
                live.broker.set_counters(broker.counters());
                drop_alert.update_health(&broker.counters(), health, clock.mono_ms());
                report_commune_trouble(live.uplink.get().trouble.as_ref(), health);
                report_data_loss(&broker.counters(), health, clock.wall_ms());
                let question = AdminQuery::Refusals { id: String::new() };
                if let Some(AdminReply::Refusals(refusals)) = broker.query(question).await {
                    live.broker.set_refusals(refusals);
                }
            }
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
}
