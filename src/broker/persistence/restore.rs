//! Rebuilds the broker's state from the records of the persistence log.
//!
//! Invariants:
//!
//! - A complete snapshot replaces every record before it. A snapshot without its end counts for
//!   nothing: the records before it stay.
//! - A delivery has the same packet identifier as before.
//! - Packet identifiers that may have been given out without being written are not given out again
//!   soon.
//! - A clock may stand still or go back while the power is off: time counts as passed only when the
//!   clock says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::record::{PersistedChange, SessionHeader, StoredMessage, StoredWill, Target};
use crate::broker::core::acl::{GATEWAY_ACCOUNT, Identity};
use crate::broker::core::message::{Message, QueuedMessage};
use crate::broker::core::session::Session;
use crate::broker::core::state::BrokerState;
use crate::broker::core::subscriptions::{SubscriptionOptions, add_subscription};
use crate::broker::core::unreleased::{InboundQos2, InboundQos2State};
use crate::broker::core::will_schedule::ScheduledWill;
use crate::protocol::broker::DurabilityClass;
use crate::protocol::mqtt::connect::Will;
use crate::protocol::mqtt::properties::Properties;
use crate::protocol::mqtt::{PacketId, QoS};
use crate::supervisor::clock::BUILD_FLOOR_MS;

/// After a restart of the broker, clients have this long to reconnect before their wills are
/// published.
pub const WILL_GRACE: Duration = Duration::from_secs(10);
/// How many packet identifiers may have been given out without being written.
const UNRECORDED_IDS_MAX: u16 = 4_096;

#[derive(Debug, Clone, Default)]
struct SessionRecords {
    subscriptions: BTreeMap<String, SubscriptionOptions>,
    /// By sequence and packet identifier.
    queued: BTreeMap<(u64, PacketId), (Arc<StoredMessage>, Target)>,
    pubrec_received: Vec<PacketId>,
    inbound_qos2: Vec<PacketId>,
    /// Packet identifiers of queued messages that were never sent.
    never_sent: Vec<PacketId>,
}

/// The contents of the records.
#[derive(Debug, Clone, Default)]
pub struct RecoveredState {
    retained: BTreeMap<String, (String, StoredMessage)>,
    headers: BTreeMap<u64, SessionHeader>,
    sessions: BTreeMap<u64, SessionRecords>,
    wills: BTreeMap<u64, StoredWill>,
    last_sequence: u64,
    last_session: u64,
}

