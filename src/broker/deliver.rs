//! Delivery: who hears a message, and into which queues it goes.
//!
//! Invariants: a session with overlapping filters hears a message once, at the best QoS, with all
//! their identifiers; of a shared subscription one member does, in turn, somebody who is there if
//! anybody is; what a queue has no room for is counted. Deliberately absent: what must be on disk
//! first (`publish` decides it by what [`Core::enqueue`] gives).

use std::sync::Arc;

use tokio::time::Instant;

use super::access::Identity;
use super::core::Core;
use super::durability::class_of;
use super::ledger::Owed;
use super::ledger::record::Target;
use super::matcher::{Group, Hearing, Slot};
use super::message::{Message, Queued};
use super::quota::count_bytes;
use super::session::Session;
use crate::protocol::broker::Class;

/// One who is to have a message.
pub(super) struct Hearer {
    pub(super) slot: Slot,
    hearing: Hearing,
    group: Option<Arc<str>>,
}

/// Whose turn it is in a group: who is there and can follow, who is there, who comes back.
fn choose(group: &mut Group, sessions: &[Option<Session>], qos: u8) -> Option<(Slot, Hearing)> {
    let count = group.members.len();
    let rank = |slot: Slot| match sessions.get(slot as usize).and_then(Option::as_ref) {
        Some(s) if s.is_away() => (s.is_kept() && qos > 0).then_some(2),
        Some(s) => Some(u8::from(s.queue.is_half_full())),
        None => None,
    };
    let turn = |n: usize| (group.turn + n) % count.max(1);
    let (_, n) = (0..count)
        .filter_map(|n| Some((rank(group.members.get(turn(n))?.0)?, n)))
        .min()?;
    let at = turn(n);
    group.turn = (at + 1) % count;
    group.members.get(at).copied()
}

impl Core {
    /// Gives one of the broker's own messages to who hears it.
    pub fn spread(&mut self, message: &Arc<Message>, now: Instant) {
        for (hearer, identifiers) in self.hearers(message, None) {
            self.enqueue(message, &hearer, identifiers, None, now);
        }
    }

    /// Who hears a message, once each.
    pub(super) fn hearers(
        &mut self,
        message: &Message,
        from: Option<Slot>,
    ) -> Vec<(Hearer, Box<[u32]>)> {
        let Self {
            matcher, sessions, ..
        } = self;
        let mut found: Vec<(Slot, Hearing)> = Vec::new();
        let mut lists = 0;
        let mut groups: Vec<Hearer> = Vec::new();
        matcher.each(
            &message.topic,
            &mut |here| {
                lists += 1;
                found.extend(
                    here.iter()
                        .filter(|(slot, hearing)| !(hearing.no_local && Some(*slot) == from)),
                );
            },
            &mut |group| {
                if let Some((slot, hearing)) = choose(group, sessions, message.qos) {
                    groups.push(Hearer {
                        slot,
                        hearing,
                        group: Some(group.name.clone()),
                    });
                }
            },
        );
        let single = |h: Hearer| {
            let identifiers = h.hearing.identifier.into_iter().collect();
            (h, identifiers)
        };
        if lists > 1 {
            found.sort_by_key(|(slot, hearing)| (*slot, std::cmp::Reverse(hearing.qos)));
            let mut merged: Vec<(Hearer, Box<[u32]>)> = Vec::with_capacity(found.len());
            for same in found.chunk_by(|a, b| a.0 == b.0) {
                if let Some((slot, best)) = same.first() {
                    let identifiers = same.iter().filter_map(|(_, h)| h.identifier).collect();
                    let hearing = Hearing {
                        retain_as_published: same.iter().any(|(_, h)| h.retain_as_published),
                        ..*best
                    };
                    merged.push((
                        Hearer {
                            slot: *slot,
                            hearing,
                            group: None,
                        },
                        identifiers,
                    ));
                }
            }
            merged.extend(groups.into_iter().map(single));
            return merged;
        }
        found
            .into_iter()
            .map(|(slot, hearing)| Hearer {
                slot,
                hearing,
                group: None,
            })
            .chain(groups)
            .map(single)
            .collect()
    }

