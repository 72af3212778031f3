//! Discovery messages become entities: what a device does, and the topics by which it is read and
//! switched.
//!
//! Invariants: an entity's topics are its device's own. Messages that wait for the device's rate
//! limit are bounded and processed later. A value that was read under another definition of the
//! entity is dropped. After a discovery message the alarm of a sensor follows from its class, its
//! thresholds and its last value.

use super::deferred::Deferred;
use super::ingest::Ingest;
use crate::domain::actor::Actor;
use crate::domain::decide::Rejection;
use crate::domain::device::{self, Availability, Device};
use crate::domain::entity::Entity;
use crate::domain::id::DeviceId;
use crate::domain::topics::DeviceTopic;
use crate::journal::CommandRequest;
use crate::protocol::discovery::{self, DiscoveryError};
use crate::protocol::mqtt::topic::{
    TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX, is_topic_name, is_within_bounds,
};
use crate::time::MonoMs;

/// Most discovery messages of one device that wait at once.
const MAX_PENDING_ANNOUNCEMENTS: usize = 64;
/// Largest discovery message, bytes; Home Assistant's own are a tenth of it.
const MAX_ANNOUNCEMENT_BYTES: usize = 16 * 1024;

impl Ingest {
    pub(super) async fn handle_announcement(
        &self,
        topic: &str,
        payload: &[u8],
        retained: bool,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        if payload.is_empty() {
            return self.handle_withdrawal(topic, now, turns).await;
        }
        // This message replaces one of the same topic that waited, even if it is invalid.
        turns
            .announcements
            .values_mut()
            .for_each(|waiting| drop(waiting.remove(topic)));
        let announced = match read(topic, payload) {
            Ok(announced) => announced,
            Err(why) => {
                self.reject_announcement(topic, why);
                return Ok(());
            }
        };
        let Some(mut entity) = announced.entity else {
            return Ok(());
        };
        let device = announced.device;
        let state = self.journal.state();
        // A retained message of a device that was withdrawn does not declare it again; a device
        // that is still there announces itself anew.
        if retained && !state.devices.contains_key(&device) && !state.accounts.contains_key(&device)
        {
            return Ok(());
        }
        if !turns.limiter.try_acquire(&device, now) {
            self.defer_announcement(device, topic, payload, turns);
            return Ok(());
        }
        if state
            .entities
            .get(&entity.id)
            .is_some_and(|known| known.kind != entity.kind)
        {
            turns.limiter.refund(&device);
            self.reject_announcement(
                topic,
                DiscoveryError::KindChanged {
                    entity: entity.id.to_string(),
                },
            );
            return Ok(());
        }
        let known = state.devices.get(&device);
        let called = |own: &str| {
            if own.is_empty() {
                device.to_string()
            } else {
                own.to_owned()
            }
        };
        if entity.name.is_empty() {
            entity.name = called(known.map_or(&announced.device_name, |d| &d.name));
        }
        if known.is_none() {
            self.declare_device(&device, called(&announced.device_name))
                .await?;
        }
        let request = CommandRequest::new(
            Actor::Device { id: device.clone() },
            device::Command::AdoptEntities {
                device: device.clone(),
                model: announced.model,
                entities: vec![entity.clone()],
            },
        );
        match self.submit_limited(request, &device, turns).await? {
            None => self.live.rejected_discovery.resolve(&device, topic),
            Some(Rejection::TooMany { most }) => {
                self.reject_announcement(topic, DiscoveryError::TooManyEntities { most });
            }
            Some(rejection) => {
                self.reject_announcement(topic, DiscoveryError::Rejected { rejection });
            }
        }
        if state
            .entities
            .get(&entity.id)
            .is_some_and(|old| old.state != entity.state)
        {
            self.live.latest.forget(&entity.id);
        }
        let state = self.journal.state();
        if let Some(adopted) = state.entities.get(&entity.id) {
            self.claim(adopted, turns).await?;
        }
        self.refresh_alarm(&entity, now, turns).await
    }

    /// Keeps a discovery message until the rate limit of its device has room for it.
    fn defer_announcement(
        &self,
        device: DeviceId,
        topic: &str,
        payload: &[u8],
        turns: &mut Deferred,
    ) {
        let waiting = turns.announcements.entry(device).or_default();
        if waiting.len() < MAX_PENDING_ANNOUNCEMENTS {
            waiting.insert(topic.to_owned(), payload.to_vec());
        } else {
            self.reject_announcement(topic, DiscoveryError::TooManyPending);
        }
    }

    /// Declares a device that announces itself for the first time.
    async fn declare_device(&self, id: &DeviceId, name: String) -> anyhow::Result<()> {
        let device = Device {
            id: id.clone(),
            name,
            place: None,
            model: String::new(),
            availability: Availability::Unknown,
        };
        let declare = device::Command::Declare { device };
        self.submit(CommandRequest::new(Actor::System, declare))
            .await
            .map(drop)
    }

