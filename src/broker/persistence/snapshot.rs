//! From the broker's state to a snapshot that replaces every record before it.
//!
//! Invariant: a snapshot holds everything that a restart must bring back, also the changes that are
//! still pending in the persistence log. Retained messages, queued messages and acceptances that
//! only memory holds (durability class `memory`) are not in it: a restart would bring them back out
//! of date.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::record::{PersistedChange, Target};
use super::stored_message::{queued_record, retained_record};
use crate::broker::core::message::Message;
use crate::broker::core::queue::Queue;
use crate::broker::core::session::Session;
use crate::broker::core::state::BrokerState;
use crate::broker::core::subscribe::encode_options;
use crate::broker::core::unreleased::InboundQos2State;
use crate::broker::core::will_schedule::ScheduledWill;
use crate::broker::core::wills::will_record;
use crate::protocol::broker::DurabilityClass;

/// The whole state, cheap to take under the lock. [`BrokerSnapshot::records`] makes the records of
/// it without the lock; `PersistenceFiles::write_snapshot` adds the end record.
pub struct BrokerSnapshot {
    retained: Vec<(Arc<str>, Arc<Message>)>,
    queued: BTreeMap<u64, (Arc<Message>, Vec<Target>)>,
    state_changes: Vec<PersistedChange>,
    now: Instant,
    wall: u64,
}

impl BrokerState {
    /// The queued messages of disconnected sessions that were never sent; recorded last, at a
    /// planned end.
    pub fn never_sent_changes(&self) -> Vec<PersistedChange> {
        let away = self
            .sessions
            .iter()
            .filter(|(_, s)| s.is_persistent() && s.is_disconnected());
        away.map(|(_, s)| PersistedChange::NeverSent {
            session: s.number(),
            ids: s.queue().never_sent(),
        })
        .filter(|r| !matches!(r, PersistedChange::NeverSent { ids, .. } if ids.is_empty()))
        .collect()
    }

    /// Numbers of retained messages and persistent sessions, for the watermark.
    pub fn persistent_counts(&self) -> (u64, u64) {
        let persistent = self
            .retained
            .all()
            .filter(|(_, m)| self.durability_rules.class_of(&m.topic) != DurabilityClass::Memory)
            .count();
        (
            persistent as u64,
            self.sessions
                .iter()
                .filter(|(_, s)| s.is_persistent())
                .count() as u64,
        )
    }

    /// Takes the whole state for a snapshot, with the changes that are still pending in it.
    pub fn snapshot(&mut self, now: Instant) -> BrokerSnapshot {
        let wall = self.wall_s();
        let is_persistent =
            |m: &Message| self.durability_rules.class_of(&m.topic) != DurabilityClass::Memory;
        let mut snapshot = BrokerSnapshot {
            retained: self
                .retained
                .all()
                .filter(|(_, m)| is_persistent(m))
                .map(|(o, m)| (o.clone(), m.clone()))
                .collect(),
            queued: BTreeMap::new(),
            state_changes: Vec::new(),
            now,
            wall,
        };
        for (_, session) in self.sessions.iter() {
            snapshot.add_session(session);
        }
        for (number, due) in self.will_schedule.iter() {
            snapshot.add_scheduled_will(number, due);
        }
        let wills = self
            .sessions
            .iter()
            .filter(|(_, s)| s.will.is_some())
            .map(|(_, s)| s.number())
            .chain(self.will_schedule.iter().map(|(number, _)| number));
        let heads = self
            .sessions
            .iter()
            .filter(|(_, s)| s.is_persistent())
            .map(|(_, s)| s.number());
        self.persistence.snapshot_begun(
            snapshot.retained.iter().map(|(_, m)| m.topic.clone()),
            wills,
            heads,
        );
        snapshot
    }
}

impl BrokerSnapshot {
    /// Adds a session: its will in any case, everything else if it is persistent.
    fn add_session(&mut self, session: &Session) {
        let (number, now, wall) = (session.number(), self.now, self.wall);
        if let Some(will) = &session.will {
            self.state_changes.push(PersistedChange::Will(will_record(
                number,
                (session.owner(), session.client_id()),
                will,
                None,
                now,
                wall,
            )));
        }
        if !session.is_persistent() {
            return;
        }
        self.state_changes.push(session.header_record(now, wall));
        self.state_changes
            .extend(
                session
                    .subscriptions
                    .iter()
                    .map(|(filter, h)| PersistedChange::Subscribed {
                        session: number,
                        filter: filter.to_owned(),
                        options: encode_options(h),
                        identifier: h.subscription_id,
                    }),
            );
        self.add_queue(number, session.queue());
        self.state_changes.extend(
            session
                .inbound_qos2
                .iter()
                .filter(|(_, held)| {
                    !matches!(
                        held.state,
                        InboundQos2State::Memory | InboundQos2State::Released
                    )
                })
                .map(|(id, _)| PersistedChange::InboundQos2 {
                    session: number,
                    id: *id,
                }),
        );
    }

    /// Adds a session's queued and inflight messages, and its deliveries whose PUBREC was received.
    fn add_queue(&mut self, number: u64, queue: &Queue) {
        let (messages, released) = queue.persisted_contents();
        for (order, id, item) in messages {
            let target = Target {
                session: number,
                id,
                qos: item.qos,
                retain: item.retain,
                subscription_ids: item.subscription_ids.to_vec(),
                shared_name: item.shared_name.as_deref().map(str::to_owned),
            };
            self.queued
                .entry(order)
                .or_insert_with(|| (item.message.clone(), Vec::new()))
                .1
                .push(target);
        }
        self.state_changes.extend(
            released
                .into_iter()
                .map(|id| PersistedChange::PubRecReceived {
                    session: number,
                    id,
                }),
        );
    }

    /// Adds a will that waits for its delay.
    fn add_scheduled_will(&mut self, number: u64, due: &ScheduledWill) {
        let left = due.due_at.saturating_duration_since(self.now).as_secs();
        self.state_changes.push(PersistedChange::Will(will_record(
            number,
            (due.identity.name(), &due.client_id),
            &due.will,
            (!due.from_broker_restart).then_some(self.wall + left),
            self.now,
            self.wall,
        )));
    }

    /// The records of the snapshot without its end, one at a time, so that memory holds no second
    /// copy of everything.
    pub fn records(&self) -> impl Iterator<Item = Vec<u8>> {
        let retained = self
            .retained
            .iter()
            .map(|(owner, m)| retained_record(owner, m, self.now, self.wall).encode());
        let queued = self.queued.iter().map(|(order, (m, targets))| {
            queued_record(*order, m, targets.clone(), self.now, self.wall).encode()
        });
        std::iter::once(PersistedChange::SnapshotBegin.encode())
            .chain(retained)
            .chain(self.state_changes.iter().map(PersistedChange::encode))
            .chain(queued)
    }
}
