//! The broker as a machine: sessions, subscriptions, queues, wills and retained messages, without a
//! wire. Monotonic time comes in; wall time is read from the given clock.
//!
//! Invariants: everything here happens under one lock (`guard`) and at a given moment; permission
//! is asked for every publish (wills and retained included) and every subscribe; a client id
//! belongs to its account, so nobody takes another's session over; a will is said once, or not at
//! all; what a kept session must not lose is owed to the ledger before anybody is answered.
//! `attach` has who comes and goes, `publish` publishes, `subscribe` subscribes, `ledger::restore`
//! builds it again from disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::acl::{AccessControl, Identity};
use super::message::Message;
use super::persistence::PersistenceLog;
use super::persistence::record::PersistedChange;
use super::queue::Queue;
use super::quota::account_queued_bytes;
use super::retained::RetainedMessages;
use super::session::{ConnectionHandle, ScheduledWill, Session};
use super::subscriptions::{Slot, SubscriptionTree, remove_subscription};
use crate::protocol::broker::{Counters, DurabilityRule, Limits};
use crate::supervisor::clock::Clock;

/// The house's queue is so many times a device's: it hears everybody.
const GATEWAY_QUEUE_FACTOR: usize = 16;
/// Seconds by which a clock that was set differs from one that only drifts.
const CLOCK_STEP_S: u64 = 30;

/// The machine.
pub struct BrokerState {
    pub access: AccessControl,
    pub durability_rules: Vec<DurabilityRule>,
    pub limits: Limits,
    pub subscription_tree: SubscriptionTree,
    pub retained: RetainedMessages,
    pub persistence: PersistenceLog,
    pub sessions: Vec<Option<Session>>,
    pub free_slots: Vec<Slot>,
    pub by_client: BTreeMap<(Identity, String), Slot>,
    pub by_number: BTreeMap<u64, Slot>,
    /// Wills of sessions whose client is away.
    pub scheduled_wills: BTreeMap<u64, ScheduledWill>,
    pub last_session_number: u64,
    pub(super) last_connection_number: u64,
    /// Bytes of all queues but the house's, and of each account's.
    pub queued_bytes: usize,
    pub queued_bytes_by_account: BTreeMap<Arc<str>, usize>,
    pub counters: Counters,
    /// The broker ends as planned: wills wait for the next life, on disk.
    pub shutting_down: bool,
    /// The `$SYS` topics.
    pub sys_topics: BTreeMap<Box<str>, Arc<Message>>,
    pub clock: Clock,
    /// The last tick, and what the clock said.
    last_tick: (Instant, u64),
}

impl BrokerState {
    pub fn new(limits: Limits, durability_rules: Vec<DurabilityRule>, clock: Clock) -> Self {
        let wall = u64::try_from(clock.wall_ms() / 1000).unwrap_or(0);
        Self {
            last_tick: (Instant::now(), wall),
            access: AccessControl::default(),
            durability_rules,
            limits,
            subscription_tree: SubscriptionTree::default(),
            retained: RetainedMessages::new(),
            persistence: PersistenceLog::default(),
            sessions: Vec::new(),
            free_slots: Vec::new(),
            by_client: BTreeMap::new(),
            by_number: BTreeMap::new(),
            scheduled_wills: BTreeMap::new(),
            last_session_number: 0,
            last_connection_number: 0,
            queued_bytes: 0,
            queued_bytes_by_account: BTreeMap::new(),
            counters: Counters::default(),
            shutting_down: false,
            sys_topics: BTreeMap::new(),
            clock,
        }
    }

    /// Wall seconds as the box knows them.
    pub fn wall_s(&self) -> u64 {
        u64::try_from(self.clock.wall_ms() / 1000).unwrap_or(0)
    }

    pub fn session(&mut self, slot: Slot) -> Option<&mut Session> {
        self.sessions.get_mut(slot as usize)?.as_mut()
    }

    /// The open connection of that client, if there is one.
    pub fn connection_of(&self, key: &(Identity, String)) -> Option<ConnectionHandle> {
        let slot = self.by_client.get(key)?;
        self.sessions
            .get(*slot as usize)?
            .as_ref()?
            .connection
            .clone()
    }

