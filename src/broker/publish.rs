//! Publishing: permission, what is retained, who hears it, and what must be on disk first.
//!
//! Invariants: a session with overlapping filters hears a message once, at the best QoS, with all
//! their identifiers; of a shared subscription one member does, in turn, somebody who is there if
//! anybody is; a message that a kept session must not lose is owed to the ledger before its
//! publisher is answered, by the class of its topic.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::access::Identity;
use super::core::Core;
use super::ledger::Receipt;
use super::ledger::record::{Record, Target};
use super::matcher::{Group, Hearing, Slot};
use super::message::{Message, Queued};
use super::queue::{Held, Hold, Owed};
use super::retained::Change;
use super::session::Session;
use crate::protocol::broker::{Class, Rule};
use crate::protocol::mqtt::topic::{fits, matches};

/// Largest announcement of a device without an account, bytes.
const STRANGER_MAX: usize = 16 * 1024;

/// Each time so many are held, what is over is forgotten.
const PRUNE: usize = 32;

/// What became of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Taken; somebody hears it or it is kept.
    Taken,
    /// Taken; nobody hears it.
    Unheard,
    /// Not allowed.
    Forbidden,
    /// The topic is longer or deeper than allowed.
    Unfit,
    /// Not taken: the card has so much of this account to write that it must wait.
    Indebted,
    /// Not kept: a bound of retained messages or queues was reached (who could hear it, did).
    NotKept,
}

/// The answer to a publish.
#[derive(Debug)]
pub struct Taken {
    pub what: Published,
    /// The card to wait for before the answer.
    pub receipt: Option<Arc<Receipt>>,
    /// Somebody who hears it can hardly follow.
    pub pressed: bool,
}

impl Taken {
    fn plain(what: Published) -> Self {
        Self {
            what,
            receipt: None,
            pressed: false,
        }
    }
}

/// Who waits for an answer: his wake, and the packet id of a QoS 2 message.
pub struct Asker<'a> {
    pub wake: &'a Arc<Notify>,
    pub inbound: Option<u16>,
}

/// On whose connection something is said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Voice {
    /// Its session; none = it is not said on a connection.
    pub from: Option<Slot>,
    /// Number of the connection; 0 = none.
    pub line: u64,
    /// The word of a connection that is dead, while a newer one of its account speaks: the house
    /// does not go by it.
    pub late: bool,
}

struct Hearer {
    slot: Slot,
    hearing: Hearing,
    group: Option<Arc<str>>,
}

