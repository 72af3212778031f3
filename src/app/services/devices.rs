//! Services around devices: the link to the gateway's own broker, the messages of devices, orders
//! to them, their availability, and the canary that proves that the broker delivers.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::broker_worker::BrokerService;
use super::storage_failure::parking_service;
use crate::app::handles::Handles;
use crate::devices::{availability, desired, ingest::Ingest, link};
use crate::journal::Journal;
use crate::supervisor::Stop;
use crate::supervisor::health::HealthPart;

/// Pause before the link to the gateway's own broker is connected again.
const LINK_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Starts the services around devices: link and ingest, desired, availability, canary.
pub fn start(broker: &BrokerService, handles: &Handles) {
    let (pulse, alive) = watch::channel(link::LinkHealth::default());
    let link = DeviceLink {
        broker: broker.clone(),
        ingest: Ingest {
            journal: handles.journal.clone(),
            live: handles.live.clone(),
            port: handles.ports.devices.clone(),
            samples: handles.samples.clone(),
            clock: handles.clock().clone(),
        },
        pulse,
    };
    parking_service(handles, HealthPart::DeviceLink, link, |link, stop| {
        Box::pin(link.run(stop))
    });
    let orders = (
        handles.journal.clone(),
        handles.live.clone(),
        handles.ports.devices.clone(),
        handles.clock().clone(),
    );
    parking_service(
        handles,
        HealthPart::DeviceOrders,
        orders,
        |(journal, live, port, clock), stop| desired::run(journal, live, port, clock, stop),
    );
    let presence = (
        handles.journal.clone(),
        handles.live.clone(),
        handles.clock().clone(),
    );
    parking_service(
        handles,
        HealthPart::Presence,
        presence,
        |(journal, live, clock), stop| availability::run(journal, live, clock, stop),
    );
    handles.supervisor.service(
        HealthPart::Canary,
        (alive, broker.clone(), handles.journal.clone()),
        |(alive, broker, journal), stop| watch_canary(alive, broker, journal, stop),
    );
}

/// The link to the broker, and the ingest of what comes over it.
#[derive(Clone)]
struct DeviceLink {
    broker: BrokerService,
    ingest: Ingest,
    pulse: watch::Sender<link::LinkHealth>,
}

impl DeviceLink {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let (messages_tx, mut messages) = mpsc::channel(256);
        tokio::select! {
            ended = self.connect_for_ever(messages_tx, &stop) => ended,
            ended = self.ingest.run(&mut messages, stop.clone()) => ended,
        }
    }

    async fn connect_for_ever(
        &self,
        messages: mpsc::Sender<link::IncomingMessage>,
        stop: &Stop,
    ) -> anyhow::Result<()> {
        let (endpoint, clock) = (self.broker.endpoint(), &self.ingest.clock);
        loop {
            self.broker.wait_ready().await;
            if let Err(cause) = link::run(
                &endpoint,
                &self.ingest.port,
                clock,
                &messages,
                &self.pulse,
                stop,
            )
            .await
            {
                tracing::warn!(%cause, "broker link lost; reconnecting");
            }
            // The broker is local and the gateway's own: the pause does not grow.
            tokio::select! {
                () = tokio::time::sleep(LINK_RETRY_DELAY) => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
    }
}

/// Restarts the broker's worker when the canary does not come back.
async fn watch_canary(
    alive: watch::Receiver<link::LinkHealth>,
    broker: BrokerService,
    journal: Journal,
    stop: Stop,
) -> anyhow::Result<()> {
    broker.wait_ready().await;
    tokio::select! {
        () = link::canary_lost(alive) => {
            // The link rests while the journal has failed: a missing canary then proves nothing
            // about the broker.
            if journal.failed().borrow().is_some() {
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
