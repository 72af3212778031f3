//! What devices say: announcements, states, values, presence, words of horns.
//!
//! Invariants: a message is acknowledged after its command is durable or was refused; a report that answers
//! an order or changes a page goes at once, one that repeats within 2 s waits and the last wins; a reading
//! never becomes an entry, passing a mark does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::link::Incoming;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::entity::{Entity, Kind};
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::state::State;
use crate::journal::{Journal, SubmitError, Wish};
use crate::live::Live;
use crate::live::latest::Value;
use crate::live::south::Heard;
use crate::protocol::discovery;
use crate::protocol::mqtt::topic::is_topic;
use crate::store::samples::Samples;
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;

/// Reports of one entity that change back and forth are taken this often, ms.
const REPORT_EVERY_MS: u64 = 2_000;

/// What ingest works with.
#[derive(Clone)]
pub struct Ingest {
    /// The journal.
    pub journal: Journal,
    /// Live values.
    pub live: Live,
    /// Readings.
    pub samples: Samples,
    /// The clock.
    pub clock: Clock,
}

#[derive(Default)]
struct Topics {
    entities: Option<Arc<BTreeMap<EntityId, Arc<Entity>>>>,
    state: BTreeMap<String, Vec<Arc<Entity>>>,
    availability: BTreeMap<String, Vec<Arc<Entity>>>,
}

impl Topics {
    /// Builds the topic table anew when the entities changed.
    fn refresh(&mut self, state: &State) {
        if self.entities.as_ref().is_some_and(|e| Arc::ptr_eq(e, &state.entities)) {
            return;
        }
        self.entities = Some(state.entities.clone());
        self.state.clear();
        self.availability.clear();
        for entity in state.entities.values() {
            self.state.entry(entity.state.topic.clone()).or_default().push(entity.clone());
            if let Some(a) = &entity.availability {
                self.availability.entry(a.topic.clone()).or_default().push(entity.clone());
            }
        }
    }
}

