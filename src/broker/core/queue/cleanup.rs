//! The part of a queue that remains when its connection, a permission or the session itself ends,
//! and the part that a snapshot holds.

use std::collections::VecDeque;

use super::{Finished, LogNumber, Queue, QueuedDelivery, Stage};
use crate::broker::core::message::QueuedMessage;
use crate::protocol::mqtt::{PacketId, QoS};

impl Queue {
    /// Drops QoS 0 messages: they are not stored for a disconnected client.
    pub fn drop_qos0(&mut self) {
        self.retained_requests
            .retain(|_, (qos, _)| qos.is_acknowledged());
        self.queued.retain(|w| w.item.qos.is_acknowledged());
        self.recount_bytes();
    }

    fn recount_bytes(&mut self) {
        let inflight = self.inflight.iter().filter_map(|f| f.item.as_ref());
        self.bytes = self
            .queued
            .iter()
            .map(|w| &w.item)
            .chain(inflight)
            .map(QueuedMessage::size)
            .sum();
    }

    /// Drops the messages that the client may not receive any more and that were not sent yet.
    /// Returns them, each with the end of its delivery for the persistence log if it has a packet
    /// identifier.
    pub fn retain_permitted(
        &mut self,
        is_permitted: &dyn Fn(&str) -> bool,
    ) -> Vec<(Option<Finished>, QueuedMessage)> {
        self.retained_requests
            .retain(|topic, _| is_permitted(topic));
        let (keep, gone): (VecDeque<QueuedDelivery>, VecDeque<QueuedDelivery>) =
            std::mem::take(&mut self.queued)
                .into_iter()
                .partition(|w| is_permitted(&w.item.message.topic));
        self.queued = keep;
        self.dropped += gone.len() as u64;
        self.recount_bytes();
        gone.into_iter()
            .map(|w| {
                let finished = w.id.map(|id| {
                    self.packet_ids.remove(&id);
                    Finished {
                        packet_id: id,
                        log_number: w.log_number,
                    }
                });
                (finished, w.item)
            })
            .collect()
    }

    /// Takes the deliveries of shared subscriptions that another member may get, with their log
    /// numbers: queued messages, and QoS 1 messages that were sent and are not acknowledged. A QoS
    /// 2 delivery that has begun stays with this client.
    pub fn take_redeliverable(&mut self) -> Vec<(Option<LogNumber>, QueuedMessage)> {
        let inflight = std::mem::take(&mut self.inflight)
            .into_iter()
            .filter(|f| f.qos == QoS::AtLeastOnce)
            .filter_map(|f| Some((f.log_number, f.item?)));
        let queued = std::mem::take(&mut self.queued)
            .into_iter()
            .map(|w| (w.log_number, w.item));
        self.bytes = 0;
        inflight
            .chain(queued)
            .filter(|(_, q)| q.shared_name.is_some())
            .collect()
    }

    /// Packet identifiers of queued messages that the persistence log has and that were never sent.
    pub fn never_sent(&self) -> Vec<PacketId> {
        self.queued
            .iter()
            .filter(|w| w.log_number.is_some() && !w.dup)
            .filter_map(|w| w.id)
            .collect()
    }

    /// The contents that the persistence log must write in a snapshot: messages with their log
    /// numbers and packet identifiers, and the packet identifiers for which PUBREC was received.
    pub fn persisted_contents(&self) -> (Vec<(LogNumber, PacketId, QueuedMessage)>, Vec<PacketId>) {
        let inflight = self
            .inflight
            .iter()
            .filter(|f| f.stage == Stage::PublishSent)
            .filter_map(|f| Some((f.log_number?, f.id, f.item.clone()?)));
        let queued = self
            .queued
            .iter()
            .filter_map(|w| Some((w.log_number?, w.id?, w.item.clone())));
        let released = self
            .inflight
            .iter()
            .filter(|f| f.stage != Stage::PublishSent && f.log_number.is_some())
            .map(|f| f.id)
            .collect();
        (inflight.chain(queued).collect(), released)
    }
}
