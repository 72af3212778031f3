//! The state of the broker, and what belongs to no one part of it: sessions that end, the tick of
//! every second, the counters.
//!
//! Invariants: everything here happens under one lock (`shared`) and at a given moment. The caller
//! passes monotonic time in; wall time is read from the given clock. Permission is checked for
//! every publish (wills and retained messages included) and every subscribe. Everything that a
//! persistent session must not lose is in the persistence log's pending changes before anybody is
//! answered.
//!
//! `persistence::restore` builds the state again from disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::acl::{AccessControl, Identity};
use super::durability::DurabilityRules;
use super::message::Message;
use super::queue::Queue;
use super::quota::QueueQuota;
use super::retained::RetainedMessages;
use super::session::{ClientKey, ConnectionHandle, Session};
use super::session_table::SessionTable;
use super::subscriptions::{Slot, SubscriptionTree, remove_subscription};
use super::will_schedule::WillSchedule;
use crate::broker::persistence::PersistenceLog;
use crate::broker::persistence::record::PersistedChange;
use crate::protocol::broker::{Counters, DurabilityRule, Limits};
use crate::supervisor::clock::Clock;

/// The queue of the gateway's own client is this many times as long as a device's, because it
/// receives the messages of all devices.
const GATEWAY_QUEUE_FACTOR: usize = 16;
/// A clock that differs from monotonic time by more seconds than this was set; by fewer, it
/// drifted.
const CLOCK_STEP_S: u64 = 30;

/// The state machine.
pub struct BrokerState {
    /// Replaced only by `set_access`, which judges by it what is open already.
    pub(super) access: AccessControl,
    pub durability_rules: DurabilityRules,
    pub limits: Limits,
    pub subscription_tree: SubscriptionTree,
    pub retained: RetainedMessages,
    pub persistence: PersistenceLog,
    pub sessions: SessionTable,
    pub will_schedule: WillSchedule,
    pub(super) last_connection_number: u64,
    pub queue_quota: QueueQuota,
    pub counters: Counters,
    /// The broker is in a planned shutdown: wills stay on disk for the restarted broker.
    pub shutting_down: bool,
    /// The `$SYS` topics.
    pub sys_topics: BTreeMap<Box<str>, Arc<Message>>,
    pub clock: Clock,
    /// The moment of the last tick, and the wall time then.
    last_tick: (Instant, u64),
}

impl BrokerState {
    pub fn new(limits: Limits, durability_rules: Vec<DurabilityRule>, clock: Clock) -> Self {
        let wall = clock.wall_ms().seconds();
        Self {
            last_tick: (Instant::now(), wall),
            access: AccessControl::default(),
            durability_rules: DurabilityRules::new(durability_rules),
            subscription_tree: SubscriptionTree::default(),
            retained: RetainedMessages::new(),
            persistence: PersistenceLog::default(),
            sessions: SessionTable::default(),
            will_schedule: WillSchedule::default(),
            last_connection_number: 0,
            queue_quota: QueueQuota::new(limits.queued_all),
            limits,
            counters: Counters::default(),
            shutting_down: false,
            sys_topics: BTreeMap::new(),
            clock,
        }
    }

    /// Wall time in seconds, as far as this machine knows it.
    pub fn wall_s(&self) -> u64 {
        self.clock.wall_ms().seconds()
    }

    /// The access table in force.
    pub fn access(&self) -> &AccessControl {
        &self.access
    }

    pub fn session(&mut self, slot: Slot) -> Option<&mut Session> {
        self.sessions.get_mut(slot)
    }

    /// The open connection of that client, if any.
    pub fn connection_of(&self, client: &ClientKey) -> Option<ConnectionHandle> {
        let slot = self.sessions.slot_of(client)?;
        self.sessions.get(slot)?.connection.clone()
    }

    /// A queue with the limits of `who`.
    pub fn new_queue_for(&self, who: &Identity) -> Queue {
        let share = if *who == Identity::Gateway {
            GATEWAY_QUEUE_FACTOR
        } else {
            1
        };
        Queue::new(self.limits.queued * share, self.limits.queued_bytes * share)
    }

    /// The sessions of unprovisioned devices.
    pub(super) fn unprovisioned_sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions
            .iter()
            .map(|(_, session)| session)
            .filter(|s| matches!(s.identity(), Identity::Unprovisioned(_)))
    }

    /// Publishes wills whose delay is over and removes sessions that expired. The worker calls it
    /// every second.
    pub fn tick(&mut self, now: Instant) {
        self.detect_clock_step(now);
        for (number, due) in self.will_schedule.take_due(now) {
            self.publish_scheduled_will(number, &due, now);
        }
        let over: Vec<Slot> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.is_disconnected() && s.state_since + s.expiry_interval <= now)
            .map(|(slot, _)| slot)
            .collect();
        for slot in over {
            self.counters.expired_sessions += 1;
            self.remove_session(slot, now);
        }
        for (owner, topic) in self.retained.expire(now) {
            self.persistence
                .enqueue_retained(&owner, &topic, None, None);
        }
    }

    /// When the clock was set, the times on disk are wrong: everything is written anew.
    fn detect_clock_step(&mut self, now: Instant) {
        let wall = self.wall_s();
        let (then, was) = std::mem::replace(&mut self.last_tick, (now, wall));
        let drift = (was + now.saturating_duration_since(then).as_secs()).abs_diff(wall);
        self.persistence.full_rewrite |= drift > CLOCK_STEP_S;
    }

    /// Removes a session. A will that waited for its delay is published now, because the session
    /// ends. Messages that it had from shared subscriptions go to other members.
    pub fn remove_session(&mut self, slot: Slot, now: Instant) {
        let Some(mut session) = self.sessions.remove(slot) else {
            return;
        };
        for filter in session.subscriptions.names() {
            remove_subscription(&mut self.subscription_tree, filter, slot);
        }
        let left = session.with_queue(&mut self.queue_quota, Queue::take_redeliverable);
        if let Some(due) = self.will_schedule.take(session.number()) {
            self.publish_scheduled_will(session.number(), &due, now);
        }
        // Redelivery comes before the log learns that the session ended: a publisher that waits for
        // storage waits until another member has the message.
        for (log_number, item) in left {
            self.redeliver_shared(session.owner(), log_number, item, now);
        }
        if session.persisted {
            self.persistence.record(
                session.owner(),
                PersistedChange::SessionDeleted(session.number()),
                None,
            );
        }
    }

    /// The counters, with the sums of this moment.
    pub fn current_counters(&self) -> Counters {
        let (queued, away) = self.sessions.iter().fold((0, 0), |(q, a), (_, s)| {
            (
                q + s.queue().len().0 as u64,
                a + u64::from(s.is_disconnected()),
            )
        });
        Counters {
            disconnected: away,
            queued,
            queued_bytes: self.queue_quota.bytes() as u64,
            subscriptions: self.subscription_tree.count.0 as u64,
            shared: self.subscription_tree.count.1 as u64,
            retained: self.retained.len() as u64,
            retained_bytes: self.retained.bytes as u64,
            retained_refused: self.retained.refused,
            quarantined: self.unprovisioned_sessions().count() as u64,
            pending_changes: self.persistence.len() as u64,
            ..self.counters.clone()
        }
    }
}