impl RecoveredState {
    /// Reads all records in their order.
    #[cfg(test)]
    pub fn from_records<'a>(records: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::from_damaged_records(records.map(Some))
    }

    /// Reads all records in their order; `None` stands for one or more that cannot be read.
    pub fn from_damaged_records<'a>(records: impl Iterator<Item = Option<&'a [u8]>>) -> Self {
        let mut found = Self::default();
        let records: Vec<Option<&[u8]>> = records.collect();
        // The last complete snapshot holds everything that was before it. Of earlier records only
        // the numbers count, because they must not be given out again.
        let end = records.iter().rposition(|r| *r == Some(b"E"));
        let begin = end.and_then(|end| records[..end].iter().rposition(|r| *r == Some(b"D")));
        let before = begin.unwrap_or(0);
        let mut large: Option<Vec<u8>> = None;
        for (n, bytes) in records.into_iter().enumerate() {
            // A record that is larger than a group comes in pieces (`PersistenceFiles::write`). If
            // one piece is missing, there is no record.
            let record = match bytes.and_then(<[u8]>::split_first) {
                None => {
                    large = None;
                    continue;
                }
                Some((b'<', piece)) => {
                    large = Some(piece.to_vec());
                    continue;
                }
                Some((b'-', piece)) => {
                    if let Some(large) = &mut large {
                        large.extend_from_slice(piece);
                    }
                    continue;
                }
                Some((b'>', piece)) => large
                    .take()
                    .and_then(|large| PersistedChange::decode(&[&large, piece].concat())),
                _ => bytes.and_then(PersistedChange::decode),
            };
            let Some(record) = record else { continue };
            if n < before {
                found.note_numbers(&record);
            } else {
                found.apply(record);
            }
        }
        found
    }

    /// Numbers of retained messages and persistent sessions.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.retained.len() as u64,
            self.headers.values().filter(|h| h.expiry_s > 0).count() as u64,
        )
    }

    /// A session's records beside its header. Its number is never given out again.
    fn session_mut(&mut self, session: u64) -> &mut SessionRecords {
        self.last_session = self.last_session.max(session);
        self.sessions.entry(session).or_default()
    }

    /// Notes the numbers of a record whose contents a later snapshot has replaced.
    fn note_numbers(&mut self, record: &PersistedChange) {
        match record {
            PersistedChange::Session(head) => {
                self.last_session = self.last_session.max(head.session);
            }
            PersistedChange::SessionDeleted(session) => {
                self.last_session = self.last_session.max(*session);
            }
            PersistedChange::Will(will) => self.last_session = self.last_session.max(will.session),
            PersistedChange::Queued {
                sequence, targets, ..
            } => {
                self.last_sequence = self.last_sequence.max(*sequence);
                self.last_session = targets
                    .iter()
                    .map(|t| t.session)
                    .fold(self.last_session, u64::max);
            }
            _ => {}
        }
    }

    fn apply(&mut self, record: PersistedChange) {
        self.note_numbers(&record);
        match record {
            PersistedChange::RetainedSet { owner, message } => drop(
                self.retained
                    .insert(message.topic.clone(), (owner, message)),
            ),
            PersistedChange::RetainedRemoved(topic) => drop(self.retained.remove(&topic)),
            PersistedChange::Session(head) => {
                self.headers.insert(head.session, head);
            }
            PersistedChange::SessionDeleted(session) => {
                self.headers.remove(&session);
                self.sessions.remove(&session);
            }
            PersistedChange::Subscribed {
                session,
                filter,
                options,
                identifier,
            } => {
                let options = SubscriptionOptions {
                    qos: QoS::from_stored(options & 3),
                    no_local: options & 4 != 0,
                    retain_as_published: options & 8 != 0,
                    subscription_id: identifier,
                };
                self.session_mut(session)
                    .subscriptions
                    .insert(filter, options);
            }
            PersistedChange::Unsubscribed { session, filter } => {
                self.session_mut(session).subscriptions.remove(&filter);
            }
            PersistedChange::Queued {
                sequence,
                inbound,
                message,
                targets,
            } => {
                if let Some((session, id)) = inbound {
                    self.session_mut(session).inbound_qos2.push(id);
                }
                let message = Arc::new(message);
                for target in targets {
                    self.session_mut(target.session)
                        .queued
                        .insert((sequence, target.id), (message.clone(), target));
                }
            }
            PersistedChange::Delivered { session, ids } => {
                let records = self.session_mut(session);
                records.queued.retain(|(_, id), _| !ids.contains(id));
                records.pubrec_received.retain(|id| !ids.contains(id));
            }
            PersistedChange::PubRecReceived { session, id } => {
                let records = self.session_mut(session);
                records.queued.retain(|(_, queued), _| *queued != id);
                if !records.pubrec_received.contains(&id) {
                    records.pubrec_received.push(id);
                }
            }
            PersistedChange::InboundQos2 { session, id } => {
                self.session_mut(session).inbound_qos2.push(id);
            }
            PersistedChange::InboundQos2Released { session, id } => {
                self.session_mut(session).inbound_qos2.retain(|i| *i != id);
            }
            PersistedChange::Will(will) => {
                self.wills.insert(will.session, will);
            }
            PersistedChange::WillCleared(session) => drop(self.wills.remove(&session)),
            PersistedChange::NeverSent { session, ids } => {
                self.session_mut(session).never_sent.extend(ids);
            }
            PersistedChange::ServingStarted => self.clear_never_sent(),
            PersistedChange::SnapshotBegin | PersistedChange::SnapshotEnd => {}
        }
    }

    /// True when messages are known never to have been sent. Before one of them is sent, the disk
    /// must have the record that this knowledge ends.
    pub fn has_never_sent(&self) -> bool {
        self.sessions.values().any(|k| !k.never_sent.is_empty())
    }

    /// From now on every queued message may have been sent.
    pub fn clear_never_sent(&mut self) {
        self.sessions
            .values_mut()
            .for_each(|k| k.never_sent.clear());
    }

    /// Fills an empty state with the recovered contents.
    pub fn restore_into(self, core: &mut BrokerState, now: Instant) {
        let wall = core.wall_s();
        core.sessions.resume_numbers_after(self.last_session);
        core.persistence.resume_after(
            self.last_sequence,
            self.retained.keys().map(|t| t.as_str().into()),
            self.wills.keys().copied(),
            self.headers.keys().copied(),
        );
        for (owner, message) in self
            .retained
            .into_values()
            .filter(|(_, m)| core.durability_rules.class_of(&m.topic) != DurabilityClass::Memory)
        {
            if let Some(message) = unexpired(&message, now, wall) {
                core.retained
                    .set(&owner.into(), None, &Arc::new(message), &core.limits);
            }
        }
        core.retained.refused = 0;
        let mut records = self.sessions;
        // A message for many sessions is held in memory once.
        let mut messages = BTreeMap::new();
        for head in self.headers.into_values().filter(|h| h.expiry_s > 0) {
            let records = records.remove(&head.session).unwrap_or_default();
            restore_session(core, head, records, &mut messages, now, wall);
        }
        for (session, will) in self.wills {
            let at = will
                .due_at
                .map_or(WILL_GRACE, |due| {
                    Duration::from_secs(due.saturating_sub(wall).min(u64::from(will.delay_s)))
                })
                .max(WILL_GRACE);
            if let Some(message) = unexpired(&will.message, now, wall) {
                let expires = message.expires_at.map(|at| {
                    u32::try_from(at.saturating_duration_since(now).as_secs()).unwrap_or(u32::MAX)
                });
                let properties = Properties {
                    message_expiry: expires,
                    will_delay: Some(will.delay_s),
                    forwarded: message.forwarded_properties.clone(),
                    ..Properties::default()
                };
                let topic = message.topic.to_string();
                let restored = Will {
                    topic,
                    payload: message.payload.to_vec().into(),
                    qos: message.qos,
                    retain: message.retain,
                    properties,
                };
                core.will_schedule.insert(
                    session,
                    ScheduledWill {
                        due_at: now + at,
                        identity: identity(&will.account),
                        client_id: will.client_id,
                        will: Box::new(restored),
                        connection_number: None,
                        from_broker_restart: will.due_at.is_none(),
                    },
                );
            }
        }
    }
}

