//! What waits for one client, and how far each delivery has come.
//!
//! Invariants: a message is never dropped in silence (`dropped`, `outlived` count); QoS 1 stays
//! until its PUBACK; QoS 2 goes PUBLISH, PUBREC, PUBREL, PUBCOMP, the payload until PUBREC, the
//! packet id until PUBCOMP; after a reconnect everything unfinished is sent again in its first
//! order; a packet id stands for one delivery at a time. A full queue loses its oldest
//! QoS 0 message first; if there is none, the newcomer: what was acknowledged to a publisher does
//! not make room.

mod cleanup;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::message::{Message, QueuedMessage};
use crate::broker::persistence::{Finished, LogNumber};

/// A client that took nothing for so long stands still.
const STALL_AFTER: Duration = Duration::from_millis(20);

/// How safely it is known that a QoS 2 message of the client was taken and is not released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboundQos2State {
    /// Until the worker ends.
    Memory,
    /// On disk soon.
    Batched,
    /// On disk before PUBREC; that it is over, before PUBCOMP.
    Durable,
    /// Released; that is on its way to the disk.
    Released,
    /// From an earlier life: if the packet id comes without DUP, it is a new message whose
    /// predecessor's end was lost.
    Restored,
}

/// A QoS 2 message of the client that was taken, and the card that its PUBREC waits for.
#[derive(Debug, Clone)]
pub struct InboundQos2 {
    pub state: InboundQos2State,
    pub ticket: Option<Arc<crate::broker::persistence::DurabilityTicket>>,
}

/// What is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// PUBLISH with its packet id (0 with QoS 0).
    Publish {
        id: u16,
        item: QueuedMessage,
        dup: bool,
    },
    /// PUBREL.
    PubRel(u16),
}

/// How far a QoS 2 delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// PUBLISH was sent.
    PublishSent,
    /// PUBREC came; PUBREL waits until that is on disk.
    PersistingPubRec,
    /// PUBREL may go, or went.
    PubRelReady,
}

#[derive(Debug)]
struct Inflight {
    id: u16,
    stage: Stage,
    item: Option<QueuedMessage>,
    qos: u8,
    log_number: Option<LogNumber>,
    /// It must be sent (again) on this connection.
    unsent: bool,
}

#[derive(Debug)]
struct QueuedDelivery {
    id: u16,
    item: QueuedMessage,
    log_number: Option<LogNumber>,
    /// It may have been sent by an earlier life of the broker: DUP [MQTT-3.3.1-1].
    dup: bool,
    /// It must not be sent before it is on disk: whoever got it once must not get it under another
    /// id.
    until_durable: bool,
}

/// The queue of one session.
#[derive(Debug)]
pub struct Queue {
    /// Topics of retained messages that a new subscription asked for, with its QoS and
    /// identifiers; the message is looked up when it is sent. Bounded by the number of
    /// retained messages.
    retained_requests: BTreeMap<Box<str>, (u8, Box<[u32]>)>,
    queued: VecDeque<QueuedDelivery>,
    inflight: VecDeque<Inflight>,
    /// Packet ids in use.
    packet_ids: BTreeSet<u16>,
    last_packet_id: u16,
    unsent: usize,
    /// Bytes of what waits and of what is in flight with its payload.
    pub bytes: usize,
    /// Most unacknowledged messages.
    pub receive_maximum: usize,
    max_messages: usize,
    max_bytes: usize,
    pub dropped: u64,
    pub expired: u64,
    /// Deliveries that ended by themselves (expired); the ledger is told by [`Queue::ended`].
    expired_deliveries: Vec<Finished>,
    /// When its client last took one.
    last_sent_at: Option<Instant>,
}

impl Queue {
    pub fn new(most: usize, max_bytes: usize) -> Self {
        Self {
            retained_requests: BTreeMap::new(),
            queued: VecDeque::new(),
            inflight: VecDeque::new(),
            packet_ids: BTreeSet::new(),
            last_packet_id: 0,
            unsent: 0,
            bytes: 0,
            receive_maximum: 20,
            // Packet ids are 16 bits; the rest is for what is in flight.
            max_messages: most.clamp(1, 60_000),
            max_bytes,
            dropped: 0,
            expired: 0,
            expired_deliveries: Vec::new(),
            last_sent_at: None,
        }
    }

    /// Messages that wait, and messages in flight.
    pub fn len(&self) -> (usize, usize) {
        (
            self.queued.len() + self.retained_requests.len(),
            self.inflight.len(),
        )
    }

    /// True when it is more than half full.
    pub fn is_half_full(&self) -> bool {
        self.queued.len() * 2 > self.max_messages || self.bytes * 2 > self.max_bytes
    }

    /// True when it is more than half full and its client takes messages all the same: its
    /// publishers should let it breathe. Nobody waits for a client that stands still.
    pub fn wants_backpressure(&self, now: Instant) -> bool {
        self.is_half_full()
            && self
                .last_sent_at
                .is_some_and(|at| now.saturating_duration_since(at) < STALL_AFTER)
    }

