//! From the ledger's records back to the machine.
//!
//! Invariants: what a whole dump holds replaces what stood before it, a dump without its end counts
//! for nothing; a delivery keeps its packet id; packet ids that were given out and not written down
//! are not given out again soon. Clocks may stand still or go back while the power is off: time
//! that passed is counted only when the clock says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::record::{Head, Kept, KeptWill, Record, Target};
use crate::broker::access::{HOUSE, Identity};
use crate::broker::core::Core;
use crate::broker::durability::class_of;
use crate::broker::matcher::{Hearing, Slot, listen};
use crate::broker::message::{Message, Queued};
use crate::broker::queue::{Held, Hold};
use crate::broker::quota::count_bytes;
use crate::broker::session::{Due, Peer, Session};
use crate::protocol::broker::Class;
use crate::protocol::mqtt::connect::Will;
use crate::protocol::mqtt::properties::Properties;
use crate::supervisor::clock::BUILD_FLOOR_MS;

/// After the broker's own death, clients have so long to come back before their wills are said.
pub const GRACE: Duration = Duration::from_secs(10);
/// Packet ids that may have been given out without being written down.
const UNWRITTEN_IDS: u16 = 4_096;

#[derive(Debug, Clone, Default)]
struct Kin {
    filters: BTreeMap<String, Hearing>,
    /// By order and packet id.
    queue: BTreeMap<(u64, u16), (Arc<Kept>, Target)>,
    released: Vec<u16>,
    received: Vec<u16>,
    /// Of the queue, what was never sent.
    unsent: Vec<u16>,
}

/// What stands in the records.
#[derive(Debug, Clone, Default)]
pub struct Found {
    retained: BTreeMap<String, (String, Kept)>,
    heads: BTreeMap<u64, Head>,
    kin: BTreeMap<u64, Kin>,
    wills: BTreeMap<u64, KeptWill>,
    last_order: u64,
    last_session: u64,
}