fn identity(account: &str) -> Identity {
    if account == GATEWAY_ACCOUNT {
        Identity::Gateway
    } else {
        Identity::Account(account.to_owned())
    }
}

/// Wall-clock seconds since `at`. A time before the build date was written by a clock that had lost
/// power; it counts as no time passed.
fn elapsed_s(at: u64, wall: u64) -> u64 {
    if is_before_build(at) {
        0
    } else {
        wall.saturating_sub(at)
    }
}

fn is_before_build(at: u64) -> bool {
    i64::try_from(at).is_ok_and(|at| at.saturating_mul(1000) < BUILD_FLOOR_MS)
}

/// The message, unless it has expired.
fn unexpired(stored: &StoredMessage, now: Instant, wall: u64) -> Option<Message> {
    let expires = match stored.expiry {
        None => None,
        Some((left, at)) => Some(
            now + Duration::from_secs(
                u64::from(left)
                    .checked_sub(elapsed_s(at, wall))
                    .filter(|left| *left > 0)?,
            ),
        ),
    };
    Some(Message {
        topic: stored.topic.as_str().into(),
        payload: stored.payload.as_slice().into(),
        qos: stored.qos,
        retain: stored.retain,
        forwarded_properties: stored.forwarded_properties.clone(),
        expires_at: expires,
    })
}

fn restore_session(
    core: &mut BrokerState,
    header: SessionHeader,
    records: SessionRecords,
    messages: &mut BTreeMap<u64, Option<Arc<Message>>>,
    now: Instant,
    wall: u64,
) {
    let keep_for = Duration::from_secs(u64::from(header.expiry_s));
    let away_for = Duration::from_secs(header.disconnected_at.map_or(0, |at| elapsed_s(at, wall)));
    if away_for >= keep_for {
        core.persistence.record(
            &header.account.as_str().into(),
            PersistedChange::SessionDeleted(header.session),
            None,
        );
        return;
    }
    let who = identity(&header.account);
    let last = records
        .queued
        .values()
        .map(|(_, t)| t.id)
        .next_back()
        .or(header.last_packet_id);
    let queue = core.new_queue_for(&who);
    let client = (who, header.client_id);
    let mut session = Session::new(header.session, client, header.credential.into(), queue, now);
    session.with_queue(&mut core.queue_quota, |queue| {
        for id in records.pubrec_received {
            queue.restore_pubrel(id, 0);
        }
        for ((sequence, id), (stored, target)) in records.queued {
            let Some(message) = messages
                .entry(sequence)
                .or_insert_with(|| unexpired(&stored, now, wall).map(Arc::new))
                .clone()
            else {
                continue;
            };
            let group = target.shared_name.as_deref().map(Into::into);
            let item = QueuedMessage {
                message,
                qos: target.qos,
                retain: target.retain,
                subscription_ids: target.subscription_ids.into(),
                shared_name: group,
            };
            queue.restore_queued(id, item, sequence, !records.never_sent.contains(&id));
        }
        let last = last.map_or(0, PacketId::get);
        queue.resume_ids_after(PacketId::new(last.wrapping_add(UNRECORDED_IDS_MAX)));
    });
    for (filter, options) in &records.subscriptions {
        session.subscriptions.insert(filter, *options);
    }
    session.inbound_qos2 = records
        .inbound_qos2
        .into_iter()
        .map(|id| {
            (
                id,
                InboundQos2 {
                    state: InboundQos2State::Restored,
                    ticket: None,
                },
            )
        })
        .collect();
    session.expiry_interval = keep_for;
    // The session expiry interval goes on from where it was.
    session.state_since = now.checked_sub(away_for).unwrap_or(now);
    session.persisted = true;
    if header.disconnected_at.is_none_or(is_before_build) {
        // The client counts as disconnected from now on; that is written so that the next restart
        // does not begin the interval anew.
        core.persistence
            .record(session.owner(), session.header_record(now, wall), None);
    }
    let slot = core.sessions.insert(session);
    for (filter, options) in records.subscriptions {
        add_subscription(&mut core.subscription_tree, &filter, slot, options);
    }
}
