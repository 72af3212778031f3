//! Availability by silence: a device that promised to publish at an interval and does not is
//! offline. Last wills arrive by `ingest`.

use std::collections::BTreeMap;

use super::rate_limit::RateLimiter;
use crate::domain::actor::Actor;
use crate::domain::device::{self, Availability};
use crate::domain::id::DeviceId;
use crate::journal::{CommandRequest, Journal, SubmitError};
use crate::live::Live;
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;
use crate::supervisor::standstill::Passes;
use crate::time::MonoMs;

/// Runs until `stop`.
///
/// # Errors
/// When the journal closed.
pub async fn run(journal: Journal, live: Live, clock: Clock, stop: Stop) -> anyhow::Result<()> {
    let mut budget = RateLimiter::default();
    // When each offline device was first seen to be offline: only a later message of the device
    // proves that it is online again.
    let mut gone: BTreeMap<DeviceId, MonoMs> = BTreeMap::new();
    let mut passes = Passes::begin();
    let mut tick = tokio::time::interval(Passes::INTERVAL);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.soft.cancelled() => return Ok(()),
        }
        let state = journal.state();
        let now = clock.mono_ms();
        // Messages that devices published during a standstill are read only now.
        if passes.pass().is_some() {
            live.device_link.begin_anew(now);
        }
        // While our own link is down no message can arrive: that is not the devices' silence.
        let Some(up) = live.device_link.online_since() else {
            continue;
        };
        gone.retain(|id, _| {
            state
                .devices
                .get(id)
                .is_some_and(|d| matches!(d.availability, Availability::Offline { .. }))
        });
        for (id, _) in state
            .devices
            .iter()
            .filter(|(_, d)| matches!(d.availability, Availability::Offline { .. }))
        {
            gone.entry(id.clone()).or_insert(now);
        }
        // The shortest interval that each device promised, ms.
        let mut promises: BTreeMap<&DeviceId, u64> = BTreeMap::new();
        for entity in state.entities.values().filter(|e| e.expire_after_s > 0) {
            let promise = promises.entry(&entity.device).or_insert(u64::MAX);
            *promise = (*promise).min(u64::from(entity.expire_after_s) * 1000);
        }
        for (id, promise) in promises {
            let Some(device) = state.devices.get(id) else {
                continue;
            };
            let last_seen = live.latest.last_seen(id);
            let silent = now.since(last_seen.map_or(up, |h| h.max(up)));
            let here = match device.availability {
                Availability::Offline { .. }
                    if last_seen.is_some_and(|h| {
                        gone.get(id).is_some_and(|at| h > *at) && now.since(h) < promise
                    }) =>
                {
                    true
                }
                Availability::Unknown if last_seen.is_some() => true,
                Availability::Online { .. } | Availability::Unknown if silent > promise => false,
                _ => continue,
            };
            // A change that is not reported now is found again at a later tick.
            if !budget.try_acquire(id, now) {
                continue;
            }
            let request = CommandRequest::new(
                Actor::System,
                device::Command::ReportPresence {
                    device: id.clone(),
                    here,
                },
            );
            if let Err(SubmitError::Closed(closed)) = journal.submit(request).await {
                return Err(closed.into());
            }
        }
    }
}