    /// Puts a message into one queue. None = it had no room; else what the ledger must keep, and
    /// whether the queue is tight.
    pub(super) fn enqueue(
        &mut self,
        message: &Arc<Message>,
        hearer: &Hearer,
        identifiers: Box<[u32]>,
        owed: Option<(Owed, Class)>,
        now: Instant,
    ) -> Option<(Option<Target>, bool)> {
        let Self {
            sessions,
            counters,
            limits,
            queued_bytes,
            per_account,
            ..
        } = self;
        let session = sessions
            .get_mut(hearer.slot as usize)
            .and_then(Option::as_mut)?;
        let qos = message.qos.min(hearer.hearing.qos);
        if session.is_away() && (qos == 0 || !session.is_kept()) {
            return Some((None, false));
        }
        let retain = message.retain && hearer.hearing.retain_as_published;
        let item = Queued {
            message: message.clone(),
            qos,
            retain,
            identifiers,
            group: hearer.group.clone(),
        };
        let (bytes, dropped) = (session.queue.bytes, session.queue.dropped);
        let house = session.who == Identity::House;
        // Who has nothing waiting may always take one; the house has a share of its own, an account
        // an eighth.
        let mine = per_account.get(&session.owner).copied().unwrap_or(0);
        let fits = *queued_bytes + item.size() <= limits.queued_all
            && mine + item.size() <= limits.queued_all / 8;
        let room = (house || fits || session.queue.len().0 == 0) && session.queue.has_room(&item);
        if !room && session.queue.dropped == dropped {
            session.queue.dropped += 1;
        }
        counters.dropped += session.queue.dropped - dropped;
        if !room {
            count_bytes(queued_bytes, per_account, session, bytes);
            session.wake.notify_one();
            return None;
        }
        let keeps = owed.filter(|_| qos > 0 && session.is_kept());
        let mut target = keeps.map(|_| Target {
            session: session.number,
            id: 0,
            qos,
            retain,
            identifiers: item.identifiers.to_vec(),
            group: hearer.group.as_deref().unwrap_or_default().to_owned(),
        });
        // Exactly once, over the broker's death too, begins with the disk.
        let held = qos == 2 && keeps.is_some_and(|(_, class)| class == Class::Durable);
        let id = session
            .queue
            .push(item, keeps.map(|(number, _)| number), held);
        if let Some(target) = &mut target {
            target.id = id;
        }
        count_bytes(queued_bytes, per_account, session, bytes);
        session.wake.notify_one();
        Some((target, session.queue.is_pressed(now)))
    }

    /// A message that a member of a group left behind goes to another, under the same number while
    /// the ledger still owes it.
    pub(super) fn deliver_again(
        &mut self,
        owner: &Arc<str>,
        owed: Option<Owed>,
        item: Queued,
        now: Instant,
    ) {
        let Some(name) = item.group else { return };
        let Some((group, filter)) = crate::protocol::mqtt::topic::shared(&name) else {
            return;
        };
        if item.message.is_over(now) {
            return;
        }
        let Self {
            matcher, sessions, ..
        } = self;
        let Some((slot, hearing)) = matcher
            .group(group, filter)
            .and_then(|g| choose(g, sessions, item.message.qos))
        else {
            return;
        };
        let waits = owed.filter(|number| self.ledger.holds(*number));
        let number = waits.unwrap_or_else(|| self.ledger.number());
        let identifiers = hearing.identifier.into_iter().collect();
        let class = class_of(&self.rules, &item.message.topic);
        let hearer = Hearer {
            slot,
            hearing,
            group: Some(name),
        };
        if let Some((Some(target), _)) = self.enqueue(
            &item.message,
            &hearer,
            identifiers,
            (class != Class::Memory).then_some((number, class)),
            now,
        ) && !self.ledger.also(number, &target)
        {
            self.ledger.message(
                (number, owner),
                item.message,
                vec![target],
                (0, 0),
                class == Class::Durable,
                None,
            );
        }
    }
}