/// The class of a topic.
pub fn class_of(rules: &[Rule], topic: &str) -> Class {
    rules
        .iter()
        .find(|r| matches(&r.filter, topic))
        .map_or(Class::Batched, |r| r.class)
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
    /// Takes a message in; `from` = the session that says it.
    pub fn publish(
        &mut self,
        who: &Identity,
        owner: &Arc<str>,
        from: Option<Slot>,
        message: Message,
        asker: Option<&Asker<'_>>,
        now: Instant,
    ) -> Taken {
        let line = from
            .and_then(|slot| self.session(slot))
            .and_then(|s| s.line.as_ref())
            .map_or(0, |l| l.number);
        self.publish_from(
            who,
            owner,
            Voice {
                from,
                line,
                late: false,
            },
            message,
            asker,
            now,
        )
    }

    pub(super) fn publish_from(
        &mut self,
        who: &Identity,
        owner: &Arc<str>,
        voice: Voice,
        message: Message,
        asker: Option<&Asker<'_>>,
        now: Instant,
    ) -> Taken {
        let (from, mut message) = (voice.from, message);
        if !fits(
            &message.topic,
            self.limits.topic_bytes,
            self.limits.topic_levels,
        ) {
            return Taken::plain(Published::Unfit);
        }
        if !self.table.may_publish(who, &message.topic) {
            self.counters.forbidden += 1;
            return Taken::plain(Published::Forbidden);
        }
        if let Identity::Stranger(name) = who {
            if message.payload.len() > STRANGER_MAX {
                return Taken::plain(Published::Unfit);
            }
            // The house hears of it; nobody takes it for a device's word.
            message.topic = format!("quarantine/{name}/{}", message.topic).into();
            message.retain = false;
        }
        self.counters.received += 1;
        self.counters.received_bytes += message.payload.len() as u64;
        let message = Arc::new(message);
        let mut receipt: Option<Arc<Receipt>> = None;
        let class = if message.qos > 0 || message.retain {
            class_of(&self.rules, &message.topic)
        } else {
            Class::Memory
        };
        let durable = |receipt: &mut Option<Arc<Receipt>>| match asker {
            Some(asker) if class == Class::Durable && message.qos > 0 => Some(
                receipt
                    .get_or_insert_with(|| Receipt::new(asker.wake.clone()))
                    .clone(),
            ),
            _ => None,
        };
        // A will was promised at CONNECT: no debt takes it back.
        if asker.is_some() && message.qos > 0 && self.ledger.refuses(owner, class, message.qos) {
            return Taken::plain(Published::Indebted);
        }
        let mut kept = true;
        if message.retain {
            let change = self.retained.set(owner, voice.line, &message, &self.limits);
            let word = (change == Change::Kept).then(|| message.clone());
            kept = !matches!(change, Change::Refused(_));
            // The same word again is written again only when the disk may not have it yet.
            let unsure = change == Change::None
                && class == Class::Durable
                && self.ledger.is_unsure(&message.topic);
            let word = if unsure {
                Some(message.clone()).filter(|m| !m.payload.is_empty())
            } else {
                word
            };
            if class != Class::Memory
                && (unsure || !matches!(change, Change::None | Change::Refused(false)))
            {
                let wait = durable(&mut receipt);
                self.ledger
                    .retained(owner, &message.topic, word, wait.as_ref());
            }
        }
        let mut hearers = self.hearers(&message, from);
        if voice.late {
            hearers.retain(|(h, _)| {
                !self
                    .sessions
                    .get(h.slot as usize)
                    .and_then(Option::as_ref)
                    .is_some_and(Session::is_house_link)
            });
        }
        let heard = !hearers.is_empty();
        let (mut targets, mut pressed, mut full) = (Vec::new(), false, 0);
        let number = if class == Class::Memory || message.qos == 0 {
            0
        } else {
            self.ledger.number()
        };
        let count = hearers.len();
        for (hearer, identifiers) in hearers {
            let owed = (number > 0).then_some((number, class));
            match self.enqueue(&message, &hearer, identifiers, owed, now) {
                Some((target, tight)) => {
                    targets.extend(target);
                    pressed |= tight;
                }
                None => full += 1,
            }
        }
        let inbound = asker
            .and_then(|a| a.inbound)
            .map_or((0, 0), |id| self.hold(from, id, class));
        match (targets.is_empty(), inbound) {
            (true, (0, _)) => {}
            (true, (session, id)) => {
                let wait = durable(&mut receipt);
                self.ledger
                    .note(owner, Record::Inbound { session, id }, wait.as_ref());
            }
            (false, _) => {
                let wait = durable(&mut receipt);
                self.ledger.message(
                    (number, owner),
                    message.clone(),
                    targets,
                    inbound,
                    class == Class::Durable,
                    wait.as_ref(),
                );
            }
        }
        // Said again before it is answered, it is answered when this is; also where nothing of the
        // session itself is kept.
        if let (Some(receipt), Some(id)) = (&receipt, asker.and_then(|a| a.inbound))
            && let Some(held) = from
                .and_then(|slot| self.session(slot))
                .and_then(|s| s.received.get_mut(&id))
        {
            held.receipt = Some(receipt.clone());
        }
        let what = match (kept, heard) {
            (false, _) => Published::NotKept,
            // Nobody of those who were to have it could take it.
            (true, true) if full == count && message.qos > 0 && !message.retain => {
                Published::NotKept
            }
            (true, false) if !message.retain => Published::Unheard,
            _ => Published::Taken,
        };
        Taken {
            what,
            receipt,
            pressed,
        }
    }

    /// Remembers a QoS 2 message of a client until PUBREL; gives what the ledger must know of it,
    /// session 0 = nothing.
    fn hold(&mut self, from: Option<Slot>, id: u16, class: Class) -> (u64, u16) {
        let Some(session) = from.and_then(|slot| self.session(slot)) else {
            return (0, 0);
        };
        let hold = match class {
            Class::Durable if session.is_kept() => Hold::Durable,
            Class::Batched if session.is_kept() => Hold::Batched,
            _ => Hold::Memory,
        };
        session.received.insert(
            id,
            Held {
                hold,
                receipt: None,
            },
        );
        if hold == Hold::Memory {
            (0, 0)
        } else {
            (session.number, id)
        }
    }

    /// Gives one of the broker's own messages to who hears it.
    pub fn spread(&mut self, message: &Arc<Message>, now: Instant) {
        for (hearer, identifiers) in self.hearers(message, None) {
            self.enqueue(message, &hearer, identifiers, None, now);
        }
    }

    /// Who hears a message, once each.
    fn hearers(&mut self, message: &Message, from: Option<Slot>) -> Vec<(Hearer, Box<[u32]>)> {
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
    fn enqueue(
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

    /// PUBREL: the client knows that its message was taken. True = there was such a message. The
    /// answer may have to wait.
    pub fn release(
        &mut self,
        slot: Slot,
        id: u16,
        wake: &Arc<Notify>,
    ) -> (bool, Option<Arc<Receipt>>) {
        let Some(session) = self.session(slot) else {
            return (false, None);
        };
        let Some(held) = session.received.remove(&id) else {
            return (false, None);
        };
        let (number, owner) = (session.number, session.owner.clone());
        match held.hold {
            Hold::Memory => (true, None),
            // It was released before; the card may not have it yet.
            Hold::Over => {
                let receipt = held.receipt.filter(|r| r.outcome() != Some(true));
                if receipt.is_some() {
                    session.received.insert(
                        id,
                        Held {
                            hold: Hold::Over,
                            receipt: receipt.clone(),
                        },
                    );
                }
                (receipt.is_some(), receipt)
            }
            Hold::Batched => {
                self.ledger.note(
                    &owner,
                    Record::InboundOver {
                        session: number,
                        id,
                    },
                    None,
                );
                (true, None)
            }
            Hold::Durable | Hold::FromDisk => {
                // Its id may be used again at once: that it is free must be as safe as that it was
                // taken.
                let receipt = Receipt::new(wake.clone());
                session.received.insert(
                    id,
                    Held {
                        hold: Hold::Over,
                        receipt: Some(receipt.clone()),
                    },
                );
                self.ledger.note(
                    &owner,
                    Record::InboundOver {
                        session: number,
                        id,
                    },
                    Some(&receipt),
                );
                (true, Some(receipt))
            }
        }
    }

    /// True when a session has `most` messages unreleased and this is a further one.
    pub fn leaves_too_much(&mut self, slot: Slot, id: u16, most: usize) -> bool {
        let Some(received) = self
            .session(slot)
            .map(|s| &mut s.received)
            .filter(|r| !r.contains_key(&id))
        else {
            return false;
        };
        if received.len() >= most || received.len() % PRUNE == PRUNE - 1 {
            // What is released, and on disk or refused by it (a dump leaves it out then), is
            // forgotten now.
            received.retain(|_, held| {
                held.hold != Hold::Over
                    || held.receipt.as_ref().is_some_and(|r| r.outcome().is_none())
            });
        }
        received.len() >= most
    }

    /// The card refused that a QoS 2 message was taken; its client says it again: that is owed once
    /// more.
    pub fn hold_again(&mut self, slot: Slot, id: u16, wake: &Arc<Notify>) -> Option<Arc<Receipt>> {
        let session = self.session(slot)?;
        let (number, owner) = (session.number, session.owner.clone());
        let receipt = Receipt::new(wake.clone());
        session.received.get_mut(&id)?.receipt = Some(receipt.clone());
        self.ledger.note(
            &owner,
            Record::Inbound {
                session: number,
                id,
            },
            Some(&receipt),
        );
        Some(receipt)
    }

    /// A QoS 2 message was refused after it had been held: its packet id is free.
    pub fn unhold(&mut self, slot: Slot, id: u16) {
        let Some(session) = self.session(slot) else {
            return;
        };
        let (number, owner) = (session.number, session.owner.clone());
        if session
            .received
            .remove(&id)
            .is_some_and(|held| held.hold != Hold::Memory)
        {
            self.ledger.note(
                &owner,
                Record::InboundOver {
                    session: number,
                    id,
                },
                None,
            );
        }
    }
}

/// Keeps the sums of queued bytes right; the session's queue had `before`. The house's do not
/// count: it has its own share.
pub fn count_bytes(
    all: &mut usize,
    per_account: &mut std::collections::BTreeMap<Arc<str>, usize>,
    session: &Session,
    before: usize,
) {
    if session.who == Identity::House || session.queue.bytes == before {
        return;
    }
    *all = *all + session.queue.bytes - before;
    let mine = per_account.entry(session.owner.clone()).or_default();
    *mine = *mine + session.queue.bytes - before;
    if *mine == 0 {
        per_account.remove(&session.owner);
    }
}
