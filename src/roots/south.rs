//! The south door's services: the link to our own broker, what devices say, what they are told, who
//! is silent, and the canary that tells whether the broker hears.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::broker::Broker;
use super::ending::or_rest;
use crate::devices::{desired, ingest::Ingest, link, presence};
use crate::journal::Journal;
use crate::live::Live;
use crate::store::samples::Samples;
use crate::supervisor::Supervisor;

/// Pause before the link to our own broker is made again.
const RELINK: Duration = Duration::from_millis(500);

/// The south door: link, ingest, desired, presence, canary.
pub(super) fn start_south(
    broker: &Broker,
    house: &Supervisor,
    journal: &Journal,
    live: &Live,
    samples: &Samples,
) {
    let (pulse, alive) = watch::channel(link::Pulse::default());
    let ingest = Ingest {
        journal: journal.clone(),
        live: live.clone(),
        samples: samples.clone(),
        clock: house.clock().clone(),
    };
    let (to_link, for_link) = (broker.clone(), live.clone());
    house.service("south", move |stop| {
        let (broker, live, ingest, pulse) = (
            to_link.clone(),
            for_link.clone(),
            ingest.clone(),
            pulse.clone(),
        );
        async move {
            let (way, clock) = (broker.way(), ingest.clock.clone());
            let (say, mut heard) = mpsc::channel(256);
            let linking = async {
                loop {
                    broker.until_ready().await;
                    if let Err(cause) = link::run(&way, &live, &clock, &say, &pulse, &stop).await {
                        tracing::warn!(%cause, "the link to the broker ended and is made again");
                    }
                    // The broker is ours and near: it is called again at once, not ever more
                    // seldom.
                    tokio::select! {
                        () = tokio::time::sleep(RELINK) => {}
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
            or_rest(&ingest.journal, &stop, Box::pin(working)).await
        }
    });
    let (j, l, c) = (journal.clone(), live.clone(), house.clock().clone());
    house.service("desired", move |stop| {
        let j = j.clone();
        let run = desired::run(j.clone(), l.clone(), c.clone(), stop.clone());
        async move { or_rest(&j, &stop, run).await }
    });
    let (j, l, c) = (journal.clone(), live.clone(), house.clock().clone());
    house.service("presence", move |stop| {
        let j = j.clone();
        let run = presence::run(j.clone(), l.clone(), c.clone(), stop.clone());
        async move { or_rest(&j, &stop, run).await }
    });
    let (watched, broker, failed) = (alive.clone(), broker.clone(), journal.failed());
    house.service("canary", move |stop| {
        let (alive, broker, failed) = (watched.clone(), broker.clone(), failed.clone());
        async move {
            broker.until_ready().await;
            tokio::select! {
                () = link::canary_lost(alive) => {
                    // The link rests with a journal that failed: its silence says nothing about the broker.
                    if failed.borrow().is_some() {
                        stop.soft.cancelled().await;
                        return Ok(());
                    }
                    tracing::error!("the broker's canary did not come back; the broker is started again");
                    broker.kill();
                    anyhow::bail!("the canary did not come back")
                }
                () = stop.soft.cancelled() => Ok(()),
            }
        }
    });
}