impl Ingest {
    /// Takes messages until `stop` or the link's end of the channel closes.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(&self, heard: &mut mpsc::Receiver<Incoming>, stop: Stop) -> anyhow::Result<()> {
        let mut topics = Topics::default();
        let mut taken: BTreeMap<EntityId, u64> = BTreeMap::new();
        let mut held: BTreeMap<EntityId, bool> = BTreeMap::new();
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        loop {
            tokio::select! {
                incoming = heard.recv() => {
                    let Some(incoming) = incoming else { return Ok(()) };
                    topics.refresh(&self.journal.state());
                    self.message(&topics, &incoming.publish.topic, &incoming.publish.payload, incoming.publish.retain, &mut taken, &mut held).await?;
                    incoming.done().await;
                }
                _ = tick.tick() => {
                    let now = self.clock.mono_ms();
                    let due: Vec<EntityId> = held.keys().filter(|e| taken.get(*e).is_none_or(|t| now >= t + REPORT_EVERY_MS)).cloned().collect();
                    for entity in due {
                        if let Some(on) = held.remove(&entity) {
                            taken.insert(entity.clone(), now);
                            self.report(&entity, on).await?;
                        }
                    }
                }
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
    }

    async fn message(&self, topics: &Topics, topic: &str, payload: &[u8], retained: bool, taken: &mut BTreeMap<EntityId, u64>, held: &mut BTreeMap<EntityId, bool>) -> anyhow::Result<()> {
        let now = self.clock.mono_ms();
        if topic.starts_with("homeassistant/") {
            return self.announcement(topic, payload).await;
        }
        let Some(device) = topic.strip_prefix("d/").and_then(|t| t.split('/').next()).and_then(|d| DeviceId::new(d).ok()) else { return Ok(()) };
        if !retained {
            self.live.latest.hear(&device, now);
        }
        if let Some(about) = topic.strip_prefix(&format!("d/{device}/speaker/")).filter(|a| *a == "status" && self.journal.state().speakers.contains_key(&device)) {
            self.live.south.heard(Heard { device: device.to_string(), about: about.to_owned(), payload: payload.to_vec() });
        }
        if topic == format!("d/{device}/up") && !topics.availability.contains_key(topic) && matches!(payload, b"online" | b"offline") {
            // A device without entities (a horn cluster) says by itself that it is there.
            self.submit(Wish::new(Actor::Device { id: device.clone() }, Command::ReportPresence { device: device.clone(), here: payload == b"online" })).await?;
        }
        for entity in topics.availability.get(topic).into_iter().flatten() {
            let Some(a) = &entity.availability else { continue };
            let here = if payload == a.here.as_bytes() {
                true
            } else if payload == a.gone.as_bytes() {
                false
            } else {
                continue;
            };
            self.submit(Wish::new(Actor::Device { id: device.clone() }, Command::ReportPresence { device: entity.device.clone(), here })).await?;
            break;
        }
        for entity in topics.state.get(topic).into_iter().flatten() {
            let Some(number) = discovery::value(&entity.state, entity.kind, payload) else {
                tracing::debug!(topic, entity = entity.id.as_str(), "a payload that is no value of this entity");
                continue;
            };
            if entity.device != device {
                continue;
            }
            self.live.latest.set(&entity.id, Value { number, at: self.clock.wall_ms(), mono_ms: now });
            if entity.kind.is_switched() {
                let on = number > 0.5;
                let state = self.journal.state();
                let answers = state.lights.get(&entity.id).is_some_and(|l| l.is_waiting() && l.desired.is_some_and(|d| d.on == on));
                let recent = taken.get(&entity.id).is_some_and(|t| now < t + REPORT_EVERY_MS);
                if recent && !answers {
                    held.insert(entity.id.clone(), on);
                } else {
                    held.remove(&entity.id);
                    taken.insert(entity.id.clone(), now);
                    self.report(&entity.id, on).await?;
                }
            } else if !retained {
                self.reading(entity, number).await?;
            }
        }
        Ok(())
    }

    async fn announcement(&self, topic: &str, payload: &[u8]) -> anyhow::Result<()> {
        let announced = match discovery::read(topic, payload) {
            Ok(announced) => announced,
            Err(why) => {
                if !topic.ends_with("/status") {
                    tracing::warn!(topic, why, "a device's announcement cannot be used");
                }
                return Ok(());
            }
        };
        let Some(entity) = announced.entity else { return Ok(()) };
        let device = announced.device;
        // A name, not a filter: an order to “c/den-01/+” would end the link for every lamp.
        let own = |t: &str| t.starts_with(&format!("d/{device}/")) && is_topic(t);
        let order_ok = entity.order.as_ref().is_none_or(|o| o.topic.starts_with(&format!("c/{device}/")) && is_topic(&o.topic));
        if !own(&entity.state.topic) || !order_ok || entity.availability.as_ref().is_some_and(|a| !own(&a.topic)) {
            // A device that names another's topics could switch or speak for it.
            tracing::warn!(device = device.as_str(), "its announcement names topics that are not its own; refused");
            return Ok(());
        }
        if !self.journal.state().devices.contains_key(&device) {
            let fresh = crate::domain::device::Device { id: device.clone(), name: entity.name.clone(), place: None, model: String::new(), presence: crate::domain::device::Presence::Unknown };
            self.submit(Wish::new(Actor::House, Command::DeclareDevice { device: fresh })).await?;
        }
        self.submit(Wish::new(Actor::Device { id: device.clone() }, Command::AdoptEntities { device, model: announced.model, entities: vec![entity] })).await
    }

    async fn report(&self, light: &EntityId, on: bool) -> anyhow::Result<()> {
        let state = self.journal.state();
        let (Some(entity), Some(known)) = (state.entities.get(light), state.lights.get(light)) else { return Ok(()) };
        let order = known.desired.filter(|d| d.on == on && known.reported.is_none_or(|r| r.on != on)).map(|d| d.order);
        let mut wish = Wish::new(Actor::Device { id: entity.device.clone() }, Command::ReportLight { light: light.clone(), on });
        wish.cause = order;
        self.submit(wish).await
    }

    async fn reading(&self, entity: &Entity, number: f64) -> anyhow::Result<()> {
        let state = self.journal.state();
        let Some(sensor) = state.sensors.get(&entity.id) else { return Ok(()) };
        let scaled = (number * 10f64.powi(i32::from(sensor.decimals.min(6)))).round();
        #[expect(clippy::cast_possible_truncation, reason = "values are bounded to 1e12 by the parser")]
        self.samples.add(&entity.id, self.clock.wall_ms(), scaled as i64);
        let level = if entity.kind == Kind::BinarySensor && sensor.marks.is_empty() { 0 } else { sensor.level_of(number) };
        if level != sensor.alarm.map_or(0, |a| a.level) {
            self.submit(Wish::new(Actor::Device { id: entity.device.clone() }, Command::ReportLevel { sensor: entity.id.clone(), level, value: number })).await?;
        }
        Ok(())
    }

    async fn submit(&self, wish: Wish) -> anyhow::Result<()> {
        match self.journal.submit(wish).await {
            Ok(_) => Ok(()),
            Err(SubmitError::Rejected(why)) => {
                tracing::debug!(%why, "a device's report was refused");
                Ok(())
            }
            Err(SubmitError::Closed(closed)) => Err(closed.into()),
        }
    }
}
