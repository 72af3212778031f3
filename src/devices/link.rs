//! The gateway's own MQTT client: one rumqttc v3.1.1 connection to the broker on the worker's
//! private socket.
//!
//! Invariants: a message is acknowledged after its consequences are durable. One task owns the
//! event loop. Each reconnect makes a fresh client: nothing stays in the crate's memory, and
//! messages that it had not acknowledged are in the broker's session. Orders never rely on the
//! broker's queues, they are in the journal. A canary is sent every 2 s; `canary_lost` returns when
//! it is missing.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS, Transport};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::domain::topics;
use crate::live::device_link::DeviceLinkStatus;
use crate::ports::devices::{DevicePort, OutgoingMessage};
use crate::protocol::broker::{GATEWAY_ACCOUNT, GATEWAY_CLIENT_ID};
use crate::protocol::broker_endpoint::BrokerEndpoint;
use crate::protocol::mqtt::topic::{
    TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX, is_topic_name, is_within_bounds,
};
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;
use crate::supervisor::standstill::running_for;

/// How often the canary is sent.
const CANARY_INTERVAL: Duration = Duration::from_secs(2);
/// A link that stands for so long without the canary means that the broker does not work.
const CANARY_TIMEOUT: Duration = Duration::from_secs(12);
/// No link for so long, though the worker reports that it serves, means the same.
const LINK_TIMEOUT: Duration = Duration::from_secs(20);
/// Requests that the client holds: room for every acknowledgement that may wait, beside
/// [`MAX_INFLIGHT_PUBLISHES`].
const REQUEST_CHANNEL_CAPACITY: usize = 1_024;
/// Publishes that wait in the client at once. The rest of [`REQUEST_CHANNEL_CAPACITY`] stays free
/// for acknowledgements, so ingest and event loop never wait for each other.
const MAX_INFLIGHT_PUBLISHES: usize = 128;

/// By how much the packet size exceeds the broker's bound: a discovery message gets longer in
/// quarantine, and has a header. The second number is the least: messages on disk may be from a
/// time of other bounds.
const PACKET_SIZE_MARGINS: (usize, usize) = (4 * 1024, 512 * 1024);

/// A message that the link passes on, with the means to acknowledge it.
pub struct IncomingMessage {
    /// The message.
    pub publish: Publish,
    client: AsyncClient,
}

impl IncomingMessage {
    /// Acknowledges: the consequences of the message are durable.
    pub async fn acknowledge(self) {
        // When the link is down the broker stores messages that were not acknowledged, and delivers
        // them to the next link.
        let _ = self.client.ack(&self.publish).await;
    }
}

/// The state of the link, as the canary's watch sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkHealth {
    /// The link stands and its subscriptions are in force.
    pub up: bool,
    /// Canaries and other messages that arrived.
    pub canaries: u64,
}

/// Reports that the link is down when it ends, however it ends.
struct LinkDownGuard<'a>(&'a DeviceLinkStatus, &'a watch::Sender<LinkHealth>);

impl Drop for LinkDownGuard<'_> {
    fn drop(&mut self) {
        self.0.set_online(None);
        self.1.send_modify(|p| p.up = false);
    }
}

/// Runs one connection until it breaks or `stop`. `messages` gets each message, `pulse` the state
/// of the link.
///
/// # Errors
/// Why the connection ended.
pub async fn run(
    way: &BrokerEndpoint,
    port: &DevicePort,
    clock: &Clock,
    messages: &mpsc::Sender<IncomingMessage>,
    pulse: &watch::Sender<LinkHealth>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let mut options = MqttOptions::new(GATEWAY_CLIENT_ID, way.socket.display().to_string(), 0);
    options.set_transport(Transport::unix());
    options
        .set_keep_alive(Duration::from_secs(20))
        .set_clean_session(false)
        .set_credentials(GATEWAY_ACCOUNT, way.password.clone());
    let packet = (way.max_packet_bytes + PACKET_SIZE_MARGINS.0).max(PACKET_SIZE_MARGINS.1);
    options
        .set_max_packet_size(packet, packet)
        .set_inflight(64)
        .set_manual_acks(true);
    let (client, events) = AsyncClient::new(options, REQUEST_CHANNEL_CAPACITY);
    let mut outbox = port.outbox().await;
    // Messages that were posted to a link that broke were meant for that time.
    while outbox.try_recv().is_ok() {}
    let _down = LinkDownGuard(port.link(), pulse);
    let publishes = Semaphore::new(MAX_INFLIGHT_PUBLISHES);
    tokio::select! {
        ended = receive(events, &client, messages, &publishes, port.link(), clock, pulse) => ended,
        ended = send(&client, &mut outbox, &publishes, pulse) => ended,
        () = stop.soft.cancelled() => Ok(()),
    }
}

