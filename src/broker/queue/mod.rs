//! What waits for one client, and how far each delivery has come.
//!
//! Invariants: a message is never dropped in silence (`dropped`, `outlived` count); QoS 1 stays
//! until its PUBACK; QoS 2 goes PUBLISH, PUBREC, PUBREL, PUBCOMP, the payload until PUBREC, the
//! packet id until PUBCOMP; after a reconnect everything unfinished is sent again in its first
//! order; a packet id stands for one delivery at a time. A full queue loses its oldest
//! QoS 0 message first; if there is none, the newcomer: what was acknowledged to a publisher does
//! not make room.

mod parting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::ledger::{Finished, Owed};
use crate::broker::message::{Message, Queued};

/// A client that took nothing for so long stands still.
const BREATH: Duration = Duration::from_millis(20);

/// How safely it is known that a QoS 2 message of the client was taken and is not released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Until the worker ends.
    Memory,
    /// On disk soon.
    Batched,
    /// On disk before PUBREC; that it is over, before PUBCOMP.
    Durable,
    /// Released; that is on its way to the disk.
    Over,
    /// From an earlier life: if the packet id comes without DUP, it is a new message whose
    /// predecessor's end was lost.
    FromDisk,
}

/// A QoS 2 message of the client that was taken, and the card that its PUBREC waits for.
#[derive(Debug, Clone)]
pub struct Held {
    pub hold: Hold,
    pub receipt: Option<Arc<crate::broker::ledger::Receipt>>,
}

/// What is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// PUBLISH with its packet id (0 with QoS 0).
    Publish { id: u16, item: Queued, again: bool },
    /// PUBREL.
    Release(u16),
}

/// How far a QoS 2 delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// PUBLISH was sent.
    Sent,
    /// PUBREC came; PUBREL waits until that is on disk.
    Recording,
    /// PUBREL may go, or went.
    Released,
}

#[derive(Debug)]
struct Flying {
    id: u16,
    stage: Stage,
    item: Option<Queued>,
    qos: u8,
    owed: Option<Owed>,
    /// It must be sent (again) on this connection.
    unsent: bool,
}

#[derive(Debug)]
struct Waiting {
    id: u16,
    item: Queued,
    owed: Option<Owed>,
    /// It may have been sent by an earlier life of the broker: DUP [MQTT-3.3.1-1].
    again: bool,
    /// It must not be sent before it is on disk: whoever got it once must not get it under another
    /// id.
    held: bool,
}

/// The queue of one session.
#[derive(Debug)]
pub struct Queue {
    /// Topics of retained messages that a new subscription asked for, with its QoS and
    /// identifiers; the message is looked up when it is sent. Bounded by the number of
    /// retained messages.
    retained: BTreeMap<Box<str>, (u8, Box<[u32]>)>,
    waiting: VecDeque<Waiting>,
    flying: VecDeque<Flying>,
    /// Packet ids in use.
    ids: BTreeSet<u16>,
    next_id: u16,
    unsent: usize,
    /// Bytes of what waits and of what is in flight with its payload.
    pub bytes: usize,
    /// Most unacknowledged messages.
    pub window: usize,
    most: usize,
    most_bytes: usize,
    pub dropped: u64,
    pub outlived: u64,
    /// Deliveries that ended by themselves (expired); the ledger is told by [`Queue::ended`].
    ended: Vec<Finished>,
    /// When its client last took one.
    taken_at: Option<Instant>,
}

