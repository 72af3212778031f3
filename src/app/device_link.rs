//! Services around devices: the link to the gateway's own broker, the messages of devices, orders
//! to them, their availability, and the canary that proves that the broker delivers.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::broker::BrokerService;
use super::storage_failure::park_on_storage_failure;
use crate::devices::{availability, desired, ingest::Ingest, link};
use crate::journal::Journal;
use crate::live::Live;
use crate::store::samples::Samples;
use crate::supervisor::Supervisor;
use crate::supervisor::health::HealthPart;

/// Pause before the link to the gateway's own broker is connected again.
const LINK_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Starts the services around devices: link and ingest, desired, availability, canary.
pub(super) fn start_device_link(
    broker: &BrokerService,
    supervisor: &Supervisor,
    journal: &Journal,
    live: &Live,
    samples: &Samples,
) {
    let (pulse, alive) = watch::channel(link::LinkHealth::default());
    let ingest = Ingest {
        journal: journal.clone(),
        live: live.clone(),
        samples: samples.clone(),
        clock: supervisor.clock().clone(),
    };
    let (to_link, for_link) = (broker.clone(), live.clone());
    supervisor.service(HealthPart::DeviceLink, move |stop| {
        let (broker, live, ingest, pulse) = (
            to_link.clone(),
            for_link.clone(),
            ingest.clone(),
            pulse.clone(),
        );
        async move {
            let (way, clock) = (broker.endpoint(), ingest.clock.clone());
            let (say, mut heard) = mpsc::channel(256);
            let linking = async {
                loop {
                    broker.wait_ready().await;
                    if let Err(cause) = link::run(&way, &live, &clock, &say, &pulse, &stop).await {
                        tracing::warn!(%cause, "broker link lost; reconnecting");
                    }
                    // The broker is local and the gateway's own: the pause does not grow.
                    tokio::select! {
                        () = tokio::time::sleep(LINK_RETRY_DELAY) => {}
                        () = stop.soft.cancelled() => return Ok(()),
                    }
                }
            };
            let working = async {
                tokio::select! {
                    ended = linking => ended,
                    ended = ingest.run(&mut heard, stop.clone()) => ended,
                }
            };
            park_on_storage_failure(&ingest.journal, &stop, Box::pin(working)).await
        }
    });
    let (j, l, c) = (journal.clone(), live.clone(), supervisor.clock().clone());
    supervisor.service(HealthPart::DeviceOrders, move |stop| {
        let j = j.clone();
        let run = desired::run(j.clone(), l.clone(), c.clone(), stop.clone());
        async move { park_on_storage_failure(&j, &stop, run).await }
    });
    let (j, l, c) = (journal.clone(), live.clone(), supervisor.clock().clone());
    supervisor.service(HealthPart::Presence, move |stop| {
        let j = j.clone();
        let run = availability::run(j.clone(), l.clone(), c.clone(), stop.clone());
        async move { park_on_storage_failure(&j, &stop, run).await }
    });
    let (watched, broker, failed) = (alive.clone(), broker.clone(), journal.failed());
    supervisor.service(HealthPart::Canary, move |stop| {
        let (alive, broker, failed) = (watched.clone(), broker.clone(), failed.clone());
        async move {
            broker.wait_ready().await;
            tokio::select! {
                () = link::canary_lost(alive) => {
                    // The link rests while the journal has failed: a missing canary then proves
                    // nothing about the broker.
                    if failed.borrow().is_some() {
                        stop.soft.cancelled().await;
                        return Ok(());
                    }
                    tracing::error!("broker canary timed out; restarting broker");
                    broker.kill();
                    anyhow::bail!("the broker canary timed out")
                }
                () = stop.soft.cancelled() => Ok(()),
            }
        }
    });
}