    /// Where packet ids stand, for the ledger.
    pub fn last_packet_id(&self) -> u16 {
        self.last_packet_id
    }

    /// Goes on with packet ids behind `last`.
    pub fn resume_ids_after(&mut self, last: u16) {
        self.last_packet_id = last;
    }

    fn allocate_id(&mut self) -> u16 {
        loop {
            self.last_packet_id = self.last_packet_id.checked_add(1).unwrap_or(1);
            if self.packet_ids.insert(self.last_packet_id) {
                return self.last_packet_id;
            }
        }
    }

    /// Makes room for `item`; false = there is none.
    pub fn make_room(&mut self, item: &QueuedMessage) -> bool {
        while self.queued.len() >= self.max_messages
            || self.bytes + item.size() > self.max_bytes && !self.queued.is_empty()
        {
            let Some(at) = self.queued.iter().position(|w| w.item.qos == 0) else {
                self.dropped += 1;
                return false;
            };
            if let Some(gone) = self.queued.remove(at) {
                self.bytes -= gone.item.size();
                self.dropped += 1;
            }
        }
        true
    }

    /// Puts a message at the end; [`Queue::has_room`] was asked before. `owed` = the ledger keeps
    /// it: then it gets its packet id at once, so that the same message has the same id after a
    /// restart. Gives the id, 0 if it has none yet. `held` = it is not sent before
    /// [`Queue::stored`].
    pub fn push(&mut self, item: QueuedMessage, owed: Option<LogNumber>, held: bool) -> u16 {
        let id = if owed.is_some() {
            self.allocate_id()
        } else {
            0
        };
        self.bytes += item.size();
        self.queued.push_back(QueuedDelivery {
            id,
            item,
            log_number: owed,
            dup: false,
            until_durable: held,
        });
        id
    }

    /// The message with that id is on disk, or cannot be: it may be sent.
    pub fn message_persisted(&mut self, id: u16) {
        if let Some(waiting) = self.queued.iter_mut().find(|w| w.id == id) {
            waiting.until_durable = false;
        }
    }

    /// Puts back what the ledger kept: a message that waits under its id, `again` = it may have
    /// been sent before.
    pub fn restore_queued(&mut self, id: u16, item: QueuedMessage, owed: LogNumber, again: bool) {
        self.packet_ids.insert(id);
        self.bytes += item.size();
        self.queued.push_back(QueuedDelivery {
            id,
            item,
            log_number: Some(owed),
            dup: again,
            until_durable: false,
        });
    }

    /// Puts back what the ledger kept: a delivery whose PUBREC came.
    pub fn restore_pubrel(&mut self, id: u16, owed: LogNumber) {
        self.packet_ids.insert(id);
        self.inflight.push_back(Inflight {
            id,
            stage: Stage::PubRelReady,
            item: None,
            qos: 2,
            log_number: Some(owed),
            unsent: true,
        });
        self.unsent += 1;
    }

    /// Asks for the retained message of a topic; it goes before what is said from now on. False =
    /// too many are asked for.
    pub fn request_retained(
        &mut self,
        topic: &str,
        qos: u8,
        identifiers: &[u32],
        most: usize,
    ) -> bool {
        let room =
            self.retained_requests.len() < most || self.retained_requests.contains_key(topic);
        if room {
            self.retained_requests
                .insert(topic.into(), (qos, identifiers.into()));
        }
        room
    }

    /// A new connection: everything unfinished goes out again, in its order.
    pub fn resume(&mut self, window: usize) {
        self.receive_maximum = window.max(1);
        self.inflight
            .iter_mut()
            .for_each(|f| f.unsent = f.stage != Stage::PersistingPubRec);
        self.unsent = self.inflight.iter().filter(|f| f.unsent).count();
    }

    /// The next thing that may be sent now.
    /// `find` looks a retained message up.
    pub fn next_outgoing(
        &mut self,
        now: Instant,
        find: &dyn Fn(&str) -> Option<Arc<Message>>,
    ) -> Option<Outgoing> {
        let next = self.find_next(now, find);
        if next.is_some() {
            self.last_sent_at = Some(now);
        }
        next
    }