    /// A device withdraws an entity: the entity is removed, with its values.
    async fn handle_withdrawal(
        &self,
        topic: &str,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        turns
            .announcements
            .values_mut()
            .for_each(|waiting| drop(waiting.remove(topic)));
        if let Some(device) = device_of(topic) {
            self.live.rejected_discovery.resolve(&device, topic);
        }
        let Ok(announced) = discovery::read(topic, &[]) else {
            return Ok(());
        };
        let (device, id) = (announced.device, announced.id);
        // An entity that is announced as another kind by now stays.
        if self
            .journal
            .state()
            .entities
            .get(&id)
            .is_none_or(|e| e.device != device || e.kind != announced.kind)
        {
            return Ok(());
        }
        if !turns.limiter.try_acquire(&device, now) {
            turns
                .announcements
                .entry(device)
                .or_default()
                .insert(topic.to_owned(), Vec::new());
            return Ok(());
        }
        let request = CommandRequest::new(
            Actor::Device { id: device.clone() },
            device::Command::WithdrawEntities {
                device: device.clone(),
                entities: vec![id.clone()],
            },
        );
        self.submit_limited(request, &device, turns).await?;
        turns.forget(&id);
        self.live.latest.forget(&id);
        Ok(())
    }

    /// Records a discovery message that cannot be used: the log, `broker why`, the page Thiết bị
    /// and `doctor` show it.
    fn reject_announcement(&self, topic: &str, why: DiscoveryError) {
        tracing::warn!(topic, %why, "device announcement rejected");
        let state = self.journal.state();
        // A device without an account is in quarantine, and shown there.
        if let Some(device) = device_of(topic).filter(|d| state.accounts.contains_key(d)) {
            self.live
                .rejected_discovery
                .record(&device, topic, why, self.clock.wall_ms());
        }
    }

    /// Updates the alarm of a sensor that was announced again, perhaps with another class.
    async fn refresh_alarm(
        &self,
        entity: &Entity,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let state = self.journal.state();
        let (Some(entity), Some(sensor)) = (
            state.entities.get(&entity.id),
            state.sensors.get(&entity.id),
        ) else {
            return Ok(());
        };
        match self.live.latest.get(&entity.id) {
            Some(value) => self.update_level(entity, value.number, now, turns).await,
            None if sensor.alarm.is_some() && !sensor.can_alarm(entity) => {
                self.update_level(entity, 0.0, now, turns).await
            }
            None => Ok(()),
        }
    }

    /// Retries one message of each device at a time, and only when its rate limit allows one:
    /// waiting costs nothing.
    pub(super) async fn retry_announcements(
        &self,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let state = self.journal.state();
        self.live
            .rejected_discovery
            .retain(&|device| state.accounts.contains_key(device));
        turns.announcements.retain(|_, waiting| !waiting.is_empty());
        let ready: Vec<DeviceId> = turns
            .announcements
            .keys()
            .filter(|d| turns.limiter.has_token(d, now))
            .cloned()
            .collect();
        for device in ready {
            if let Some((topic, payload)) = turns
                .announcements
                .get_mut(&device)
                .and_then(std::collections::BTreeMap::pop_first)
            {
                self.handle_announcement(&topic, &payload, false, now, turns)
                    .await?;
            }
        }
        Ok(())
    }
}

/// The device of a discovery message, by its topic.
fn device_of(topic: &str) -> Option<DeviceId> {
    topic
        .split('/')
        .nth(2)
        .and_then(|node| DeviceId::new(node).ok())
}

/// Reads a discovery message and checks that this gateway can use it.
fn read(topic: &str, payload: &[u8]) -> Result<discovery::DiscoveryMessage, DiscoveryError> {
    if payload.len() > MAX_ANNOUNCEMENT_BYTES {
        return Err(DiscoveryError::TooLarge {
            bytes: payload.len(),
        });
    }
    let announced = discovery::read(topic, payload)?;
    // A device that names another's topics could switch or publish for it.
    if announced
        .entity
        .as_ref()
        .is_some_and(|e| !uses_own_topics(e))
    {
        return Err(DiscoveryError::ForeignTopics {
            device: announced.device.to_string(),
        });
    }
    Ok(announced)
}

/// Accepts names, not filters: a command sent to “c/den-01/+” would end the link for every lamp.
fn uses_own_topics(entity: &Entity) -> bool {
    let sound =
        |t: &str| is_topic_name(t) && is_within_bounds(t, TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX);
    let is_own = |t: Option<DeviceTopic<'_>>| t.is_some_and(|t| t.is_of(&entity.device));
    let own = |t: &str| is_own(DeviceTopic::parse(t)) && sound(t);
    let order = entity
        .order
        .as_ref()
        .is_none_or(|o| is_own(DeviceTopic::parse_order(&o.topic)) && sound(&o.topic));
    own(&entity.state.topic) && order && entity.availability.as_ref().is_none_or(|a| own(&a.topic))
}