impl Found {
    /// Reads all records in their order.
    #[cfg(test)]
    pub fn read<'a>(records: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::read_around(records.map(Some))
    }

    /// Reads all records in their order; none = there was one that cannot be read, or more.
    pub fn read_around<'a>(records: impl Iterator<Item = Option<&'a [u8]>>) -> Self {
        let mut found = Self::default();
        let records: Vec<Option<&[u8]>> = records.collect();
        // Everything before the last whole dump is in it; only numbers that were given out still
        // count.
        let end = records.iter().rposition(|r| *r == Some(b"E"));
        let begin = end.and_then(|end| records[..end].iter().rposition(|r| *r == Some(b"D")));
        let before = begin.unwrap_or(0);
        let mut large: Option<Vec<u8>> = None;
        for (n, bytes) in records.into_iter().enumerate() {
            // A large record comes in pieces (`writer`); without one of them it is none.
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
                    .and_then(|large| Record::decode(&[&large, piece].concat())),
                _ => bytes.and_then(Record::decode),
            };
            let Some(record) = record else { continue };
            if n < before {
                found.number(&record);
            } else {
                found.apply(record);
            }
        }
        found
    }

    /// Retained messages and kept sessions that were found.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.retained.len() as u64,
            self.heads.values().filter(|h| h.keep_s > 0).count() as u64,
        )
    }

    /// What a session has beside its head; its number is never given out again.
    fn kin(&mut self, session: u64) -> &mut Kin {
        self.last_session = self.last_session.max(session);
        self.kin.entry(session).or_default()
    }

    /// Only the numbers of a record that a dump has made old.
    fn number(&mut self, record: &Record) {
        match record {
            Record::Session(head) => self.last_session = self.last_session.max(head.session),
            Record::Over(session) => self.last_session = self.last_session.max(*session),
            Record::Will(will) => self.last_session = self.last_session.max(will.session),
            Record::Queue { order, targets, .. } => {
                self.last_order = self.last_order.max(*order);
                self.last_session = targets
                    .iter()
                    .map(|t| t.session)
                    .fold(self.last_session, u64::max);
            }
            _ => {}
        }
    }

    fn apply(&mut self, record: Record) {
        self.number(&record);
        match record {
            Record::Put { owner, message } => drop(
                self.retained
                    .insert(message.topic.clone(), (owner, message)),
            ),
            Record::Remove(topic) => drop(self.retained.remove(&topic)),
            Record::Session(head) => {
                self.heads.insert(head.session, head);
            }
            Record::Over(session) => {
                self.heads.remove(&session);
                self.kin.remove(&session);
            }
            Record::Filter {
                session,
                filter,
                options,
                identifier,
            } => {
                let hearing = Hearing {
                    qos: (options & 3).min(2),
                    no_local: options & 4 != 0,
                    retain_as_published: options & 8 != 0,
                    identifier: (identifier > 0).then_some(identifier),
                };
                self.kin(session).filters.insert(filter, hearing);
            }
            Record::Unfilter { session, filter } => drop(self.kin(session).filters.remove(&filter)),
            Record::Queue {
                order,
                inbound,
                message,
                targets,
            } => {
                if inbound.0 > 0 {
                    self.kin(inbound.0).received.push(inbound.1);
                }
                let message = Arc::new(message);
                for target in targets {
                    self.kin(target.session)
                        .queue
                        .insert((order, target.id), (message.clone(), target));
                }
            }
            Record::Acked { session, ids } => {
                let kin = self.kin(session);
                kin.queue.retain(|(_, id), _| !ids.contains(id));
                kin.released.retain(|id| !ids.contains(id));
            }
            Record::Released { session, id } => {
                let kin = self.kin(session);
                kin.queue.retain(|(_, queued), _| *queued != id);
                if !kin.released.contains(&id) {
                    kin.released.push(id);
                }
            }
            Record::Inbound { session, id } => self.kin(session).received.push(id),
            Record::InboundOver { session, id } => self.kin(session).received.retain(|i| *i != id),
            Record::Will(will) => {
                self.wills.insert(will.session, will);
            }
            Record::WillOver(session) => drop(self.wills.remove(&session)),
            Record::Unsent { session, ids } => self.kin(session).unsent.extend(ids),
            Record::Began => self.all_may_be_sent(),
            Record::Dump | Record::End => {}
        }
    }

    /// True when messages are known not to have been sent: before they are, the disk must hear that
    /// this is over.
    pub fn knows_unsent(&self) -> bool {
        self.kin.values().any(|k| !k.unsent.is_empty())
    }

    /// Whatever waits may have been sent before.
    pub fn all_may_be_sent(&mut self) {
        self.kin.values_mut().for_each(|k| k.unsent.clear());
    }

    /// Builds the machine again.
    pub fn restore(self, core: &mut Core, now: Instant) {
        let wall = core.wall();
        core.last_number = self.last_session;
        core.ledger.resume(
            self.last_order,
            self.retained.keys().map(|t| t.as_str().into()),
            self.wills.keys().copied(),
            self.heads.keys().copied(),
        );
        for (owner, message) in self
            .retained
            .into_values()
            .filter(|(_, m)| class_of(&core.rules, &m.topic) != Class::Memory)
        {
            if let Some(message) = alive(&message, now, wall) {
                core.retained
                    .set(&owner.into(), 0, &Arc::new(message), &core.limits);
            }
        }
        core.retained.refused = 0;
        let mut kin = self.kin;
        // A message that many wait for is held once.
        let mut messages = BTreeMap::new();
        for head in self.heads.into_values().filter(|h| h.keep_s > 0) {
            let kin = kin.remove(&head.session).unwrap_or_default();
            revive(core, head, kin, &mut messages, now, wall);
        }
        for (session, will) in self.wills {
            let at = will
                .due
                .map_or(GRACE, |due| {
                    Duration::from_secs(due.saturating_sub(wall).min(u64::from(will.delay_s)))
                })
                .max(GRACE);
            if let Some(message) = alive(&will.message, now, wall) {
                let expires = message.expires.map(|at| {
                    u32::try_from(at.saturating_duration_since(now).as_secs()).unwrap_or(u32::MAX)
                });
                let properties = Properties {
                    message_expiry: expires,
                    will_delay: Some(will.delay_s),
                    forward: message.forward.clone(),
                    ..Properties::default()
                };
                let topic = message.topic.to_string();
                let said = Will {
                    topic,
                    payload: message.payload.to_vec().into(),
                    qos: message.qos,
                    retain: message.retain,
                    properties,
                };
                core.wills.insert(
                    session,
                    Due {
                        at: now + at,
                        owner: identity(&will.account),
                        client_id: will.client_id,
                        will: said,
                        line: 0,
                        grace: will.due.is_none(),
                    },
                );
            }
        }
    }
}

