//! Announcements become entities: what a device says that it does, and how it is spoken to.
//!
//! Invariants: an entity's topics are its device's own; what waits for the device's budget is
//! bounded and taken later; what an entity said before it was read in another way is forgotten;
//! after an announcement the alarm of a sensor is what its class, its marks and its last word say.

use super::ingest::Ingest;
use super::turns::Turns;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::device::{Device, Presence};
use crate::domain::entity::Entity;
use crate::domain::id::DeviceId;
use crate::journal::Wish;
use crate::protocol::discovery;
use crate::protocol::mqtt::topic::{DEEPEST, LONGEST, fits, is_topic};

/// Announcements of one device that wait for its turn.
const ANNOUNCED: usize = 64;
/// Largest announcement, bytes; Home Assistant's own are a tenth of it.
const ANNOUNCEMENT: usize = 16 * 1024;

impl Ingest {
    pub(super) async fn announcement(
        &self,
        topic: &str,
        payload: &[u8],
        retained: bool,
        now: u64,
        turns: &mut Turns,
    ) -> anyhow::Result<()> {
        // Its own question whether the house is there comes back to it.
        if topic == "homeassistant/status" {
            return Ok(());
        }
        if payload.is_empty() {
            return self.withdrawal(topic, now, turns).await;
        }
        // What it says now stands in for what waited, be it nonsense.
        turns
            .announced
            .values_mut()
            .for_each(|waiting| drop(waiting.remove(topic)));
        let announced = match read(topic, payload) {
            Ok(announced) => announced,
            Err(why) => {
                self.turn_down(topic, &why);
                return Ok(());
            }
        };
        let Some(mut entity) = announced.entity else {
            return Ok(());
        };
        let device = announced.device;
        let state = self.journal.state();
        // What a device left behind when it was put away does not bring it back; who is here
        // announces himself anew.
        if retained && !state.devices.contains_key(&device) && !state.accounts.contains_key(&device)
        {
            return Ok(());
        }
        if !turns.budget.take(&device, now) {
            let waiting = turns.announced.entry(device.clone()).or_default();
            if waiting.len() < ANNOUNCED {
                waiting.insert(topic.to_owned(), payload.to_vec());
            } else {
                self.turn_down(
                    topic,
                    "too many of its announcements wait; announce again in an hour",
                );
            }
            return Ok(());
        }
        if state
            .entities
            .get(&entity.id)
            .is_some_and(|known| known.kind != entity.kind)
        {
            turns.budget.give_back(&device);
            self.turn_down(topic, &format!("under this id it is announced as something else; take that announcement back and announce again: {}", entity.id));
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
            let name = called(&announced.device_name);
            let fresh = Device {
                id: device.clone(),
                name,
                place: None,
                model: String::new(),
                presence: Presence::Unknown,
            };
            drop(
                self.submit(Wish::new(
                    Actor::House,
                    Command::DeclareDevice { device: fresh },
                ))
                .await?,
            );
        }
        let wish = Wish::new(
            Actor::Device { id: device.clone() },
            Command::AdoptEntities {
                device: device.clone(),
                model: announced.model,
                entities: vec![entity.clone()],
            },
        );
        match self.spend(wish, &device, turns).await? {
            None => self.live.turned_down.settle(&device, topic),
            Some(Rejection::TooMany { most }) => self.turn_down(
                topic,
                &format!("this account has too many entities, at most: {most}"),
            ),
            Some(why) => self.turn_down(topic, &format!("the house refuses it: {why}")),
        }
        if state
            .entities
            .get(&entity.id)
            .is_some_and(|old| old.state != entity.state)
        {
            self.live.latest.forget(&entity.id);
        }
        self.settle(&entity, now, turns).await
    }

