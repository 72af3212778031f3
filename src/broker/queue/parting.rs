//! What stays of a queue when its connection, a permission or the session itself ends, and what a
//! dump holds of it.

use std::collections::VecDeque;

use super::{Finished, Owed, Queue, Stage, Waiting};
use crate::broker::message::Queued;

impl Queue {
    /// Forgets QoS 0 messages: they are not kept for a client that is away.
    pub fn keep_only_acknowledged(&mut self) {
        self.retained.retain(|_, (qos, _)| *qos > 0);
        self.waiting.retain(|w| w.item.qos > 0);
        self.count();
    }

    fn count(&mut self) {
        let flying = self.flying.iter().filter_map(|f| f.item.as_ref());
        self.bytes = self
            .waiting
            .iter()
            .map(|w| &w.item)
            .chain(flying)
            .map(Queued::size)
            .sum();
    }

    /// Forgets what its client may not hear any more and has not been sent; gives it, and what the
    /// ledger must know of it.
    pub fn keep_only(&mut self, may: &dyn Fn(&str) -> bool) -> Vec<(Finished, Queued)> {
        self.retained.retain(|topic, _| may(topic));
        let (keep, gone): (VecDeque<Waiting>, VecDeque<Waiting>) =
            std::mem::take(&mut self.waiting)
                .into_iter()
                .partition(|w| may(&w.item.message.topic));
        self.waiting = keep;
        self.dropped += gone.len() as u64;
        self.count();
        gone.into_iter()
            .map(|w| {
                self.ids.remove(&w.id);
                (
                    Finished {
                        id: w.id,
                        owed: w.owed,
                    },
                    w.item,
                )
            })
            .collect()
    }

    /// Deliveries of shared subscriptions that nobody has begun to acknowledge, with their numbers:
    /// another member may have them.
    pub fn unclaimed(&mut self) -> Vec<(Option<Owed>, Queued)> {
        let flying = std::mem::take(&mut self.flying)
            .into_iter()
            .filter(|f| f.qos == 1)
            .filter_map(|f| Some((f.owed, f.item?)));
        let waiting = std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|w| (w.owed, w.item));
        self.bytes = 0;
        flying
            .chain(waiting)
            .filter(|(_, q)| q.group.is_some())
            .collect()
    }

    /// Ids of messages that wait and were never sent, as far as they have one.
    pub fn never_sent(&self) -> Vec<u16> {
        self.waiting
            .iter()
            .filter(|w| w.id != 0 && w.owed.is_some() && !w.again)
            .map(|w| w.id)
            .collect()
    }

    /// What the ledger must write of it in a dump: messages with their numbers and ids, and ids
    /// whose PUBREC came.
    pub fn kept(&self) -> (Vec<(Owed, u16, Queued)>, Vec<u16>) {
        let flying = self
            .flying
            .iter()
            .filter(|f| f.stage == Stage::Sent)
            .filter_map(|f| Some((f.owed?, f.id, f.item.clone()?)));
        let waiting = self
            .waiting
            .iter()
            .filter_map(|w| Some((w.owed?, w.id, w.item.clone())));
        let released = self
            .flying
            .iter()
            .filter(|f| f.stage != Stage::Sent && f.owed.is_some())
            .map(|f| f.id)
            .collect();
        (flying.chain(waiting).collect(), released)
    }
}
