//! Desired → reported: a reconciler that repeats an order until the lamp answers, then gives up in words.
//!
//! Takes no input: it compares what was ordered with what was reported, whenever something changed or time
//! passed. An order older than [`STALE_MS`] when it is first seen (after a power cut) is not sent any more.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::id::EntityId;
use crate::journal::{Journal, SubmitError, Wish};
use crate::live::Live;
use crate::live::south::Outgoing;
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;

/// Waits before an order is sent again, ms; after the last it is given up.
const AGAIN_MS: [u64; 5] = [1_000, 2_000, 4_000, 8_000, 15_000];
/// An order of before a restart that is older is not sent: the village has moved on. Wall ms.
const STALE_MS: i64 = 600_000;

struct Try {
    order: u64,
    sent: usize,
    next_at: u64,
}

/// Runs until `stop`.
///
/// # Errors
/// When the journal closed.
pub async fn run(journal: Journal, live: Live, clock: Clock, stop: Stop) -> anyhow::Result<()> {
    let mut tries: BTreeMap<EntityId, Try> = BTreeMap::new();
    let mut watch = journal.watch();
    loop {
        let state = watch.borrow_and_update().clone();
        let now = clock.mono_ms();
        let mut wake_at = now + 60_000;
        tries.retain(|id, t| state.lights.get(id).is_some_and(|l| l.is_waiting() && l.desired.is_some_and(|d| d.order == t.order)));
        for light in state.lights.values().filter(|l| l.is_waiting()) {
            let (Some(desired), Some(entity)) = (light.desired, state.entities.get(&light.id)) else { continue };
            let fresh = || Try { order: desired.order, sent: 0, next_at: now };
            let attempt = tries.entry(light.id.clone()).or_insert_with(fresh);
            let stale = attempt.sent == 0 && clock.wall_ms() - desired.at > STALE_MS;
            if !stale && attempt.next_at > now {
                wake_at = wake_at.min(attempt.next_at);
                continue;
            }
            let Some(order) = entity.order.as_ref().filter(|_| !stale && attempt.sent < AGAIN_MS.len()) else {
                let wish = Wish::new(Actor::House, Command::GiveUpLight { light: light.id.clone(), order: desired.order }).because(desired.order);
                if let Err(SubmitError::Closed(closed)) = journal.submit(wish).await {
                    return Err(closed.into());
                }
                continue;
            };
            let payload = if desired.on { &order.on } else { &order.off };
            if live.south.post(Outgoing { topic: order.topic.clone(), payload: payload.clone().into_bytes(), retain: false }) {
                attempt.next_at = now + AGAIN_MS[attempt.sent];
                attempt.sent += 1;
            } else {
                attempt.next_at = now + 200;
            }
            wake_at = wake_at.min(attempt.next_at);
        }
        let pause = Duration::from_millis(wake_at.saturating_sub(clock.mono_ms()).max(1));
        tokio::select! {
            changed = watch.changed() => changed?,
            () = tokio::time::sleep(pause) => {}
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
}
