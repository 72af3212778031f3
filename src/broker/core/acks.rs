//! The effect of a client's acknowledgements on its deliveries and on the persistence log.

use tokio::time::Instant;

use super::queue::{Outgoing, Queue};
use super::state::BrokerState;
use super::subscriptions::Slot;
use crate::broker::persistence::Finished;
use crate::broker::persistence::batch::WriteBatch;
use crate::protocol::mqtt::PacketId;

impl BrokerState {
    /// Works on a session's queue.
    fn with_queue<T>(
        &mut self,
        slot: Slot,
        work: impl FnOnce(&mut Queue) -> Option<T>,
    ) -> Option<T> {
        self.sessions
            .get_mut(slot)?
            .with_queue(&mut self.queue_quota, work)
    }

    fn finish_delivery(&mut self, slot: Slot, done: Option<Finished>) {
        if let Some(done) = done
            && let Some(number) = self.session(slot).map(|s| s.number())
        {
            self.persistence.record_delivered(number, done);
        }
    }

    pub fn on_puback(&mut self, slot: Slot, id: PacketId) {
        let done = self.with_queue(slot, |q| q.on_puback(id));
        self.finish_delivery(slot, done);
    }

    /// A PUBREC with an error, or a message that is larger than the client takes: the delivery is
    /// over.
    pub fn reject_delivery(&mut self, slot: Slot, id: PacketId) {
        let done = self.with_queue(slot, |q| q.on_pubrec_error(id).or_else(|| q.on_puback(id)));
        self.finish_delivery(slot, done);
    }

    /// Handles PUBREC. False = there is no such delivery; the caller's PUBREL reports that.
    pub fn on_pubrec(&mut self, slot: Slot, id: PacketId) -> bool {
        let Some(session) = self.sessions.get_mut(slot) else {
            return false;
        };
        let quota = &mut self.queue_quota;
        match session.with_queue(quota, |q| q.on_pubrec(id)) {
            Some((true, log_number @ Some(_))) => {
                let number = self.persistence.record_pubrec(
                    session.owner(),
                    session.number(),
                    id,
                    log_number,
                );
                session.with_queue(quota, |q| q.set_log_number(id, number));
            }
            // A delivery that is only in memory has nothing to wait for.
            Some((true, None)) => session.with_queue(quota, |q| q.pubrec_persisted(id)),
            Some((false, _)) => {}
            None => return session.queue().is_persisting_pubrec(id),
        }
        true
    }

    pub fn on_pubcomp(&mut self, slot: Slot, id: PacketId) {
        let done = self.with_queue(slot, |q| q.on_pubcomp(id));
        self.finish_delivery(slot, done);
    }

    /// A batch is on disk, or cannot be written: the deliveries that waited for it go on. Storage
    /// that fails must not hold a delivery for ever; it is then only as safe as memory.
    pub fn on_batch_written(&mut self, batch: &WriteBatch) {
        self.persistence.batch_written();
        let mut for_queue = |number: u64, work: &dyn Fn(&mut Queue)| {
            if let Some(session) = self.sessions.by_number_mut(number) {
                session.with_queue(&mut self.queue_quota, work);
                session.wake.notify_one();
            }
        };
        for (number, id) in &batch.message_persisted {
            for_queue(*number, &|queue| queue.message_persisted(*id));
        }
        for (number, id) in &batch.pubrec_persisted {
            for_queue(*number, &|queue| queue.pubrec_persisted(*id));
        }
    }

    /// The next packet that may be sent to a client.
    pub fn next_outgoing(&mut self, slot: Slot, now: Instant) -> Option<Outgoing> {
        let session = self.sessions.get_mut(slot)?;
        let find = |topic: &str| {
            self.retained
                .get(topic)
                .or_else(|| self.sys_topics.get(topic))
                .filter(|m| !m.is_expired(now))
                .cloned()
        };
        let expired_before = session.queue().expired;
        let next = session.with_queue(&mut self.queue_quota, |queue| {
            queue.next_outgoing(now, &find)
        });
        let expired = session.queue().expired - expired_before;
        if expired > 0 {
            self.counters.expired_messages += expired;
            let number = session.number();
            for done in session.with_queue(&mut self.queue_quota, Queue::take_expired) {
                self.persistence.record_delivered(number, done);
            }
        }
        if let Some(Outgoing::Publish { item, .. }) = &next {
            self.counters.delivered += 1;
            self.counters.delivered_bytes += item.message.payload.len() as u64;
        }
        next
    }
}
