//! The messages for one client, queued and inflight, and how far each delivery has come.
//!
//! Invariants:
//!
//! - No message is dropped silently: `dropped` and `expired` count.
//! - A QoS 1 message stays until its PUBACK.
//! - A QoS 2 delivery goes PUBLISH, PUBREC, PUBREL, PUBCOMP. The payload is stored until PUBREC,
//!   the packet identifier is in use until PUBCOMP.
//! - After a reconnect every unfinished delivery is sent again, in the first order.
//! - A packet identifier names one delivery at a time.
//! - A full queue drops its oldest QoS 0 message first. If there is none, it drops the new message:
//!   one that was acknowledged to its publisher never makes room.

mod cleanup;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::core::message::{Message, QueuedMessage};
use crate::broker::persistence::{Finished, LogNumber};
use crate::protocol::mqtt::{PacketId, QoS};

/// A client that took no message for this long has stalled.
const STALL_AFTER: Duration = Duration::from_millis(20);

/// A packet that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// PUBLISH with its packet identifier; none = QoS 0.
    Publish {
        id: Option<PacketId>,
        item: QueuedMessage,
        dup: bool,
    },
    PubRel(PacketId),
}

/// How far a QoS 1 or QoS 2 delivery has come; QoS 1 has only the first stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// PUBLISH was sent.
    PublishSent,
    /// PUBREC was received; PUBREL waits until that is on disk.
    PersistingPubRec,
    /// PUBREL may be sent, or was.
    PubRelReady,
}

#[derive(Debug)]
struct Inflight {
    id: PacketId,
    stage: Stage,
    item: Option<QueuedMessage>,
    qos: QoS,
    log_number: Option<LogNumber>,
    /// It must be sent (again) on this connection.
    unsent: bool,
}

#[derive(Debug)]
struct QueuedDelivery {
    /// None = it gets its packet identifier when it is sent.
    id: Option<PacketId>,
    item: QueuedMessage,
    log_number: Option<LogNumber>,
    /// It may have been sent before the broker restarted, so it is sent with DUP [MQTT-3.3.1-1].
    dup: bool,
    /// It must not be sent before it is on disk: after a restart a client that already has it must
    /// not get it again under another packet identifier.
    until_durable: bool,
}

/// The queue of one session.
#[derive(Debug)]
pub struct Queue {
    /// Topics whose retained message is to be sent because of a new subscription, with the
    /// subscription's QoS and identifiers. The message is looked up when it is sent. Bounded by
    /// the number of retained messages.
    retained_requests: BTreeMap<Box<str>, (QoS, Box<[u32]>)>,
    queued: VecDeque<QueuedDelivery>,
    inflight: VecDeque<Inflight>,
    /// Packet identifiers in use.
    packet_ids: BTreeSet<PacketId>,
    last_packet_id: Option<PacketId>,
    unsent: usize,
    /// Bytes of queued messages and of inflight messages that still have their payload.
    pub bytes: usize,
    /// How many messages may be sent and unacknowledged [3.1.2.11.3].
    pub receive_maximum: usize,
    max_messages: usize,
    max_bytes: usize,
    pub dropped: u64,
    pub expired: u64,
    /// Deliveries that ended because their message expired, until the persistence log gets them
    /// ([`Queue::take_expired`]).
    expired_deliveries: Vec<Finished>,
    /// When the client last took a message.
    last_sent_at: Option<Instant>,
}

impl Queue {
    pub fn new(most: usize, max_bytes: usize) -> Self {
        Self {
            retained_requests: BTreeMap::new(),
            queued: VecDeque::new(),
            inflight: VecDeque::new(),
            packet_ids: BTreeSet::new(),
            last_packet_id: None,
            unsent: 0,
            bytes: 0,
            receive_maximum: 20,
            // Packet identifiers are 16 bits; those above 60,000 are left for inflight messages.
            max_messages: most.clamp(1, 60_000),
            max_bytes,
            dropped: 0,
            expired: 0,
            expired_deliveries: Vec::new(),
            last_sent_at: None,
        }
    }

    /// Numbers of queued and of inflight messages.
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

