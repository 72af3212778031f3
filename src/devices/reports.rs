//! Reports as commands: availability, the state of a lamp, thresholds that a sensor crossed.
//!
//! Invariants: `rate_limit` bounds how much a device may write; of reports that exceed it, the last
//! of each entity waits. Answers to orders and rising alarms never wait. No report that waits is
//! lost when the gateway stops.

use super::deferred::Deferred;
use super::ingest::Ingest;
use crate::domain::actor::Actor;
use crate::domain::entity::Entity;
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::{device, light, sensor};
use crate::journal::CommandRequest;
use crate::time::MonoMs;

impl Ingest {
    pub(super) async fn handle_availability(
        &self,
        device: &DeviceId,
        here: bool,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        turns.presence.remove(device);
        if !turns.limiter.try_acquire(device, now) {
            turns.presence.insert(device.clone(), here);
            return Ok(());
        }
        let request = CommandRequest::new(
            Actor::Device { id: device.clone() },
            device::Command::ReportPresence {
                device: device.clone(),
                here,
            },
        );
        self.submit_limited(request, device, turns).await.map(drop)
    }

    /// Submits reports that wait and contradict an order that came after them.
    pub(super) async fn drop_contradicted(&self, turns: &mut Deferred) -> anyhow::Result<()> {
        let state = self.journal.state();
        let says_otherwise = |id: &EntityId, on: bool, after: u64| {
            state
                .lights
                .get(id)
                .and_then(|l| l.desired)
                .is_some_and(|d| d.order > after && d.on != on)
        };
        let due: Vec<(EntityId, bool)> = turns
            .reports
            .iter()
            .filter(|(id, (on, after))| says_otherwise(id, *on, *after))
            .map(|(id, (on, _))| (id.clone(), *on))
            .collect();
        for (light, on) in due {
            turns.reports.remove(&light);
            self.handle_report(&light, on, self.clock.mono_ms(), turns)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn handle_report(
        &self,
        light: &EntityId,
        on: bool,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let state = self.journal.state();
        let (Some(entity), Some(known)) = (state.entities.get(light), state.lights.get(light))
        else {
            return Ok(());
        };
        let order = known
            .desired
            .filter(|d| d.on == on && known.reported.is_none_or(|r| r.on != on))
            .map(|d| d.order);
        // An answer to an order is always accepted: people gave the order.
        if !turns.limiter.try_acquire(&entity.device, now) && order.is_none() {
            turns.reports.insert(light.clone(), (on, state.seq));
            return Ok(());
        }
        turns.last_report.insert(light.clone(), now);
        let mut request = CommandRequest::new(
            Actor::Device {
                id: entity.device.clone(),
            },
            light::Command::Report {
                light: light.clone(),
                on,
            },
        );
        request.cause = order;
        self.submit_limited(request, &entity.device, turns)
            .await
            .map(drop)
    }

    pub(super) async fn handle_reading(
        &self,
        entity: &Entity,
        number: f64,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let state = self.journal.state();
        let Some(sensor) = state.sensors.get(&entity.id) else {
            return Ok(());
        };
        let scaled = (number * 10f64.powi(i32::from(sensor.decimals.min(6)))).round();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "values are bounded to 1e12 by the parser"
        )]
        self.samples
            .add(&entity.id, self.clock.wall_ms(), scaled as i64);
        self.update_level(entity, number, now, turns).await
    }

    /// Submits the crossing of a threshold. A rising level never waits: it is an alarm, and it
    /// cannot rise again without falling, which is charged.
    pub(super) async fn update_level(
        &self,
        entity: &Entity,
        number: f64,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let state = self.journal.state();
        let Some(sensor) = state.sensors.get(&entity.id) else {
            return Ok(());
        };
        let level = sensor.level(entity, number);
        let known = sensor.alarm.map_or(0, |a| a.level);
        turns.levels.remove(&entity.id);
        if level == known {
            return Ok(());
        }
        if !turns.limiter.try_acquire(&entity.device, now) && level < known {
            turns.levels.insert(entity.id.clone(), number);
            return Ok(());
        }
        let request = CommandRequest::new(
            Actor::Device {
                id: entity.device.clone(),
            },
            sensor::Command::ReportLevel {
                sensor: entity.id.clone(),
                level,
                value: number,
            },
        );
        self.submit_limited(request, &entity.device, turns)
            .await
            .map(drop)
    }

    /// Retries levels that waited: ended alarms come first.
    pub(super) async fn retry_levels(
        &self,
        now: MonoMs,
        turns: &mut Deferred,
    ) -> anyhow::Result<()> {
        let state = self.journal.state();
        for (id, number) in turns.levels.clone() {
            match state.entities.get(&id) {
                Some(entity) => self.update_level(entity, number, now, turns).await?,
                None => drop(turns.levels.remove(&id)),
            }
        }
        Ok(())
    }

    /// Writes the reports that wait when the gateway stops, whatever they cost.
    pub(super) async fn flush_deferred(&self, turns: Deferred) -> anyhow::Result<()> {
        for (device, here) in turns.presence {
            drop(
                self.submit(CommandRequest::new(
                    Actor::Device { id: device.clone() },
                    device::Command::ReportPresence { device, here },
                ))
                .await?,
            );
        }
        for (light, (on, _)) in turns.reports {
            let Some(device) = self
                .journal
                .state()
                .entities
                .get(&light)
                .map(|e| e.device.clone())
            else {
                continue;
            };
            drop(
                self.submit(CommandRequest::new(
                    Actor::Device { id: device },
                    light::Command::Report { light, on },
                ))
                .await?,
            );
        }
        for (sensor, value) in turns.levels {
            let state = self.journal.state();
            let (Some(entity), Some(known)) =
                (state.entities.get(&sensor), state.sensors.get(&sensor))
            else {
                continue;
            };
            let level = known.level(entity, value);
            drop(
                self.submit(CommandRequest::new(
                    Actor::Device {
                        id: entity.device.clone(),
                    },
                    sensor::Command::ReportLevel {
                        sensor,
                        level,
                        value,
                    },
                ))
                .await?,
            );
        }
        Ok(())
    }
}