fn identity(account: &str) -> Identity {
    if account == HOUSE {
        Identity::House
    } else {
        Identity::Account(account.to_owned())
    }
}

/// Wall seconds since `at`; a time that a clock without power said counts for nothing.
fn passed(at: u64, wall: u64) -> u64 {
    if is_timeless(at) {
        0
    } else {
        wall.saturating_sub(at)
    }
}

fn is_timeless(at: u64) -> bool {
    i64::try_from(at).is_ok_and(|at| at.saturating_mul(1000) < BUILD_FLOOR_MS)
}

/// The message, unless it is over its time.
fn alive(kept: &Kept, now: Instant, wall: u64) -> Option<Message> {
    let expires = match kept.left {
        None => None,
        Some((left, at)) => Some(
            now + Duration::from_secs(
                u64::from(left)
                    .checked_sub(passed(at, wall))
                    .filter(|left| *left > 0)?,
            ),
        ),
    };
    Some(Message {
        topic: kept.topic.as_str().into(),
        payload: kept.payload.as_slice().into(),
        qos: kept.qos,
        retain: kept.retain,
        forward: kept.forward.clone(),
        expires,
    })
}

fn revive(
    core: &mut Core,
    head: Head,
    kin: Kin,
    messages: &mut BTreeMap<u64, Option<Arc<Message>>>,
    now: Instant,
    wall: u64,
) {
    let keep_for = Duration::from_secs(u64::from(head.keep_s));
    let gone = Duration::from_secs(head.away.map_or(0, |at| passed(at, wall)));
    if gone >= keep_for {
        core.ledger.note(
            &head.account.as_str().into(),
            Record::Over(head.session),
            None,
        );
        return;
    }
    let who = identity(&head.account);
    let mut queue = core.queue_for(&who);
    let last = kin
        .queue
        .values()
        .map(|(_, t)| t.id)
        .next_back()
        .unwrap_or(head.next_id);
    for id in kin.released {
        queue.restore_released(id, 0);
    }
    for ((order, id), (kept, target)) in kin.queue {
        let Some(message) = messages
            .entry(order)
            .or_insert_with(|| alive(&kept, now, wall).map(Arc::new))
            .clone()
        else {
            continue;
        };
        let group = (!target.group.is_empty()).then(|| target.group.as_str().into());
        let item = Queued {
            message,
            qos: target.qos,
            retain: target.retain,
            identifiers: target.identifiers.into(),
            group,
        };
        queue.restore(id, item, order, !kin.unsent.contains(&id));
    }
    queue.ids_from(last.wrapping_add(UNWRITTEN_IDS));
    let session = Session {
        number: head.session,
        owner: head.account.as_str().into(),
        who,
        client_id: head.client_id,
        subscriptions: kin.filters.clone(),
        queue,
        received: kin
            .received
            .into_iter()
            .map(|id| {
                (
                    id,
                    Held {
                        hold: Hold::FromDisk,
                        receipt: None,
                    },
                )
            })
            .collect(),
        wake: Arc::new(Notify::new()),
        line: None,
        credential: head.credential,
        keep_for,
        // Its time goes on from where it was.
        since: now.checked_sub(gone).unwrap_or(now),
        peer: Peer::default(),
        will: None,
        noted: true,
    };
    if head.away.is_none_or(is_timeless) {
        // It is away from now on, also when the next life begins soon.
        core.ledger
            .note(&session.owner, session.head(now, wall), None);
    }
    count_bytes(&mut core.queued_bytes, &mut core.per_account, &session, 0);
    let slot: Slot = core.place(session);
    for (filter, hearing) in kin.filters {
        listen(&mut core.matcher, &filter, slot, hearing);
    }
}
