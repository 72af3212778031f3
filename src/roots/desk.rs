//! Between the doors and the broker's worker: questions, figures, refusals, and what the technician
//! must be told.

use std::time::Duration;

use super::broker::Broker;
use crate::doors::losses;
use crate::live::Live;
use crate::protocol::broker::{Answer, Counters, Question};
use crate::protocol::parting::Trouble;
use crate::supervisor::Supervisor;
use crate::supervisor::health::{Health, Light};

/// What the technician was told of the broker's losses.
#[derive(Default)]
struct Told {
    dropped: u64,
    /// Over all lives of the worker.
    sum: u64,
    at: Option<u64>,
}

impl Told {
    /// What is dropped for space is never silent: the part is amber for an hour, red while the card
    /// takes nothing.
    fn tell(&mut self, counters: &Counters, health: &Health, now_ms: u64) {
        // A new worker counts from the beginning.
        let fresh = if counters.dropped < self.dropped {
            counters.dropped
        } else {
            counters.dropped - self.dropped
        };
        self.sum += fresh;
        self.dropped = counters.dropped;
        if fresh > 0 {
            self.at = Some(now_ms);
        }
        if counters.card_fails {
            health.set(
                "queues",
                Light::Red,
                "thẻ nhớ không ghi được: gói tin MQTT chỉ còn trong bộ nhớ",
            );
        } else if self
            .at
            .is_some_and(|at| now_ms.saturating_sub(at) < 3_600_000)
        {
            health.set(
                "queues",
                Light::Amber,
                &format!(
                    "đã bỏ {} gói tin MQTT vì hàng đợi của một thiết bị nhận bị đầy",
                    self.sum
                ),
            );
        } else {
            health.set("queues", Light::Green, "");
        }
    }
}

/// What the broker lost of what it had on disk is told for some days, also after it began anew.
fn tell_loss(counters: &Counters, health: &Health, now_ms: i64) {
    match counters
        .loss
        .as_ref()
        .filter(|loss| losses::is_young(loss, now_ms))
    {
        Some(loss) => health.set("ledger", Light::Amber, &losses::of_broker(loss)),
        None => health.set("ledger", Light::Green, ""),
    }
}

/// What is wrong between this history and the commune's copy of it.
fn tell_trouble(trouble: Option<&Trouble>, health: &Health) {
    match trouble {
        Some(trouble) => health.set("commune", Light::Amber, &losses::of_commune(trouble)),
        None => health.set("commune", Light::Green, ""),
    }
}

/// Carries what the doors ask to the broker's worker, and what it counted back.
pub fn start(broker: &Broker, house: &Supervisor, live: &Live) {
    live.broker.set_way(broker.way());
    let (broker, live, desk_house) = (broker.clone(), live.clone(), house.clone());
    house.service("desk", move |stop| {
        let (broker, live, house) = (broker.clone(), live.clone(), desk_house.clone());
        async move {
            let mut questions = live.broker.questions().await;
            let mut told = Told::default();
            let mut second = tokio::time::interval(Duration::from_secs(5));
            loop {
                tokio::select! {
                    asked = questions.recv() => {
                        let Some((question, tell)) = asked else { return Ok(()) };
                        let _ = tell.send(broker.ask(question).await);
                    }
                    _ = second.tick() => {
                        live.broker.set_counters(broker.counters());
                        told.tell(&broker.counters(), house.health(), house.clock().mono_ms());
                        tell_trouble(live.uplink.now().trouble.as_ref(), house.health());
                        tell_loss(&broker.counters(), house.health(), house.clock().wall_ms());
                        if let Some(Answer::Why(refusals)) = broker.ask(Question::Why { id: String::new() }).await {
                            live.broker.set_refusals(refusals);
                        }
                    }
                    () = stop.soft.cancelled() => return Ok(()),
                }
            }
        }
    });
}