async fn receive(
    mut events: EventLoop,
    client: &AsyncClient,
    messages: &mpsc::Sender<IncomingMessage>,
    publishes: &Semaphore,
    link: &DeviceLinkStatus,
    clock: &Clock,
    pulse: &watch::Sender<LinkHealth>,
) -> anyhow::Result<()> {
    // Announcements come before the values of what they announce.
    let filters = [
        topics::DISCOVERY_FILTER,
        topics::DEVICES_FILTER,
        topics::CANARY,
    ];
    let mut granted = 0;
    loop {
        match events.poll().await? {
            Event::Incoming(Packet::ConnAck(_)) => {
                for filter in filters {
                    client.try_subscribe(
                        filter,
                        if filter == topics::CANARY {
                            QoS::AtMostOnce
                        } else {
                            QoS::AtLeastOnce
                        },
                    )?;
                }
            }
            Event::Incoming(Packet::SubAck(_)) => {
                granted += 1;
                if granted == filters.len() {
                    // Devices that announce themselves when asked do so now.
                    client.try_publish(
                        topics::DISCOVERY_STATUS,
                        QoS::AtLeastOnce,
                        false,
                        "online",
                    )?;
                    link.set_online(Some(clock.mono_ms()));
                    pulse.send_modify(|p| p.up = true);
                }
            }
            Event::Incoming(Packet::Publish(publish)) if publish.topic == topics::CANARY => {
                pulse.send_modify(|p| p.canaries += 1);
            }
            Event::Incoming(Packet::Publish(publish)) => {
                // A broker that delivers works, also when its canary waits behind slow storage.
                pulse.send_modify(|p| p.canaries += 1);
                let incoming = IncomingMessage {
                    publish,
                    client: client.clone(),
                };
                // A slow ingest holds the event loop back, and with it the broker, whose queue for
                // this client is long but bounded.
                messages.send(incoming).await?;
            }
            Event::Outgoing(rumqttc::Outgoing::Publish(_))
                if publishes.available_permits() < MAX_INFLIGHT_PUBLISHES =>
            {
                publishes.add_permits(1);
            }
            _ => {}
        }
    }
}

async fn send(
    client: &AsyncClient,
    outbox: &mut mpsc::Receiver<OutgoingMessage>,
    publishes: &Semaphore,
    pulse: &watch::Sender<LinkHealth>,
) -> anyhow::Result<()> {
    // Before the subscriptions are in force an answer could be missed.
    pulse.subscribe().wait_for(|p| p.up).await?;
    let mut canary = tokio::time::interval(CANARY_INTERVAL);
    let mut number = 0u64;
    loop {
        let (topic, qos, retain, payload) = tokio::select! {
            _ = canary.tick() => {
                number += 1;
                (topics::CANARY.to_owned(), QoS::AtMostOnce, false, number.to_string().into_bytes())
            }
            message = outbox.recv() => {
                let Some(m) = message else { anyhow::bail!("the outbox closed") };
                // The client would refuse it with an error: that ends the link and loses the
                // messages that wait behind.
                let is_bounded = is_within_bounds(&m.topic, TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX);
                if !is_topic_name(&m.topic) || !is_bounded {
                    tracing::warn!(topic = m.topic, "message with invalid topic dropped");
                    continue;
                }
                let qos = if m.queued {
                    QoS::AtLeastOnce
                } else {
                    QoS::AtMostOnce
                };
                (m.topic, qos, m.retain, m.payload)
            }
        };
        publishes.acquire().await?.forget();
        client.publish(topic, qos, retain, payload).await?;
    }
}

/// Waits until the canary has been missing for too long, on a link that stands or on one that
/// cannot be made.
pub async fn canary_lost(mut pulse: watch::Receiver<LinkHealth>) {
    loop {
        let most = if pulse.borrow_and_update().up {
            CANARY_TIMEOUT
        } else {
            LINK_TIMEOUT
        };
        tokio::select! {
            biased;
            changed = pulse.changed() => if changed.is_err() {
                std::future::pending::<()>().await;
            },
            // While this process stood still nothing could come back.
            () = running_for(most) => return,
        }
    }
}
