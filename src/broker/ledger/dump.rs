//! From the machine to a dump: everything as it is.
//!
//! Invariant: a dump holds all that a restart must bring back, and what the ledger still owes is in
//! it; what memory alone keeps is not, so that it does not come back as it once was.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::kept::{put, queued};
use super::record::{Record, Target};
use crate::broker::core::Core;
use crate::broker::durability::class_of;
use crate::broker::message::Message;
use crate::broker::queue::Hold;
use crate::broker::subscribe::options;
use crate::broker::will::will_record;
use crate::protocol::broker::Class;

/// Everything as it is, cheap to take under the lock: [`Snapshot::records`] makes the dump of it
/// outside, `writer` its end.
pub struct Snapshot {
    retained: Vec<(Arc<str>, Arc<Message>)>,
    queued: BTreeMap<u64, (Arc<Message>, Vec<Target>)>,
    notes: Vec<Record>,
    now: Instant,
    wall: u64,
}

impl Core {
    /// What waits for sessions and was never sent, for the last word of a planned end.
    pub fn unsent(&self) -> Vec<Record> {
        let away = self
            .sessions
            .iter()
            .flatten()
            .filter(|s| s.is_kept() && s.is_away());
        away.map(|s| Record::Unsent {
            session: s.number,
            ids: s.queue.never_sent(),
        })
        .filter(|r| !matches!(r, Record::Unsent { ids, .. } if ids.is_empty()))
        .collect()
    }

    /// Retained messages and kept sessions, as the ledger's mark keeps them in mind.
    pub fn kept_counts(&self) -> (u64, u64) {
        let lasting = self
            .retained
            .all()
            .filter(|(_, m)| class_of(&self.rules, &m.topic) != Class::Memory)
            .count();
        (
            lasting as u64,
            self.sessions
                .iter()
                .flatten()
                .filter(|s| s.is_kept())
                .count() as u64,
        )
    }

    /// Takes the whole state for a dump. What the ledger still owes is in it.
    pub fn snapshot(&mut self, now: Instant) -> Snapshot {
        let wall = self.wall();
        // What memory alone keeps must not come back as it once was.
        let lasting = |m: &Message| class_of(&self.rules, &m.topic) != Class::Memory;
        let mut shot = Snapshot {
            retained: self
                .retained
                .all()
                .filter(|(_, m)| lasting(m))
                .map(|(o, m)| (o.clone(), m.clone()))
                .collect(),
            queued: BTreeMap::new(),
            notes: Vec::new(),
            now,
            wall,
        };
        for session in self.sessions.iter().flatten() {
            let number = session.number;
            if let Some(will) = &session.will {
                shot.notes.push(Record::Will(will_record(
                    number,
                    (&session.owner, &session.client_id),
                    will,
                    None,
                    now,
                    wall,
                )));
            }
            if !session.is_kept() {
                continue;
            }
            shot.notes.push(session.head(now, wall));
            shot.notes.extend(
                session
                    .subscriptions
                    .iter()
                    .map(|(filter, h)| Record::Filter {
                        session: number,
                        filter: filter.clone(),
                        options: options(h),
                        identifier: h.identifier.unwrap_or(0),
                    }),
            );
            let (messages, released) = session.queue.kept();
            for (order, id, item) in messages {
                let target = Target {
                    session: number,
                    id,
                    qos: item.qos,
                    retain: item.retain,
                    identifiers: item.identifiers.to_vec(),
                    group: item.group.as_deref().unwrap_or_default().to_owned(),
                };
                shot.queued
                    .entry(order)
                    .or_insert_with(|| (item.message.clone(), Vec::new()))
                    .1
                    .push(target);
            }
            shot.notes
                .extend(released.into_iter().map(|id| Record::Released {
                    session: number,
                    id,
                }));
            shot.notes.extend(
                session
                    .received
                    .iter()
                    .filter(|(_, held)| !matches!(held.hold, Hold::Memory | Hold::Over))
                    .map(|(id, _)| Record::Inbound {
                        session: number,
                        id: *id,
                    }),
            );
        }
        for (number, due) in &self.wills {
            let left = due.at.saturating_duration_since(now).as_secs();
            shot.notes.push(Record::Will(will_record(
                *number,
                (due.owner.name(), &due.client_id),
                &due.will,
                (!due.grace).then_some(wall + left),
                now,
                wall,
            )));
        }
        let wills = self
            .sessions
            .iter()
            .flatten()
            .filter(|s| s.will.is_some())
            .map(|s| s.number)
            .chain(self.wills.keys().copied());
        let heads = self
            .sessions
            .iter()
            .flatten()
            .filter(|s| s.is_kept())
            .map(|s| s.number);
        self.ledger.dumped(
            shot.retained.iter().map(|(_, m)| m.topic.clone()),
            wills,
            heads,
        );
        shot
    }
}

impl Snapshot {
    /// The records of the dump but its end, one at a time: there is no second copy of everything.
    pub fn records(&self) -> impl Iterator<Item = Vec<u8>> {
        let retained = self
            .retained
            .iter()
            .map(|(owner, m)| put(owner, m, self.now, self.wall).encode());
        let queued = self.queued.iter().map(|(order, (m, targets))| {
            queued(*order, m, targets.clone(), self.now, self.wall).encode()
        });
        std::iter::once(Record::Dump.encode())
            .chain(retained)
            .chain(self.notes.iter().map(Record::encode))
            .chain(queued)
    }
}
