//! Publishing: permission, what is retained, and what must be on disk first.
//!
//! Invariant: a message that a kept session must not lose is owed to the ledger before its
//! publisher is answered, by the class of its topic (`durability`). Who hears it is in `deliver`,
//! how a QoS 2 message is held until it is released in `hold`.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::access::Identity;
use super::core::Core;
use super::durability::class_of;
use super::ledger::Receipt;
use super::ledger::record::Record;
use super::matcher::Slot;
use super::message::Message;
use super::retained::Change;
use super::session::Session;
use crate::protocol::broker::Class;
use crate::protocol::mqtt::topic::fits;

/// Largest announcement of a device without an account, bytes.
const STRANGER_MAX: usize = 16 * 1024;

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
}
