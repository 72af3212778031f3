//! The house's client of its own broker: one rumqttc v3.1.1 connection on the worker's private socket.
//!
//! Invariants: a message is acknowledged after what it led to is durable; one task owns the event loop;
//! a fresh client at each reconnect (nothing is left in the crate's memory); orders never rely on the
//! broker's queues, they are in the journal. A canary goes round every 2 s; `canary_lost` tells when not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS, Transport};
use tokio::sync::{mpsc, watch};

use crate::live::Live;
use crate::live::south::Outgoing;
use crate::supervisor::Stop;

const CANARY: &str = "house/canary";
/// How often the canary goes.
const CANARY_EVERY: Duration = Duration::from_secs(2);
/// Without the canary for so long the broker is dead.
pub const CANARY_LOST: Duration = Duration::from_secs(7);

/// How to reach the broker.
#[derive(Debug, Clone)]
pub struct Way {
    /// The worker's private socket.
    pub socket: PathBuf,
    /// The per-boot secret.
    pub secret: String,
}

/// What the link hands on: a message and the means to acknowledge it.
pub struct Incoming {
    /// The message.
    pub publish: Publish,
    client: AsyncClient,
}

impl Incoming {
    /// Acknowledges: what it led to is durable.
    pub async fn done(self) {
        // The link may be gone; then the broker sends it again.
        let _ = self.client.ack(&self.publish).await;
    }
}

/// Runs one connection until it breaks or `stop`. `heard` gets every message, `alive` the number of canaries
/// that came back.
///
/// # Errors
/// Why the connection ended.
pub async fn run(way: Way, live: Live, heard: mpsc::Sender<Incoming>, alive: watch::Sender<u64>, stop: Stop) -> anyhow::Result<()> {
    let mut options = MqttOptions::new("house", way.socket.display().to_string(), 0);
    options.set_transport(Transport::unix());
    options.set_keep_alive(Duration::from_secs(20)).set_clean_session(true).set_credentials(name(), way.secret.clone());
    options.set_max_packet_size(512 * 1024, 512 * 1024).set_inflight(64).set_manual_acks(true);
    let (client, events) = AsyncClient::new(options, 256);
    let mut outbox = live.south.take_outbox().ok_or_else(|| anyhow::anyhow!("another link has the outbox"))?;
    let ended = tokio::select! {
        ended = receive(events, client.clone(), heard, alive) => ended,
        ended = send(&client, &mut outbox) => ended,
        () = stop.soft.cancelled() => Ok(()),
    };
    live.south.return_outbox(outbox);
    ended
}

/// The reserved user name of the house's own clients.
#[must_use]
pub const fn name() -> &'static str {
    "@house"
}

async fn receive(mut events: EventLoop, client: AsyncClient, heard: mpsc::Sender<Incoming>, alive: watch::Sender<u64>) -> anyhow::Result<()> {
    loop {
        match events.poll().await? {
            Event::Incoming(Packet::ConnAck(_)) => {
                for filter in ["d/#", "homeassistant/#"] {
                    client.try_subscribe(filter, QoS::AtLeastOnce)?;
                }
                client.try_subscribe(CANARY, QoS::AtMostOnce)?;
                // Devices that announce themselves when asked do so now.
                client.try_publish("homeassistant/status", QoS::AtLeastOnce, false, "online")?;
            }
            Event::Incoming(Packet::Publish(publish)) if publish.topic == CANARY => alive.send_modify(|n| *n += 1),
            Event::Incoming(Packet::Publish(publish)) => {
                let incoming = Incoming { publish, client: client.clone() };
                // A slow ingest holds the loop back, and with it the broker: nothing is dropped.
                heard.send(incoming).await?;
            }
            _ => {}
        }
    }
}

async fn send(client: &AsyncClient, outbox: &mut mpsc::Receiver<Outgoing>) -> anyhow::Result<()> {
    let mut canary = tokio::time::interval(CANARY_EVERY);
    let mut number = 0u64;
    loop {
        tokio::select! {
            _ = canary.tick() => {
                number += 1;
                client.publish(CANARY, QoS::AtMostOnce, false, number.to_string()).await?;
            }
            message = outbox.recv() => {
                let Some(message) = message else { anyhow::bail!("the outbox closed") };
                client.publish(message.topic, QoS::AtLeastOnce, message.retain, message.payload).await?;
            }
        }
    }
}

/// Waits until the canary has been away for [`CANARY_LOST`].
pub async fn canary_lost(mut alive: watch::Receiver<u64>) {
    loop {
        match tokio::time::timeout(CANARY_LOST, alive.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => return,
        }
    }
}

/// Shares the way to the broker between restarts of the link.
pub type SharedWay = Arc<Way>;