    /// Puts a session into its place.
    pub fn insert_session(&mut self, session: Session) -> Slot {
        let (number, key) = (
            session.number,
            (session.identity.clone(), session.client_id.clone()),
        );
        let slot = match self.free_slots.pop() {
            Some(slot) => {
                self.sessions[slot as usize] = Some(session);
                slot
            }
            None => {
                self.sessions.push(Some(session));
                Slot::try_from(self.sessions.len() - 1).unwrap_or(Slot::MAX)
            }
        };
        self.by_client.insert(key, slot);
        self.by_number.insert(number, slot);
        slot
    }

    /// A queue as long as `who` may have.
    pub fn new_queue_for(&self, who: &Identity) -> Queue {
        let share = if *who == Identity::Gateway {
            GATEWAY_QUEUE_FACTOR
        } else {
            1
        };
        Queue::new(self.limits.queued * share, self.limits.queued_bytes * share)
    }

    /// Devices without an account.
    pub(super) fn unprovisioned_sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions
            .iter()
            .flatten()
            .filter(|s| matches!(s.identity, Identity::Unprovisioned(_)))
    }

    /// Publishes wills whose delay passed and forgets sessions whose time is over. Call it every
    /// second.
    pub fn tick(&mut self, now: Instant) {
        self.detect_clock_step(now);
        let due: Vec<u64> = self
            .scheduled_wills
            .iter()
            .filter(|(_, w)| w.due_at <= now)
            .map(|(n, _)| *n)
            .collect();
        for number in due {
            if let Some(due) = self.scheduled_wills.remove(&number) {
                self.publish_will(
                    &due.identity,
                    (number, due.connection_number),
                    &due.will,
                    now,
                );
            }
        }
        let over = |s: &Session| s.is_disconnected() && s.state_since + s.expiry_interval <= now;
        let over: Vec<Slot> = (0..)
            .zip(&self.sessions)
            .filter(|(_, s)| s.as_ref().is_some_and(over))
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

    /// A clock that was set makes the times wrong that stand on disk: everything is written anew.
    fn detect_clock_step(&mut self, now: Instant) {
        let wall = self.wall_s();
        let (then, was) = std::mem::replace(&mut self.last_tick, (now, wall));
        let drift = (was + now.saturating_duration_since(then).as_secs()).abs_diff(wall);
        self.persistence.full_rewrite |= drift > CLOCK_STEP_S;
    }

    /// Forgets a session; a will that waited for its delay is said now: the session it waited for
    /// is over. What it had from shared subscriptions goes to other members.
    pub fn remove_session(&mut self, slot: Slot, now: Instant) {
        let Some(mut session) = self.sessions.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.free_slots.push(slot);
        for filter in session.subscriptions.keys() {
            remove_subscription(&mut self.subscription_tree, filter, slot);
        }
        let before = session.queue.bytes;
        let left = session.queue.take_redeliverable();
        account_queued_bytes(
            &mut self.queued_bytes,
            &mut self.queued_bytes_by_account,
            &session,
            before,
        );
        self.by_number.remove(&session.number);
        self.by_client
            .remove(&(session.identity.clone(), session.client_id.clone()));
        if let Some(due) = self.scheduled_wills.remove(&session.number) {
            self.publish_will(
                &due.identity,
                (session.number, due.connection_number),
                &due.will,
                now,
            );
        }
        // Before the ledger hears that the session is over: who waits for the card waits until
        // another has the message.
        for (owed, item) in left {
            self.redeliver_shared(&session.owner, owed, item, now);
        }
        if session.persisted {
            self.persistence.record(
                &session.owner,
                PersistedChange::SessionDeleted(session.number),
                None,
            );
        }
    }

    /// What the broker counted.
    pub fn current_counters(&self) -> Counters {
        let (queued, away) = self.sessions.iter().flatten().fold((0, 0), |(q, a), s| {
            (
                q + s.queue.len().0 as u64,
                a + u64::from(s.is_disconnected()),
            )
        });
        Counters {
            disconnected: away,
            queued,
            queued_bytes: self.queued_bytes as u64,
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
