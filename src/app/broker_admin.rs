//! Between the doors and the broker's worker: questions, figures, refusals, and what the technician
//! must be told.

use std::time::Duration;

use super::broker::BrokerService;
use crate::http::data_loss;
use crate::live::Live;
use crate::protocol::broker::{AdminQuery, AdminReply, Counters};
use crate::protocol::divergence::DivergenceReport;
use crate::supervisor::Supervisor;
use crate::supervisor::health::{Health, HealthStatus};

/// What the technician was told of the broker's losses.
#[derive(Default)]
struct DropAlert {
    last_dropped: u64,
    /// Over all lives of the worker.
    total_dropped: u64,
    last_drop_ms: Option<u64>,
}

impl DropAlert {
    /// What is dropped for space is never silent: the part is amber for an hour, red while the card
    /// takes nothing.
    fn update_health(&mut self, counters: &Counters, health: &Health, now_ms: u64) {
        // A new worker counts from the beginning.
        let newly_dropped = if counters.dropped < self.last_dropped {
            counters.dropped
        } else {
            counters.dropped - self.last_dropped
        };
        self.total_dropped += newly_dropped;
        self.last_dropped = counters.dropped;
        if newly_dropped > 0 {
            self.last_drop_ms = Some(now_ms);
        }
        if counters.storage_failing {
            health.set(
                "queues",
                HealthStatus::Red,
                "thẻ nhớ không ghi được: gói tin MQTT chỉ còn trong bộ nhớ",
            );
        } else if self
            .last_drop_ms
            .is_some_and(|at| now_ms.saturating_sub(at) < 3_600_000)
        {
            health.set(
                "queues",
                HealthStatus::Amber,
                &format!(
                    "đã bỏ {} gói tin MQTT vì hàng đợi của một thiết bị nhận bị đầy",
                    self.total_dropped
                ),
            );
        } else {
            health.set("queues", HealthStatus::Green, "");
        }
    }
}

/// What the broker lost of what it had on disk is told for some days, also after it began anew.
fn report_data_loss(counters: &Counters, health: &Health, now_ms: i64) {
    match counters
        .loss
        .as_ref()
        .filter(|loss| data_loss::is_young(loss, now_ms))
    {
        Some(loss) => health.set(
            "ledger",
            HealthStatus::Amber,
            &data_loss::broker_loss_text(loss),
        ),
        None => health.set("ledger", HealthStatus::Green, ""),
    }
}

/// What is wrong between this history and the commune's copy of it.
fn report_commune_trouble(trouble: Option<&DivergenceReport>, health: &Health) {
    match trouble {
        Some(trouble) => health.set(
            "commune",
            HealthStatus::Amber,
            &data_loss::divergence_text(trouble),
        ),
        None => health.set("commune", HealthStatus::Green, ""),
    }
}

/// Carries what the doors ask to the broker's worker, and what it counted back.
pub fn start(broker: &BrokerService, house: &Supervisor, live: &Live) {
    live.broker.set_endpoint(broker.endpoint());
    let (broker, live, supervisor) = (broker.clone(), live.clone(), house.clone());
    house.service("desk", move |stop| {
        let (broker, live, house) = (broker.clone(), live.clone(), supervisor.clone());
        async move {
            let mut questions = live.broker.queries().await;
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
                        drop_alert.update_health(&broker.counters(), house.health(), house.clock().mono_ms());
                        report_commune_trouble(live.uplink.get().trouble.as_ref(), house.health());
                        report_data_loss(&broker.counters(), house.health(), house.clock().wall_ms());
                        if let Some(AdminReply::Refusals(refusals)) = broker.query(AdminQuery::Refusals { id: String::new() }).await {
                            live.broker.set_refusals(refusals);
                        }
                    }
                    () = stop.soft.cancelled() => return Ok(()),
                }
            }
        }
    });
}
