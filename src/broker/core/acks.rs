//! The effect of a client's acknowledgements on its deliveries and on the persistence log.

use tokio::time::Instant;

use super::queue::{Outgoing, Queue};
use super::quota::account_queued_bytes;
use super::state::BrokerState;
use super::subscriptions::Slot;
use crate::broker::persistence::Finished;
use crate::broker::persistence::batch::WriteBatch;
use crate::protocol::mqtt::PacketId;

impl BrokerState {
    /// Works on a session's queue and corrects the sums of queued bytes afterwards.
    fn with_queue<T>(
        &mut self,
        slot: Slot,
        work: impl FnOnce(&mut Queue) -> Option<T>,
    ) -> Option<T> {
        let Self {
            sessions,
            queued_bytes,
            queued_bytes_by_account: per_account,
            ..
        } = self;
        let session = sessions.get_mut(slot as usize)?.as_mut()?;
        let bytes = session.queue.bytes;
        let done = work(&mut session.queue);
        account_queued_bytes(queued_bytes, per_account, session, bytes);
        done
    }

    fn finish_delivery(&mut self, slot: Slot, done: Option<Finished>) {
        if let Some(done) = done
            && let Some(number) = self.session(slot).map(|s| s.number)
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
        let known = self.with_queue(slot, |q| q.on_pubrec(id));
        let Self {
            sessions,
            persistence,
            ..
        } = self;
        let Some(session) = sessions.get_mut(slot as usize).and_then(Option::as_mut) else {
            return false;
        };
        match known {
            Some((true, owed @ Some(_))) => {
                let number =
                    persistence.record_pubrec(&session.owner.clone(), session.number, id, owed);
                session.queue.set_log_number(id, number);
            }
            // A delivery that is only in memory has nothing to wait for.
            Some((true, None)) => session.queue.pubrec_persisted(id),
            Some((false, _)) => {}
            None => return session.queue.is_persisting_pubrec(id),
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
        let Self {
            sessions,
            by_number,
            ..
        } = self;
        let mut for_queue = |number: u64, work: &dyn Fn(&mut Queue)| {
            let slot = by_number.get(&number).copied().unwrap_or(Slot::MAX);
            if let Some(session) = sessions.get_mut(slot as usize).and_then(Option::as_mut) {
                work(&mut session.queue);
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
        let Self {
            sessions,
            persistence,
            counters,
            queued_bytes,
            queued_bytes_by_account: per_account,
            retained,
            sys_topics: sys,
            ..
        } = self;
        let session = sessions.get_mut(slot as usize)?.as_mut()?;
        let (bytes, expired_before) = (session.queue.bytes, session.queue.expired);
        let find = |topic: &str| {
            retained
                .get(topic)
                .or_else(|| sys.get(topic))
                .filter(|m| !m.is_expired(now))
                .cloned()
        };
        let next = session.queue.next_outgoing(now, &find);
        account_queued_bytes(queued_bytes, per_account, session, bytes);
        if session.queue.expired > expired_before {
            counters.expired_messages += session.queue.expired - expired_before;
            for done in session.queue.take_expired() {
                persistence.record_delivered(session.number, done);
            }
        }
        if let Some(Outgoing::Publish { item, .. }) = &next {
            counters.delivered += 1;
            counters.delivered_bytes += item.message.payload.len() as u64;
        }
        next
    }
}