    /// A device takes an announcement back: the thing is gone, with what was said of it.
    async fn withdrawal(&self, topic: &str, now: u64, turns: &mut Turns) -> anyhow::Result<()> {
        turns
            .announced
            .values_mut()
            .for_each(|waiting| drop(waiting.remove(topic)));
        if let Some(device) = device_of(topic) {
            self.live.turned_down.settle(&device, topic);
        }
        let Ok(announced) = discovery::read(topic, &[]) else {
            return Ok(());
        };
        let (device, id) = (announced.device, announced.id);
        // What is announced as something else by now stays.
        if self
            .journal
            .state()
            .entities
            .get(&id)
            .is_none_or(|e| e.device != device || e.kind != announced.kind)
        {
            return Ok(());
        }
        if !turns.budget.take(&device, now) {
            turns
                .announced
                .entry(device)
                .or_default()
                .insert(topic.to_owned(), Vec::new());
            return Ok(());
        }
        let wish = Wish::new(
            Actor::Device { id: device.clone() },
            Command::WithdrawEntities {
                device: device.clone(),
                entities: vec![id.clone()],
            },
        );
        self.spend(wish, &device, turns).await?;
        turns.forget(&id);
        self.live.latest.forget(&id);
        Ok(())
    }

    /// An announcement cannot be used: the log, `broker why`, the page Thiết bị and `doctor` say
    /// so.
    fn turn_down(&self, topic: &str, why: &str) {
        tracing::warn!(topic, why, "a device's announcement cannot be used");
        let state = self.journal.state();
        // Who has no account is a stranger, and told as that.
        if let Some(device) = device_of(topic).filter(|d| state.accounts.contains_key(d)) {
            self.live
                .turned_down
                .turn_down(&device, topic, why, self.clock.wall_ms());
        }
    }

    /// The alarm of a sensor that was announced again, perhaps with another class.
    async fn settle(&self, entity: &Entity, now: u64, turns: &mut Turns) -> anyhow::Result<()> {
        let state = self.journal.state();
        let (Some(entity), Some(sensor)) = (
            state.entities.get(&entity.id),
            state.sensors.get(&entity.id),
        ) else {
            return Ok(());
        };
        match self.live.latest.get(&entity.id) {
            Some(value) => self.level(entity, value.number, now, turns).await,
            None if sensor.alarm.is_some() && !sensor.can_alarm(entity) => {
                self.level(entity, 0.0, now, turns).await
            }
            None => Ok(()),
        }
    }

    /// One of each device at a time, and only when its turn has come: what waits costs nothing.
    pub(super) async fn announcements_again(
        &self,
        now: u64,
        turns: &mut Turns,
    ) -> anyhow::Result<()> {
        let state = self.journal.state();
        self.live
            .turned_down
            .keep(&|device| state.accounts.contains_key(device));
        turns.announced.retain(|_, waiting| !waiting.is_empty());
        let ready: Vec<DeviceId> = turns
            .announced
            .keys()
            .filter(|d| turns.budget.has(d, now))
            .cloned()
            .collect();
        for device in ready {
            if let Some((topic, payload)) = turns
                .announced
                .get_mut(&device)
                .and_then(std::collections::BTreeMap::pop_first)
            {
                self.announcement(&topic, &payload, false, now, turns)
                    .await?;
            }
        }
        Ok(())
    }
}

/// Whose announcement it is, by its topic.
fn device_of(topic: &str) -> Option<DeviceId> {
    topic
        .split('/')
        .nth(2)
        .and_then(|node| DeviceId::new(node).ok())
}

/// Reads an announcement that this house can use.
fn read(topic: &str, payload: &[u8]) -> Result<discovery::Announced, String> {
    if payload.len() > ANNOUNCEMENT {
        return Err(format!(
            "the announcement is larger than is read, in bytes: {}",
            payload.len()
        ));
    }
    let announced = discovery::read(topic, payload)?;
    // A device that names another's topics could switch or speak for it.
    if announced.entity.as_ref().is_some_and(|e| !is_own(e)) {
        return Err(format!(
            "it names topics that are not its own, which begin with: d/{0}/ c/{0}/",
            announced.device
        ));
    }
    Ok(announced)
}

/// A name, not a filter: an order to “c/den-01/+” would end the link for every lamp.
fn is_own(entity: &Entity) -> bool {
    let sound = |t: &str| is_topic(t) && fits(t, LONGEST, DEEPEST);
    let own = |t: &str| t.starts_with(&format!("d/{}/", entity.device)) && sound(t);
    let order = entity
        .order
        .as_ref()
        .is_none_or(|o| o.topic.starts_with(&format!("c/{}/", entity.device)) && sound(&o.topic));
    own(&entity.state.topic) && order && entity.availability.as_ref().is_none_or(|a| own(&a.topic))
}
