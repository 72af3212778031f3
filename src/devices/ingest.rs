//! Messages of devices: discovery, states, readings, availability, speaker status.
//!
//! Invariants: a message is acknowledged after its command is durable or was rejected. A report
//! that answers an order or changes a page is submitted at once; one that changes again within 2 s
//! waits, and the last one wins. A reading never becomes an entry, crossing a threshold does.
//! `rate_limit` bounds how much a device may write.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::deferred::Deferred;
use super::link::IncomingMessage;
use super::topics::TopicTable;
use crate::domain::decide::Rejection;
use crate::domain::device::{Availability, Device};
use crate::domain::entity::{Entity, Kind};
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::light::Light;
use crate::domain::topics::{DeviceTopic, GatewayTopic};
use crate::journal::{CommandRequest, Committed, Journal, SubmitError};
use crate::live::Live;
use crate::live::latest::Value;
use crate::ports::devices::{DevicePort, SpeakerMessage};
use crate::protocol::discovery::{self, PayloadValue};
use crate::store::samples::Samples;
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;
use crate::time::MonoMs;

/// Least time between two reports of one entity that changes back and forth, ms.
const MIN_REPORT_INTERVAL_MS: u64 = 2_000;

/// The parts that ingest works with.
#[derive(Clone)]
pub struct Ingest {
    /// The journal.
    pub journal: Journal,
    /// Live values.
    pub live: Live,
    /// Where messages of speaker clusters go.
    pub port: Arc<DevicePort>,
    /// Readings.
    pub samples: Samples,
    /// The clock.
    pub clock: Clock,
}

/// One message of a device.
struct DeviceMessage<'a> {
    topic: &'a str,
    /// It is the topic on which a device without entities publishes its availability.
    is_availability: bool,
    payload: &'a [u8],
    retained: bool,
    /// When it arrived.
    now: MonoMs,
}

