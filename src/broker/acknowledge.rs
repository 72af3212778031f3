//! What a client's answers do to its deliveries, and what the ledger must know of it.

use tokio::time::Instant;

use super::core::Core;
use super::ledger::Finished;
use super::ledger::take::Batch;
use super::matcher::Slot;
use super::queue::{Out, Queue};
use super::quota::count_bytes;

impl Core {
    /// Works on a session's queue and keeps the sums of its bytes right.
    fn queue<T>(&mut self, slot: Slot, work: impl FnOnce(&mut Queue) -> Option<T>) -> Option<T> {
        let Self {
            sessions,
            queued_bytes,
            per_account,
            ..
        } = self;
        let session = sessions.get_mut(slot as usize)?.as_mut()?;
        let bytes = session.queue.bytes;
        let done = work(&mut session.queue);
        count_bytes(queued_bytes, per_account, session, bytes);
        done
    }

    fn finished(&mut self, slot: Slot, done: Option<Finished>) {
        if let Some(done) = done
            && let Some(number) = self.session(slot).map(|s| s.number)
        {
            self.ledger.finished(number, done);
        }
    }

    /// PUBACK.
    pub fn acknowledge(&mut self, slot: Slot, id: u16) {
        let done = self.queue(slot, |q| q.acknowledge(id));
        self.finished(slot, done);
    }

    /// PUBREC that refuses, or a message that the client cannot take: the delivery is over.
    pub fn refuse(&mut self, slot: Slot, id: u16) {
        let done = self.queue(slot, |q| q.refused(id).or_else(|| q.acknowledge(id)));
        self.finished(slot, done);
    }

    /// PUBREC. False = there is no such delivery: PUBREL says so.
    pub fn received(&mut self, slot: Slot, id: u16) -> bool {
        let known = self.queue(slot, |q| q.received(id));
        let Self {
            sessions, ledger, ..
        } = self;
        let Some(session) = sessions.get_mut(slot as usize).and_then(Option::as_mut) else {
            return false;
        };
        match known {
            Some((true, owed @ Some(_))) => {
                let number = ledger.released(&session.owner.clone(), session.number, id, owed);
                session.queue.owe(id, number);
            }
            // What memory holds is as safe as it will be.
            Some((true, None)) => session.queue.recorded(id),
            Some((false, _)) => {}
            None => return session.queue.is_recording(id),
        }
        true
    }

    /// PUBCOMP.
    pub fn completed(&mut self, slot: Slot, id: u16) {
        let done = self.queue(slot, |q| q.completed(id));
        self.finished(slot, done);
    }

    /// A batch is on disk, or cannot be: what waited for it goes on. A card that fails must not
    /// hold a delivery for ever: without it, the promise is memory's.
    pub fn settled(&mut self, batch: &Batch) {
        self.ledger.written();
        let Self {
            sessions,
            by_number,
            ..
        } = self;
        let mut each = |number: u64, work: &dyn Fn(&mut Queue)| {
            let slot = by_number.get(&number).copied().unwrap_or(Slot::MAX);
            if let Some(session) = sessions.get_mut(slot as usize).and_then(Option::as_mut) {
                work(&mut session.queue);
                session.wake.notify_one();
            }
        };
        for (number, id) in &batch.stored {
            each(*number, &|queue| queue.stored(*id));
        }
        for (number, id) in &batch.recorded {
            each(*number, &|queue| queue.recorded(*id));
        }
    }

    /// The next thing that may be sent to a client.
    pub fn next(&mut self, slot: Slot, now: Instant) -> Option<Out> {
        let Self {
            sessions,
            ledger,
            counters,
            queued_bytes,
            per_account,
            retained,
            sys,
            ..
        } = self;
        let session = sessions.get_mut(slot as usize)?.as_mut()?;
        let (bytes, outlived) = (session.queue.bytes, session.queue.outlived);
        let find = |topic: &str| {
            retained
                .get(topic)
                .or_else(|| sys.get(topic))
                .filter(|m| !m.is_over(now))
                .cloned()
        };
        let next = session.queue.next(now, &find);
        count_bytes(queued_bytes, per_account, session, bytes);
        if session.queue.outlived > outlived {
            counters.outlived += session.queue.outlived - outlived;
            for done in session.queue.ended() {
                ledger.finished(session.number, done);
            }
        }
        if let Some(Out::Publish { item, .. }) = &next {
            counters.delivered += 1;
            counters.delivered_bytes += item.message.payload.len() as u64;
        }
        next
    }
}
