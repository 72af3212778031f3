//! Desired → reported: a reconciler that repeats an order until the lamp answers, then gives up
//! with an entry.
//!
//! It takes no input: it compares what was ordered with what the lamp last reported, whenever
//! something changed or time passed. An order older than [`MAX_ORDER_AGE_MS`] when it is first seen
//! (after a power cut) is not sent any more, nor is one that this run has tried to send for
//! [`MAX_TRIES_MS`], whatever held it up: a standstill of the process, a broker that is away.
//! Invariant: a lamp gets the last order or none. Orders wait here, never in the broker (QoS 0): a
//! persistent session would deliver each order and each copy of it when its lamp reconnects, hours
//! later. A lamp that reconnects while its order stands gets it at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::actor::Actor;
use crate::domain::id::EntityId;
use crate::domain::light;
use crate::journal::{CommandRequest, Journal, SubmitError};
use crate::live::Live;
use crate::ports::devices::{DevicePort, OutgoingMessage};
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;
use crate::time::MonoMs;

/// Waits before an order is sent again, ms; after the last one the gateway gives up.
const RETRY_DELAYS_MS: [u64; 8] = [1_000, 2_000, 3_000, 4_000, 5_000, 5_000, 5_000, 5_000];
/// A device that was silent for so long before an order may have been offline, ms.
const ASSUME_OFFLINE_MS: u64 = 3_000;
/// An older order from before a restart is not sent: the village has moved on. Wall ms.
const MAX_ORDER_AGE_MS: i64 = 600_000;

/// How long an order is tried, ms: the waits above, and some seconds of a busy machine.
const MAX_TRIES_MS: u64 = 40_000;

struct Attempt {
    order: u64,
    first_at: MonoMs,
    sent: usize,
    next_at: MonoMs,
    /// When the order was last sent to a device that was silent then: its first message after that
    /// proves that it is online again.
    sent_while_silent: Option<MonoMs>,
}

impl Attempt {
    /// Whether the order is too old to be sent once more. `wall_age_ms` counts since the order;
    /// `is_of_this_run`: no restart is between it and now.
    const fn is_stale(&self, now: MonoMs, wall_age_ms: i64, is_of_this_run: bool) -> bool {
        let most = if is_of_this_run {
            MAX_TRIES_MS.cast_signed()
        } else {
            MAX_ORDER_AGE_MS
        };
        now.since(self.first_at) > MAX_TRIES_MS || (self.sent == 0 && wall_age_ms > most)
    }
}

/// Runs until `stop`.
///
/// # Errors
/// When the journal closed.
pub async fn run(
    journal: Journal,
    live: Live,
    port: Arc<DevicePort>,
    clock: Clock,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut tries: BTreeMap<EntityId, Attempt> = BTreeMap::new();
    let mut watch = journal.watch();
    let mut words = live.latest.watch();
    let before = journal.state().seq;
    loop {
        words.borrow_and_update();
        let state = live.latest.overlay(&watch.borrow_and_update());
        let now = clock.mono_ms();
        let mut wake_at = now + 60_000;
        tries.retain(|id, t| {
            state
                .lights
                .get(id)
                .is_some_and(|l| l.is_pending() && l.desired.is_some_and(|d| d.order == t.order))
        });
        for light in state.lights.values().filter(|l| l.is_pending()) {
            let (Some(desired), Some(entity)) = (light.desired, state.entities.get(&light.id))
            else {
                continue;
            };
            let fresh = || Attempt {
                order: desired.order,
                first_at: now,
                sent: 0,
                next_at: now,
                sent_while_silent: None,
            };
            let attempt = tries.entry(light.id.clone()).or_insert_with(fresh);
            let last_seen = live.latest.last_seen(&entity.device);
            let is_back = attempt
                .sent_while_silent
                .is_some_and(|at| last_seen.is_some_and(|h| h > at));
            let age_ms = clock.wall_ms().since(desired.at);
            let stale = attempt.is_stale(now, age_ms, desired.order > before);
            if !stale && attempt.next_at > now && !is_back {
                wake_at = wake_at.min(attempt.next_at);
                continue;
            }
            // An order that is sent early because its device is online again does not count as an
            // attempt, nor does it move the times of the other attempts.
            let may = attempt.sent < RETRY_DELAYS_MS.len() || is_back && attempt.next_at > now;
            let Some(order) = entity.order.as_ref().filter(|_| !stale && may) else {
                let request = CommandRequest::new(
                    Actor::System,
                    light::Command::GiveUp {
                        light: light.id.clone(),
                        order: desired.order,
                    },
                )
                .caused_by(desired.order);
                if let Err(SubmitError::Closed(closed)) = journal.submit(request).await {
                    return Err(closed.into());
                }
                continue;
            };
            let payload = if desired.on { &order.on } else { &order.off };
            let sent = port.post(OutgoingMessage {
                topic: order.topic.clone(),
                payload: payload.clone().into_bytes(),
                retain: false,
                queued: false,
            });
            match (sent, attempt.next_at > now) {
                (true, true) => attempt.sent_while_silent = None,
                (true, false) => {
                    attempt.sent_while_silent = last_seen
                        .is_none_or(|h| now.since(h) > ASSUME_OFFLINE_MS)
                        .then_some(now);
                    attempt.next_at = now + RETRY_DELAYS_MS[attempt.sent];
                    attempt.sent += 1;
                }
                (false, true) => {}
                (false, false) => attempt.next_at = now + 200,
            }
            wake_at = wake_at.min(if sent { attempt.next_at } else { now + 200 });
        }
        let pause = Duration::from_millis(wake_at.since(clock.mono_ms()).max(1));
        tokio::select! {
            changed = watch.changed() => changed?,
            // A message of a device: it may be the answer, or prove that the device is online
            // again.
            changed = words.changed(), if !tries.is_empty() => changed?,
            () = tokio::time::sleep(pause) => {}
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lamp_does_not_light_long_after_its_order_whatever_held_the_order_up() {
        let attempt = |sent| Attempt {
            order: 1,
            first_at: MonoMs::new(10_000),
            sent,
            next_at: MonoMs::new(10_000),
            sent_while_silent: None,
        };
        assert!(!attempt(0).is_stale(MonoMs::new(10_000), 5, true));
        assert!(!attempt(3).is_stale(MonoMs::new(40_000), 30_000, true));
        assert!(
            attempt(3).is_stale(MonoMs::new(85_000), 75_000, true),
            "frozen meanwhile"
        );
        assert!(
            attempt(0).is_stale(MonoMs::new(85_000), 75_000, true),
            "no broker"
        );
        assert!(
            attempt(0).is_stale(MonoMs::new(10_000), 75_000, true),
            "not seen earlier"
        );
        assert!(
            !attempt(0).is_stale(MonoMs::new(10_000), 75_000, false),
            "a power cut"
        );
        assert!(
            attempt(0).is_stale(MonoMs::new(10_000), 700_000, false),
            "a long one"
        );
    }
}