    fn find_next(
        &mut self,
        now: Instant,
        find: &dyn Fn(&str) -> Option<Arc<Message>>,
    ) -> Option<Outgoing> {
        if self.unsent > 0 {
            let open = self.inflight.len() - self.unsent;
            let delivery = self.inflight.iter_mut().find(|f| f.unsent)?;
            if open >= self.receive_maximum && delivery.stage == Stage::PublishSent {
                return None;
            }
            delivery.unsent = false;
            self.unsent -= 1;
            return Some(match &delivery.item {
                Some(item) => Outgoing::Publish {
                    id: delivery.id,
                    item: item.clone(),
                    dup: true,
                },
                None => Outgoing::PubRel(delivery.id),
            });
        }
        loop {
            let full = self.inflight.len() >= self.receive_maximum;
            let next = match self.retained_requests.first_key_value() {
                Some((topic, (qos, _))) => {
                    let Some(message) = find(topic) else {
                        // It is not retained any more.
                        self.retained_requests.pop_first();
                        continue;
                    };
                    let qos = message.qos.min(*qos);
                    if full && qos > 0 {
                        return None;
                    }
                    let (_, (_, identifiers)) = self.retained_requests.pop_first()?;
                    let item = QueuedMessage {
                        message,
                        qos,
                        retain: true,
                        subscription_ids: identifiers,
                        shared_name: None,
                    };
                    QueuedDelivery {
                        id: 0,
                        item,
                        log_number: None,
                        dup: false,
                        until_durable: false,
                    }
                }
                None => {
                    let front = self.queued.front()?;
                    if front.until_durable || full && front.item.qos > 0 {
                        return None;
                    }
                    let next = self.queued.pop_front()?;
                    self.bytes -= next.item.size();
                    next
                }
            };
            if next.item.message.is_expired(now) {
                self.expired += 1;
                if next.id != 0 {
                    self.packet_ids.remove(&next.id);
                    self.expired_deliveries.push(Finished {
                        packet_id: next.id,
                        log_number: next.log_number,
                    });
                }
                continue;
            }
            if next.item.qos == 0 {
                return Some(Outgoing::Publish {
                    id: 0,
                    item: next.item,
                    dup: false,
                });
            }
            let id = if next.id == 0 {
                self.allocate_id()
            } else {
                next.id
            };
            self.bytes += next.item.size();
            self.inflight.push_back(Inflight {
                id,
                stage: Stage::PublishSent,
                item: Some(next.item.clone()),
                qos: next.item.qos,
                log_number: next.log_number,
                unsent: false,
            });
            return Some(Outgoing::Publish {
                id,
                item: next.item,
                dup: next.dup,
            });
        }
    }

    fn remove_inflight(&mut self, id: u16, stage: impl Fn(&Inflight) -> bool) -> Option<Finished> {
        let at = self.inflight.iter().position(|f| f.id == id && stage(f))?;
        let gone = self.inflight.remove(at)?;
        self.unsent -= usize::from(gone.unsent);
        self.bytes -= gone.item.as_ref().map_or(0, QueuedMessage::size);
        self.packet_ids.remove(&id);
        Some(Finished {
            packet_id: id,
            log_number: gone.log_number,
        })
    }

    /// PUBACK.
    pub fn on_puback(&mut self, id: u16) -> Option<Finished> {
        self.remove_inflight(id, |f| f.qos == 1)
    }

    /// PUBREC that refuses the message: the delivery is over.
    pub fn on_pubrec_error(&mut self, id: u16) -> Option<Finished> {
        self.remove_inflight(id, |f| f.qos == 2)
    }

    /// PUBREC: the client has the message. None = there is no such delivery; true = it came for the
    /// first time, PUBREL waits for [`Queue::recorded`]; false = PUBREL may go again.
    pub fn on_pubrec(&mut self, id: u16) -> Option<(bool, Option<LogNumber>)> {
        let flying = self
            .inflight
            .iter_mut()
            .find(|f| f.id == id && f.qos == 2)?;
        self.bytes -= flying.item.take().map_or(0, |item| item.size());
        match flying.stage {
            Stage::PublishSent => {
                self.unsent -= usize::from(std::mem::take(&mut flying.unsent));
                flying.stage = Stage::PersistingPubRec;
                Some((true, flying.log_number))
            }
            Stage::PersistingPubRec => None,
            Stage::PubRelReady => {
                self.unsent += usize::from(!std::mem::replace(&mut flying.unsent, true));
                Some((false, flying.log_number))
            }
        }
    }

    /// The ledger knows of the delivery under another number now.
    pub fn set_log_number(&mut self, id: u16, owed: LogNumber) {
        if let Some(flying) = self.inflight.iter_mut().find(|f| f.id == id) {
            flying.log_number = Some(owed);
        }
    }

    /// True while that packet id stands for a delivery in flight.
    #[cfg(test)]
    pub fn is_inflight(&self, id: u16) -> bool {
        self.inflight.iter().any(|f| f.id == id)
    }

    /// True while PUBREL waits for the card.
    pub fn is_persisting_pubrec(&self, id: u16) -> bool {
        self.inflight
            .iter()
            .any(|f| f.id == id && f.stage == Stage::PersistingPubRec)
    }

    /// That PUBREC came is safe: PUBREL goes out next.
    pub fn pubrec_persisted(&mut self, id: u16) {
        if let Some(flying) = self
            .inflight
            .iter_mut()
            .find(|f| f.id == id && f.stage == Stage::PersistingPubRec)
        {
            flying.stage = Stage::PubRelReady;
            flying.unsent = true;
            self.unsent += 1;
        }
    }

    /// PUBCOMP.
    pub fn on_pubcomp(&mut self, id: u16) -> Option<Finished> {
        self.remove_inflight(id, |f| f.stage == Stage::PubRelReady)
    }

    /// Deliveries that ended by themselves since the last call.
    pub fn take_expired(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.expired_deliveries)
    }
}

#[cfg(test)]
mod tests;