impl Ingest {
    /// Processes messages until `stop` or until the link closes the channel.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(
        &self,
        messages: &mut mpsc::Receiver<IncomingMessage>,
        stop: Stop,
    ) -> anyhow::Result<()> {
        let mut topics = TopicTable::default();
        let mut turns = Deferred::default();
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        let mut orders = self.journal.watch();
        loop {
            tokio::select! {
                incoming = messages.recv() => {
                    let Some(incoming) = incoming else { return Ok(()) };
                    topics.refresh(&self.journal.state());
                    let publish = &incoming.publish;
                    let (topic, payload) = (&publish.topic, &publish.payload);
                    self.message(&topics, topic, payload, publish.retain, &mut turns)
                        .await?;
                    incoming.acknowledge().await;
                }
                // An order is decided against the lamp's last report: history gets that report
                // first.
                changed = orders.changed(), if !turns.reports.is_empty() => {
                    changed?;
                    self.drop_contradicted(&mut turns).await?;
                }
                _ = tick.tick() => {
                    let now = self.clock.mono_ms();
                    self.retry_levels(now, &mut turns).await?;
                    self.expire_on_states(&topics, now, &mut turns).await?;
                    let is_due = |e: &&EntityId| {
                        let last = turns.last_report.get(*e);
                        last.is_none_or(|t| now.since(*t) >= MIN_REPORT_INTERVAL_MS)
                    };
                    let due: Vec<EntityId> =
                        turns.reports.keys().filter(is_due).cloned().collect();
                    for entity in due {
                        if let Some((on, _)) = turns.reports.remove(&entity) {
                            self.handle_report(&entity, on, now, &mut turns).await?;
                        }
                    }
                    self.retry_deferred(now, &mut turns).await?;
                    turns.unclaimed.expire(now);
                }
                () = stop.soft.cancelled() => return self.flush_deferred(turns).await,
            }
        }
    }

    async fn message(
        &self,
        topics: &TopicTable,
        topic: &str,
        payload: &[u8],
        retained: bool,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let now = self.clock.mono_ms();
        let own = match GatewayTopic::parse(topic) {
            GatewayTopic::Discovery => {
                return self
                    .handle_announcement(topic, payload, retained, now, turns)
                    .await;
            }
            GatewayTopic::Device(own) => own,
            // The gateway's own birth message returns to it by its subscription.
            GatewayTopic::DiscoveryStatus | GatewayTopic::Canary | GatewayTopic::Other => {
                return Ok(());
            }
        };
        let device = own.device.clone();
        if !retained {
            self.live.latest.mark_seen(&device, now);
        }
        self.forward_speaker_status(&own, payload);
        let message = DeviceMessage {
            topic,
            is_availability: own.is_availability(),
            payload,
            retained,
            now,
        };
        self.update_availability(topics, &device, &message, turns)
            .await?;
        let Some(readers) = topics.state.get(topic) else {
            turns.unclaimed.keep(&device, topic, payload, retained, now);
            return Ok(());
        };
        for entity in readers {
            if entity.device == device {
                self.handle_state(entity, &message, turns).await?;
            }
        }
        Ok(())
    }

    /// Processes what was received on the topics of an entity before it was announced.
    pub(super) async fn claim(&self, entity: &Entity, turns: &mut Deferred) -> anyhow::Result<()> {
        let device = &entity.device;
        let state = self.journal.state();
        let mut told = |topic| turns.unclaimed.take(device, topic);
        let stated = told(&entity.state.topic);
        let own = entity.availability.as_ref();
        let is_shared = own.is_some_and(|own| own.topic == entity.state.topic);
        let other = own.filter(|_| !is_shared).and_then(|own| told(&own.topic));
        // Availability that the gateway knows by now is newer than this.
        let is_unknown = |d: &Arc<Device>| d.availability == Availability::Unknown;
        if state.devices.get(device).is_some_and(is_unknown)
            && let Some(kept) = if is_shared { &stated } else { &other }
            && let Some(here) = own.and_then(|own| own.read(&kept.payload))
        {
            self.handle_availability(device, here, kept.at, turns)
                .await?;
        }
        if let Some(kept) = stated {
            let message = DeviceMessage {
                topic: &entity.state.topic,
                is_availability: false,
                payload: &kept.payload,
                retained: kept.retained,
                now: kept.at,
            };
            self.handle_state(entity, &message, turns).await?;
        }
        Ok(())
    }

    /// Passes the status of a speaker cluster to playback.
    fn forward_speaker_status(&self, topic: &DeviceTopic<'_>, payload: &[u8]) {
        let device = &topic.device;
        if let Some(about) = topic
            .speaker_subtopic()
            .filter(|a| *a == "status" && self.journal.state().speakers.contains_key(device))
        {
            self.port.publish_speaker_message(SpeakerMessage {
                device: device.to_string(),
                subtopic: about.to_owned(),
                payload: payload.to_vec(),
            });
        }
    }

    /// Submits the availability of a device, if this message is about it.
    async fn update_availability(
        &self,
        topics: &TopicTable,
        device: &DeviceId,
        message: &DeviceMessage<'_>,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let DeviceMessage {
            topic,
            is_availability,
            payload,
            now,
            ..
        } = *message;
        if is_availability
            && !topics.availability.contains_key(topic)
            && matches!(payload, b"online" | b"offline")
        {
            // A device without entities (a speaker cluster) publishes its availability itself.
            self.handle_availability(device, payload == b"online", now, turns)
                .await?;
        }
        for entity in topics.availability.get(topic).into_iter().flatten() {
            let told = entity.availability.as_ref().and_then(|a| a.read(payload));
            let Some(here) = told else {
                continue;
            };
            if entity.device == *device {
                self.handle_availability(device, here, now, turns).await?;
            }
            break;
        }
        Ok(())
    }

    /// Stores a value that a device published of an entity, and submits what follows from it.
    async fn handle_state(
        &self,
        entity: &Entity,
        message: &DeviceMessage<'_>,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let Some(number) = self.parse_state(entity, message) else {
            return Ok(());
        };
        let DeviceMessage { retained, now, .. } = *message;
        let state = self.journal.state();
        // Compared with its last report, whether that is written or not.
        let waits = state.lights.get(&entity.id).is_some_and(|l| {
            Light {
                reported: self.live.latest.reported(l),
                ..(**l).clone()
            }
            .is_pending()
        });
        self.live.latest.set(
            &entity.id,
            Value {
                number,
                at: self.clock.wall_ms(),
                mono_ms: now,
                retained,
            },
        );
        if entity.kind.is_switchable() {
            let on = number > 0.5;
            let answers = waits
                && state
                    .lights
                    .get(&entity.id)
                    .is_some_and(|l| l.desired.is_some_and(|d| d.on == on));
            let recent = turns
                .last_report
                .get(&entity.id)
                .is_some_and(|t| now.since(*t) < MIN_REPORT_INTERVAL_MS);
            if recent && !answers {
                turns.reports.insert(entity.id.clone(), (on, state.seq));
            } else {
                turns.reports.remove(&entity.id);
                self.handle_report(&entity.id, on, now, turns).await?;
            }
        } else if !retained {
            self.handle_reading(entity, number, now, turns).await?;
        } else if entity.kind == Kind::BinarySensor
            || self
                .journal
                .state()
                .sensors
                .get(&entity.id)
                .is_some_and(|s| s.alarm.is_none())
        {
            // A retained value from before the gateway subscribed: a yes or no still holds, and a
            // threshold that is crossed raises its alarm. Only a fresh message can show that a
            // gauge is below its threshold again.
            self.update_level(entity, number, now, turns).await?;
        }
        Ok(())
    }

    /// The value of an entity in a message; none = the message has none for it.
    fn parse_state(&self, entity: &Entity, message: &DeviceMessage<'_>) -> Option<f64> {
        match discovery::parse_value(&entity.state, entity.kind, message.payload) {
            PayloadValue::Value(number) => Some(number),
            PayloadValue::Absent => None,
            // A lamp that does not know its state has reported nothing; a sensor that does not know
            // its value has none.
            PayloadValue::Unknown => {
                if !entity.kind.is_switchable() {
                    self.live.latest.forget(&entity.id);
                }
                None
            }
            // The state of the entity is not known any more. An alarm stays: no message ended it.
            PayloadValue::Invalid => {
                tracing::debug!(
                    topic = message.topic,
                    entity = entity.id.as_str(),
                    "invalid payload for entity"
                );
                self.live.latest.set_invalid(&entity.id);
                None
            }
        }
    }

    /// Ends a “yes” that its device never takes back, after its time.
    async fn expire_on_states(
        &self,
        topics: &TopicTable,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        for entity in topics
            .state
            .values()
            .flatten()
            .filter(|e| e.off_delay_s > 0)
        {
            let Some(value) = self.live.latest.get(&entity.id).filter(|v| {
                v.number > 0.5 && now.since(v.mono_ms) >= u64::from(entity.off_delay_s) * 1000
            }) else {
                continue;
            };
            self.live.latest.set(
                &entity.id,
                Value {
                    number: 0.0,
                    at: self.clock.wall_ms(),
                    mono_ms: now,
                    ..value
                },
            );
            self.update_level(entity, 0.0, now, turns).await?;
        }
        Ok(())
    }

    /// Retries availability, then discovery messages.
    async fn retry_deferred(&self, now: MonoMs, turns: &mut Deferred) -> anyhow::Result<()> {
        for (device, here) in std::mem::take(&mut turns.presence) {
            self.handle_availability(&device, here, now, turns).await?;
        }
        self.retry_announcements(now, turns).await
    }

    /// Submits a command that the device's rate limit was charged for; a command that changed
    /// nothing is refunded. Gives why it was rejected.
    pub(super) async fn submit_limited(
        &self,
        request: CommandRequest,
        device: &DeviceId,
        turns: &mut Deferred,
    ) -> anyhow::Result<Option<Rejection>> {
        let made = self.submit(request).await?;
        if made.as_ref().map_or(true, |receipt| receipt.first == 0) {
            turns.limiter.refund(device);
        }
        Ok(made.err())
    }

    pub(super) async fn submit(
        &self,
        request: CommandRequest,
    ) -> anyhow::Result<Result<Committed, Rejection>> {
        match self.journal.submit(request).await {
            Ok(receipt) => Ok(Ok(receipt)),
            Err(SubmitError::Rejected(why)) => {
                tracing::debug!(%why, "device report rejected");
                Ok(Err(why))
            }
            Err(SubmitError::Closed(closed)) => Err(closed.into()),
        }
    }
}