    /// True when publishers should slow down: the queue is more than half full and its client still
    /// takes messages. For a client that has stalled no publisher waits.
    pub fn wants_backpressure(&self, now: Instant) -> bool {
        self.is_half_full()
            && self
                .last_sent_at
                .is_some_and(|at| now.saturating_duration_since(at) < STALL_AFTER)
    }

    /// The packet identifier that was given out last, for the persistence log; none = none was.
    pub fn last_packet_id(&self) -> Option<PacketId> {
        self.last_packet_id
    }

    /// Continues with packet identifiers after `last`; none = with the first one.
    pub fn resume_ids_after(&mut self, last: Option<PacketId>) {
        self.last_packet_id = last;
    }

    fn allocate_id(&mut self) -> PacketId {
        loop {
            let id = self.last_packet_id.map_or(PacketId::FIRST, PacketId::next);
            self.last_packet_id = Some(id);
            if self.packet_ids.insert(id) {
                return id;
            }
        }
    }

    /// Makes room for `item`; false when there is none.
    pub fn make_room(&mut self, item: &QueuedMessage) -> bool {
        while self.queued.len() >= self.max_messages
            || self.bytes + item.size() > self.max_bytes && !self.queued.is_empty()
        {
            let Some(at) = self
                .queued
                .iter()
                .position(|w| w.item.qos == QoS::AtMostOnce)
            else {
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

    /// Puts a message at the end and returns its packet identifier, if it has one yet. The
    /// caller has called [`Queue::make_room`] before.
    ///
    /// `log_number` is the message's number in the persistence log. A message that has one gets its
    /// packet identifier at once, so that it has the same identifier after a restart. A message
    /// with `held` is not sent before [`Queue::message_persisted`].
    pub fn push(
        &mut self,
        item: QueuedMessage,
        log_number: Option<LogNumber>,
        held: bool,
    ) -> Option<PacketId> {
        let id = log_number.map(|_| self.allocate_id());
        self.bytes += item.size();
        self.queued.push_back(QueuedDelivery {
            id,
            item,
            log_number,
            dup: false,
            until_durable: held,
        });
        id
    }

    /// The message with this packet identifier is on disk, or storage failed: it may be sent.
    pub fn message_persisted(&mut self, id: PacketId) {
        if let Some(waiting) = self.queued.iter_mut().find(|w| w.id == Some(id)) {
            waiting.until_durable = false;
        }
    }

    /// Restores a queued message from the persistence log, under its packet identifier. `again`: it
    /// may have been sent before.
    pub fn restore_queued(
        &mut self,
        id: PacketId,
        item: QueuedMessage,
        log_number: LogNumber,
        again: bool,
    ) {
        self.packet_ids.insert(id);
        self.bytes += item.size();
        self.queued.push_back(QueuedDelivery {
            id: Some(id),
            item,
            log_number: Some(log_number),
            dup: again,
            until_durable: false,
        });
    }

    /// Restores a delivery from the persistence log for which PUBREC was received.
    pub fn restore_pubrel(&mut self, id: PacketId, log_number: LogNumber) {
        self.packet_ids.insert(id);
        self.inflight.push_back(Inflight {
            id,
            stage: Stage::PubRelReady,
            item: None,
            qos: QoS::ExactlyOnce,
            log_number: Some(log_number),
            unsent: true,
        });
        self.unsent += 1;
    }

    /// Requests the retained message of a topic; it is sent before messages that are published from
    /// now on. False when too many are requested.
    pub fn request_retained(
        &mut self,
        topic: &str,
        qos: QoS,
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

    /// A new connection: every unfinished delivery is sent again, in order.
    pub fn resume(&mut self, window: usize) {
        self.receive_maximum = window.max(1);
        self.inflight
            .iter_mut()
            .for_each(|f| f.unsent = f.stage != Stage::PersistingPubRec);
        self.unsent = self.inflight.iter().filter(|f| f.unsent).count();
    }

    /// The next packet that may be sent now. `find` looks a retained message up.
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
                    id: Some(delivery.id),
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
                        // The topic has no retained message any more.
                        self.retained_requests.pop_first();
                        continue;
                    };
                    let qos = message.qos.min(*qos);
                    if full && qos.is_acknowledged() {
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
                        id: None,
                        item,
                        log_number: None,
                        dup: false,
                        until_durable: false,
                    }
                }
                None => {
                    let front = self.queued.front()?;
                    if front.until_durable || full && front.item.qos.is_acknowledged() {
                        return None;
                    }
                    let next = self.queued.pop_front()?;
                    self.bytes -= next.item.size();
                    next
                }
            };
            if next.item.message.is_expired(now) {
                self.expired += 1;
                if let Some(id) = next.id {
                    self.packet_ids.remove(&id);
                    self.expired_deliveries.push(Finished {
                        packet_id: id,
                        log_number: next.log_number,
                    });
                }
                continue;
            }
            if next.item.qos == QoS::AtMostOnce {
                return Some(Outgoing::Publish {
                    id: None,
                    item: next.item,
                    dup: false,
                });
            }
            let id = match next.id {
                Some(id) => id,
                None => self.allocate_id(),
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
                id: Some(id),
                item: next.item,
                dup: next.dup,
            });
        }
    }

    fn remove_inflight(
        &mut self,
        id: PacketId,
        stage: impl Fn(&Inflight) -> bool,
    ) -> Option<Finished> {
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
    pub fn on_puback(&mut self, id: PacketId) -> Option<Finished> {
        self.remove_inflight(id, |f| f.qos == QoS::AtLeastOnce)
    }

    /// PUBREC with a reason code of failure: the delivery is finished.
    pub fn on_pubrec_error(&mut self, id: PacketId) -> Option<Finished> {
        self.remove_inflight(id, |f| f.qos == QoS::ExactlyOnce)
    }

    /// PUBREC: the client has the message. `None`: there is no such delivery, or its PUBREC is
    /// being recorded already. `true`: this is the first PUBREC, and PUBREL waits for
    /// [`Queue::pubrec_persisted`]. `false`: PUBREL may be sent again.
    pub fn on_pubrec(&mut self, id: PacketId) -> Option<(bool, Option<LogNumber>)> {
        let delivery = self
            .inflight
            .iter_mut()
            .find(|f| f.id == id && f.qos == QoS::ExactlyOnce)?;
        self.bytes -= delivery.item.take().map_or(0, |item| item.size());
        match delivery.stage {
            Stage::PublishSent => {
                self.unsent -= usize::from(std::mem::take(&mut delivery.unsent));
                delivery.stage = Stage::PersistingPubRec;
                Some((true, delivery.log_number))
            }
            Stage::PersistingPubRec => None,
            Stage::PubRelReady => {
                self.unsent += usize::from(!std::mem::replace(&mut delivery.unsent, true));
                Some((false, delivery.log_number))
            }
        }
    }

    /// The persistence log has the delivery under another number now.
    pub fn set_log_number(&mut self, id: PacketId, log_number: LogNumber) {
        if let Some(delivery) = self.inflight.iter_mut().find(|f| f.id == id) {
            delivery.log_number = Some(log_number);
        }
    }

    /// True while this packet identifier names an inflight delivery.
    #[cfg(test)]
    pub fn is_inflight(&self, id: PacketId) -> bool {
        self.inflight.iter().any(|f| f.id == id)
    }

    /// True while PUBREL waits until the PUBREC is on disk.
    pub fn is_persisting_pubrec(&self, id: PacketId) -> bool {
        self.inflight
            .iter()
            .any(|f| f.id == id && f.stage == Stage::PersistingPubRec)
    }

    /// The PUBREC is recorded on disk, or storage failed: PUBREL is sent next.
    pub fn pubrec_persisted(&mut self, id: PacketId) {
        if let Some(delivery) = self
            .inflight
            .iter_mut()
            .find(|f| f.id == id && f.stage == Stage::PersistingPubRec)
        {
            delivery.stage = Stage::PubRelReady;
            delivery.unsent = true;
            self.unsent += 1;
        }
    }

    /// PUBCOMP.
    pub fn on_pubcomp(&mut self, id: PacketId) -> Option<Finished> {
        self.remove_inflight(id, |f| f.stage == Stage::PubRelReady)
    }

    /// The deliveries whose messages expired since the last call.
    pub fn take_expired(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.expired_deliveries)
    }
}

#[cfg(test)]
mod tests;
