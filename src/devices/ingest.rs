//! What devices say: announcements, states, values, presence, words of horns.
//!
//! Invariants: a message is acknowledged after its command is durable or was refused; a report that
//! answers an order or changes a page goes at once, one that repeats within 2 s waits and the last
//! wins; a reading never becomes an entry, passing a mark does. What a device may write is bounded
//! (`budget`).

use std::time::Duration;

use tokio::sync::mpsc;

use super::link::Incoming;
use super::topics::Topics;
use super::turns::Turns;
use crate::domain::decide::Rejection;
use crate::domain::entity::Kind;
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::light::Light;
use crate::journal::{Journal, Receipt, SubmitError, Wish};
use crate::live::Live;
use crate::live::latest::Value;
use crate::live::south::Heard;
use crate::protocol::discovery::{self, Word};
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

impl Ingest {
    /// Takes messages until `stop` or the link's end of the channel closes.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(
        &self,
        heard: &mut mpsc::Receiver<Incoming>,
        stop: Stop,
    ) -> anyhow::Result<()> {
        let mut topics = Topics::default();
        let mut turns = Turns::default();
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        let mut orders = self.journal.watch();
        loop {
            tokio::select! {
                incoming = heard.recv() => {
                    let Some(incoming) = incoming else { return Ok(()) };
                    topics.refresh(&self.journal.state());
                    self.message(&topics, &incoming.publish.topic, &incoming.publish.payload, incoming.publish.retain, &mut turns).await?;
                    incoming.done().await;
                }
                // An order is decided against the lamp's last word: history gets that first.
                changed = orders.changed(), if !turns.held.is_empty() => {
                    changed?;
                    self.contradicted(&mut turns).await?;
                }
                _ = tick.tick() => {
                    let now = self.clock.mono_ms();
                    self.levels_again(now, &mut turns).await?;
                    self.over(&topics, now, &mut turns).await?;
                    let due: Vec<EntityId> = turns.held.keys().filter(|e| turns.taken.get(*e).is_none_or(|t| now >= t + REPORT_EVERY_MS)).cloned().collect();
                    for entity in due {
                        if let Some((on, _)) = turns.held.remove(&entity) {
                            self.report(&entity, on, now, &mut turns).await?;
                        }
                    }
                    self.second_turn(now, &mut turns).await?;
                }
                () = stop.soft.cancelled() => return self.last_words(turns).await,
            }
        }
    }

    async fn message(
        &self,
        topics: &Topics,
        topic: &str,
        payload: &[u8],
        retained: bool,
        turns: &mut Turns,
    ) -> anyhow::Result<()> {
        let now = self.clock.mono_ms();
        if topic.starts_with("homeassistant/") {
            return self
                .announcement(topic, payload, retained, now, turns)
                .await;
        }
        let Some(device) = topic
            .strip_prefix("d/")
            .and_then(|t| t.split('/').next())
            .and_then(|d| DeviceId::new(d).ok())
        else {
            return Ok(());
        };
        if !retained {
            self.live.latest.hear(&device, now);
        }
        if let Some(about) = topic
            .strip_prefix(&format!("d/{device}/speaker/"))
            .filter(|a| *a == "status" && self.journal.state().speakers.contains_key(&device))
        {
            self.live.south.heard(Heard {
                device: device.to_string(),
                about: about.to_owned(),
                payload: payload.to_vec(),
            });
        }
        if topic == format!("d/{device}/up")
            && !topics.availability.contains_key(topic)
            && matches!(payload, b"online" | b"offline")
        {
            // A device without entities (a horn cluster) says by itself that it is there.
            self.presence(&device, payload == b"online", now, turns)
                .await?;
        }
        for entity in topics.availability.get(topic).into_iter().flatten() {
            let Some(a) = &entity.availability else {
                continue;
            };
            let here = if payload == a.here.as_bytes() {
                true
            } else if payload == a.gone.as_bytes() {
                false
            } else {
                continue;
            };
            if entity.device == device {
                self.presence(&device, here, now, turns).await?;
            }
            break;
        }
        for entity in topics.state.get(topic).into_iter().flatten() {
            if entity.device != device {
                continue;
            }
            let number = match discovery::word(&entity.state, entity.kind, payload) {
                Word::Value(number) => number,
                Word::Nothing => continue,
                // A lamp that does not know has said nothing of itself; a sensor that does not know
                // has no value.
                Word::Unknown => {
                    if !entity.kind.is_switched() {
                        self.live.latest.forget(&entity.id);
                    }
                    continue;
                }
                // How it is, is not known any more. An alarm stays: nobody said that it is over.
                Word::Unclear => {
                    tracing::debug!(
                        topic,
                        entity = entity.id.as_str(),
                        "a payload that is no value of this entity"
                    );
                    self.live.latest.set_unclear(&entity.id);
                    continue;
                }
            };
            let state = self.journal.state();
            // Against its last word, be it written or not.
            let waits = state.lights.get(&entity.id).is_some_and(|l| {
                Light {
                    reported: self.live.latest.reported(l),
                    ..(**l).clone()
                }
                .is_waiting()
            });
            self.live.latest.set(
                &entity.id,
                Value {
                    number,
                    at: self.clock.wall_ms(),
                    mono_ms: now,
                    kept: retained,
                },
            );
            if entity.kind.is_switched() {
                let on = number > 0.5;
                let answers = waits
                    && state
                        .lights
                        .get(&entity.id)
                        .is_some_and(|l| l.desired.is_some_and(|d| d.on == on));
                let recent = turns
                    .taken
                    .get(&entity.id)
                    .is_some_and(|t| now < t + REPORT_EVERY_MS);
                if recent && !answers {
                    turns.held.insert(entity.id.clone(), (on, state.seq));
                } else {
                    turns.held.remove(&entity.id);
                    self.report(&entity.id, on, now, turns).await?;
                }
            } else if !retained {
                self.reading(entity, number, now, turns).await?;
            } else if entity.kind == Kind::BinarySensor
                || self
                    .journal
                    .state()
                    .sensors
                    .get(&entity.id)
                    .is_some_and(|s| s.alarm.is_none())
            {
                // What stood there before the house listened: a yes or no is still so, and a mark
                // that was passed is told. That a gauge is below its mark again,
                // only the gauge itself says.
                self.level(entity, number, now, turns).await?;
            }
        }
        Ok(())
    }

    /// A “yes” that nobody will take back is over after its time.
    async fn over(&self, topics: &Topics, now: u64, turns: &mut Turns) -> anyhow::Result<()> {
        for entity in topics
            .state
            .values()
            .flatten()
            .filter(|e| e.off_delay_s > 0)
        {
            let Some(value) = self.live.latest.get(&entity.id).filter(|v| {
                v.number > 0.5 && now >= v.mono_ms + u64::from(entity.off_delay_s) * 1000
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
            self.level(entity, 0.0, now, turns).await?;
        }
        Ok(())
    }

    /// What waited: presence, then announcements.
    async fn second_turn(&self, now: u64, turns: &mut Turns) -> anyhow::Result<()> {
        for (device, here) in std::mem::take(&mut turns.presence) {
            self.presence(&device, here, now, turns).await?;
        }
        self.announcements_again(now, turns).await
    }

    /// Submits what the device's budget paid for; what changed nothing costs nothing. Gives why it
    /// was refused.
    pub(super) async fn spend(
        &self,
        wish: Wish,
        device: &DeviceId,
        turns: &mut Turns,
    ) -> anyhow::Result<Option<Rejection>> {
        let made = self.submit(wish).await?;
        if made.as_ref().map_or(true, |receipt| receipt.first == 0) {
            turns.budget.give_back(device);
        }
        Ok(made.err())
    }

    pub(super) async fn submit(&self, wish: Wish) -> anyhow::Result<Result<Receipt, Rejection>> {
        match self.journal.submit(wish).await {
            Ok(receipt) => Ok(Ok(receipt)),
            Err(SubmitError::Rejected(why)) => {
                tracing::debug!(%why, "a device's report was refused");
                Ok(Err(why))
            }
            Err(SubmitError::Closed(closed)) => Err(closed.into()),
        }
    }
}