impl Queue {
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            retained: BTreeMap::new(),
            waiting: VecDeque::new(),
            flying: VecDeque::new(),
            ids: BTreeSet::new(),
            next_id: 0,
            unsent: 0,
            bytes: 0,
            window: 20,
            // Packet ids are 16 bits; the rest is for what is in flight.
            most: most.clamp(1, 60_000),
            most_bytes,
            dropped: 0,
            outlived: 0,
            ended: Vec::new(),
            taken_at: None,
        }
    }

    /// Messages that wait, and messages in flight.
    pub fn len(&self) -> (usize, usize) {
        (self.waiting.len() + self.retained.len(), self.flying.len())
    }

    /// True when it is more than half full.
    pub fn is_half_full(&self) -> bool {
        self.waiting.len() * 2 > self.most || self.bytes * 2 > self.most_bytes
    }

    /// True when it is more than half full and its client takes messages all the same: its
    /// publishers should let it breathe. Nobody waits for a client that stands still.
    pub fn is_pressed(&self, now: Instant) -> bool {
        self.is_half_full()
            && self
                .taken_at
                .is_some_and(|at| now.saturating_duration_since(at) < BREATH)
    }

    /// Where packet ids stand, for the ledger.
    pub fn next_id(&self) -> u16 {
        self.next_id
    }

    /// Goes on with packet ids behind `last`.
    pub fn ids_from(&mut self, last: u16) {
        self.next_id = last;
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if self.ids.insert(self.next_id) {
                return self.next_id;
            }
        }
    }

    /// Makes room for `item`; false = there is none.
    pub fn has_room(&mut self, item: &Queued) -> bool {
        while self.waiting.len() >= self.most
            || self.bytes + item.size() > self.most_bytes && !self.waiting.is_empty()
        {
            let Some(at) = self.waiting.iter().position(|w| w.item.qos == 0) else {
                self.dropped += 1;
                return false;
            };
            if let Some(gone) = self.waiting.remove(at) {
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
    pub fn push(&mut self, item: Queued, owed: Option<Owed>, held: bool) -> u16 {
        let id = if owed.is_some() { self.free_id() } else { 0 };
        self.bytes += item.size();
        self.waiting.push_back(Waiting {
            id,
            item,
            owed,
            again: false,
            held,
        });
        id
    }

    /// The message with that id is on disk, or cannot be: it may be sent.
    pub fn stored(&mut self, id: u16) {
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.id == id) {
            waiting.held = false;
        }
    }

    /// Puts back what the ledger kept: a message that waits under its id, `again` = it may have
    /// been sent before.
    pub fn restore(&mut self, id: u16, item: Queued, owed: Owed, again: bool) {
        self.ids.insert(id);
        self.bytes += item.size();
        self.waiting.push_back(Waiting {
            id,
            item,
            owed: Some(owed),
            again,
            held: false,
        });
    }

    /// Puts back what the ledger kept: a delivery whose PUBREC came.
    pub fn restore_released(&mut self, id: u16, owed: Owed) {
        self.ids.insert(id);
        self.flying.push_back(Flying {
            id,
            stage: Stage::Released,
            item: None,
            qos: 2,
            owed: Some(owed),
            unsent: true,
        });
        self.unsent += 1;
    }

    /// Asks for the retained message of a topic; it goes before what is said from now on. False =
    /// too many are asked for.
    pub fn ask_retained(&mut self, topic: &str, qos: u8, identifiers: &[u32], most: usize) -> bool {
        let room = self.retained.len() < most || self.retained.contains_key(topic);
        if room {
            self.retained
                .insert(topic.into(), (qos, identifiers.into()));
        }
        room
    }

    /// A new connection: everything unfinished goes out again, in its order.
    pub fn reconnected(&mut self, window: usize) {
        self.window = window.max(1);
        self.flying
            .iter_mut()
            .for_each(|f| f.unsent = f.stage != Stage::Recording);
        self.unsent = self.flying.iter().filter(|f| f.unsent).count();
    }

    /// The next thing that may be sent now.
    /// `find` looks a retained message up.
    pub fn next(
        &mut self,
        now: Instant,
        find: &dyn Fn(&str) -> Option<Arc<Message>>,
    ) -> Option<Out> {
        let next = self.find_next(now, find);
        if next.is_some() {
            self.taken_at = Some(now);
        }
        next
    }

    fn find_next(
        &mut self,
        now: Instant,
        find: &dyn Fn(&str) -> Option<Arc<Message>>,
    ) -> Option<Out> {
        if self.unsent > 0 {
            let open = self.flying.len() - self.unsent;
            let flying = self.flying.iter_mut().find(|f| f.unsent)?;
            if open >= self.window && flying.stage == Stage::Sent {
                return None;
            }
            flying.unsent = false;
            self.unsent -= 1;
            return Some(match &flying.item {
                Some(item) => Out::Publish {
                    id: flying.id,
                    item: item.clone(),
                    again: true,
                },
                None => Out::Release(flying.id),
            });
        }
        loop {
            let full = self.flying.len() >= self.window;
            let next = match self.retained.first_key_value() {
                Some((topic, (qos, _))) => {
                    let Some(message) = find(topic) else {
                        // It is not retained any more.
                        self.retained.pop_first();
                        continue;
                    };
                    let qos = message.qos.min(*qos);
                    if full && qos > 0 {
                        return None;
                    }
                    let (_, (_, identifiers)) = self.retained.pop_first()?;
                    let item = Queued {
                        message,
                        qos,
                        retain: true,
                        identifiers,
                        group: None,
                    };
                    Waiting {
                        id: 0,
                        item,
                        owed: None,
                        again: false,
                        held: false,
                    }
                }
                None => {
                    let front = self.waiting.front()?;
                    if front.held || full && front.item.qos > 0 {
                        return None;
                    }
                    let next = self.waiting.pop_front()?;
                    self.bytes -= next.item.size();
                    next
                }
            };
            if next.item.message.is_over(now) {
                self.outlived += 1;
                if next.id != 0 {
                    self.ids.remove(&next.id);
                    self.ended.push(Finished {
                        id: next.id,
                        owed: next.owed,
                    });
                }
                continue;
            }
            if next.item.qos == 0 {
                return Some(Out::Publish {
                    id: 0,
                    item: next.item,
                    again: false,
                });
            }
            let id = if next.id == 0 {
                self.free_id()
            } else {
                next.id
            };
            self.bytes += next.item.size();
            self.flying.push_back(Flying {
                id,
                stage: Stage::Sent,
                item: Some(next.item.clone()),
                qos: next.item.qos,
                owed: next.owed,
                unsent: false,
            });
            return Some(Out::Publish {
                id,
                item: next.item,
                again: next.again,
            });
        }
    }

    fn finish(&mut self, id: u16, stage: impl Fn(&Flying) -> bool) -> Option<Finished> {
        let at = self.flying.iter().position(|f| f.id == id && stage(f))?;
        let gone = self.flying.remove(at)?;
        self.unsent -= usize::from(gone.unsent);
        self.bytes -= gone.item.as_ref().map_or(0, Queued::size);
        self.ids.remove(&id);
        Some(Finished {
            id,
            owed: gone.owed,
        })
    }

    /// PUBACK.
    pub fn acknowledge(&mut self, id: u16) -> Option<Finished> {
        self.finish(id, |f| f.qos == 1)
    }

    /// PUBREC that refuses the message: the delivery is over.
    pub fn refused(&mut self, id: u16) -> Option<Finished> {
        self.finish(id, |f| f.qos == 2)
    }

    /// PUBREC: the client has the message. None = there is no such delivery; true = it came for the
    /// first time, PUBREL waits for [`Queue::recorded`]; false = PUBREL may go again.
    pub fn received(&mut self, id: u16) -> Option<(bool, Option<Owed>)> {
        let flying = self.flying.iter_mut().find(|f| f.id == id && f.qos == 2)?;
        self.bytes -= flying.item.take().map_or(0, |item| item.size());
        match flying.stage {
            Stage::Sent => {
                self.unsent -= usize::from(std::mem::take(&mut flying.unsent));
                flying.stage = Stage::Recording;
                Some((true, flying.owed))
            }
            Stage::Recording => None,
            Stage::Released => {
                self.unsent += usize::from(!std::mem::replace(&mut flying.unsent, true));
                Some((false, flying.owed))
            }
        }
    }

    /// The ledger knows of the delivery under another number now.
    pub fn owe(&mut self, id: u16, owed: Owed) {
        if let Some(flying) = self.flying.iter_mut().find(|f| f.id == id) {
            flying.owed = Some(owed);
        }
    }

    /// True while that packet id stands for a delivery in flight.
    #[cfg(test)]
    pub fn is_known(&self, id: u16) -> bool {
        self.flying.iter().any(|f| f.id == id)
    }

    /// True while PUBREL waits for the card.
    pub fn is_recording(&self, id: u16) -> bool {
        self.flying
            .iter()
            .any(|f| f.id == id && f.stage == Stage::Recording)
    }

    /// That PUBREC came is safe: PUBREL goes out next.
    pub fn recorded(&mut self, id: u16) {
        if let Some(flying) = self
            .flying
            .iter_mut()
            .find(|f| f.id == id && f.stage == Stage::Recording)
        {
            flying.stage = Stage::Released;
            flying.unsent = true;
            self.unsent += 1;
        }
    }

    /// PUBCOMP.
    pub fn completed(&mut self, id: u16) -> Option<Finished> {
        self.finish(id, |f| f.stage == Stage::Released)
    }

    /// Deliveries that ended by themselves since the last call.
    pub fn ended(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.ended)
    }
}

#[cfg(test)]
mod tests;
