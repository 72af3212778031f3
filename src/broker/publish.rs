//! Publishing: permission, what is retained, and what must be on disk first.
//!
//! Invariant: a message that a kept session must not lose is owed to the ledger before its
//! publisher is answered, by the class of its topic (`durability`). Who hears it is in `deliver`,
//! how a QoS 2 message is held until it is released in `hold`.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::acl::Identity;
use super::core::BrokerState;
use super::durability::durability_class_of;
use super::message::Message;
use super::persistence::DurabilityTicket;
use super::persistence::record::PersistedChange;
use super::retained::RetainedChange;
use super::session::Session;
use super::subscriptions::Slot;
use crate::protocol::broker::DurabilityClass;
use crate::protocol::mqtt::topic::is_within_bounds;

/// Largest announcement of a device without an account, bytes.
const UNPROVISIONED_PAYLOAD_MAX: usize = 16 * 1024;

/// What became of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Taken; somebody hears it or it is kept.
    Accepted,
    /// Taken; nobody hears it.
    NoMatchingSubscribers,
    /// Not allowed.
    NotAuthorized,
    /// The topic is longer or deeper than allowed.
    TopicNameInvalid,
    /// Not taken: the card has so much of this account to write that it must wait.
    WriteQuotaExceeded,
    /// Not kept: a bound of retained messages or queues was reached (who could hear it, did).
    CapacityExceeded,
}

/// The answer to a publish.
#[derive(Debug)]
pub struct PublishResult {
    pub outcome: PublishOutcome,
    /// The card to wait for before the answer.
    pub ticket: Option<Arc<DurabilityTicket>>,
    /// Somebody who hears it can hardly follow.
    pub backpressure: bool,
}

impl PublishResult {
    fn immediate(outcome: PublishOutcome) -> Self {
        Self {
            outcome,
            ticket: None,
            backpressure: false,
        }
    }
}

/// Who waits for an answer: his wake, and the packet id of a QoS 2 message.
pub struct AckRequest<'a> {
    pub wake: &'a Arc<Notify>,
    pub qos2_packet_id: Option<u16>,
}

/// On whose connection something is said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PublishOrigin {
    /// Its session; none = it is not said on a connection.
    pub slot: Option<Slot>,
    /// Number of the connection; 0 = none.
    pub connection_number: u64,
    /// The word of a connection that is dead, while a newer one of its account speaks: the house
    /// does not go by it.
    pub superseded: bool,
}

impl BrokerState {
    /// Takes a message in; `from` = the session that says it.
    pub fn publish(
        &mut self,
        who: &Identity,
        owner: &Arc<str>,
        from: Option<Slot>,
        message: Message,
        ack_request: Option<&AckRequest<'_>>,
        now: Instant,
    ) -> PublishResult {
        let line = from
            .and_then(|slot| self.session(slot))
            .and_then(|s| s.connection.as_ref())
            .map_or(0, |l| l.number);
        self.publish_with_origin(
            who,
            owner,
            PublishOrigin {
                slot: from,
                connection_number: line,
                superseded: false,
            },
            message,
            ack_request,
            now,
        )
    }

    pub(super) fn publish_with_origin(
        &mut self,
        who: &Identity,
        owner: &Arc<str>,
        origin: PublishOrigin,
        message: Message,
        ack_request: Option<&AckRequest<'_>>,
        now: Instant,
    ) -> PublishResult {
        let (from, mut message) = (origin.slot, message);
        if !is_within_bounds(
            &message.topic,
            self.limits.topic_bytes,
            self.limits.topic_levels,
        ) {
            return PublishResult::immediate(PublishOutcome::TopicNameInvalid);
        }
        if !self.access.may_publish(who, &message.topic) {
            self.counters.denied_publishes += 1;
            return PublishResult::immediate(PublishOutcome::NotAuthorized);
        }
        if let Identity::Unprovisioned(name) = who {
            if message.payload.len() > UNPROVISIONED_PAYLOAD_MAX {
                return PublishResult::immediate(PublishOutcome::TopicNameInvalid);
            }
            // The house hears of it; nobody takes it for a device's word.
            message.topic = format!("quarantine/{name}/{}", message.topic).into();
            message.retain = false;
        }
        self.counters.received += 1;
        self.counters.received_bytes += message.payload.len() as u64;
        let message = Arc::new(message);
        let mut ticket: Option<Arc<DurabilityTicket>> = None;
        let class = if message.qos > 0 || message.retain {
            durability_class_of(&self.durability_rules, &message.topic)
        } else {
            DurabilityClass::Memory
        };
        let durable = |receipt: &mut Option<Arc<DurabilityTicket>>| match ack_request {
            Some(asker) if class == DurabilityClass::Durable && message.qos > 0 => Some(
                receipt
                    .get_or_insert_with(|| DurabilityTicket::new(asker.wake.clone()))
                    .clone(),
            ),
            _ => None,
        };
        // A will was promised at CONNECT: no debt takes it back.
        if ack_request.is_some()
            && message.qos > 0
            && self.persistence.rejects(owner, class, message.qos)
        {
            return PublishResult::immediate(PublishOutcome::WriteQuotaExceeded);
        }
        let mut kept = true;
        if message.retain {
            let change = self
                .retained
                .set(owner, origin.connection_number, &message, &self.limits);
            let word = (change == RetainedChange::Stored).then(|| message.clone());
            kept = !matches!(change, RetainedChange::Refused(_));
            // The same word again is written again only when the disk may not have it yet.
            let is_dirty = change == RetainedChange::Unchanged
                && class == DurabilityClass::Durable
                && self.persistence.is_dirty(&message.topic);
            let word = if is_dirty {
                Some(message.clone()).filter(|m| !m.payload.is_empty())
            } else {
                word
            };
            if class != DurabilityClass::Memory
                && (is_dirty
                    || !matches!(
                        change,
                        RetainedChange::Unchanged | RetainedChange::Refused(false)
                    ))
            {
                let wait = durable(&mut ticket);
                self.persistence
                    .enqueue_retained(owner, &message.topic, word, wait.as_ref());
            }
        }
        let mut recipients = self.matching_recipients(&message, from);
        if origin.superseded {
            recipients.retain(|(h, _)| {
                !self
                    .sessions
                    .get(h.slot as usize)
                    .and_then(Option::as_ref)
                    .is_some_and(Session::is_gateway_link)
            });
        }
        let has_recipients = !recipients.is_empty();
        let (mut targets, mut backpressure, mut rejected) = (Vec::new(), false, 0);
        let number = if class == DurabilityClass::Memory || message.qos == 0 {
            0
        } else {
            self.persistence.next_number()
        };
        let count = recipients.len();
        for (hearer, identifiers) in recipients {
            let owed = (number > 0).then_some((number, class));
            match self.enqueue_for(&message, &hearer, identifiers, owed, now) {
                Some((target, tight)) => {
                    targets.extend(target);
                    backpressure |= tight;
                }
                None => rejected += 1,
            }
        }
        let inbound = ack_request
            .and_then(|a| a.qos2_packet_id)
            .map_or((0, 0), |id| self.track_inbound_qos2(from, id, class));
        match (targets.is_empty(), inbound) {
            (true, (0, _)) => {}
            (true, (session, id)) => {
                let wait = durable(&mut ticket);
                self.persistence.record(
                    owner,
                    PersistedChange::InboundQos2 { session, id },
                    wait.as_ref(),
                );
            }
            (false, _) => {
                let wait = durable(&mut ticket);
                self.persistence.enqueue_message(
                    (number, owner),
                    message.clone(),
                    targets,
                    inbound,
                    class == DurabilityClass::Durable,
                    wait.as_ref(),
                );
            }
        }
        // Said again before it is answered, it is answered when this is; also where nothing of the
        // session itself is kept.
        if let (Some(receipt), Some(id)) = (&ticket, ack_request.and_then(|a| a.qos2_packet_id))
            && let Some(held) = from
                .and_then(|slot| self.session(slot))
                .and_then(|s| s.inbound_qos2.get_mut(&id))
        {
            held.ticket = Some(receipt.clone());
        }
        let what = match (kept, has_recipients) {
            (false, _) => PublishOutcome::CapacityExceeded,
            // Nobody of those who were to have it could take it.
            (true, true) if rejected == count && message.qos > 0 && !message.retain => {
                PublishOutcome::CapacityExceeded
            }
            (true, false) if !message.retain => PublishOutcome::NoMatchingSubscribers,
            _ => PublishOutcome::Accepted,
        };
        PublishResult {
            outcome: what,
            ticket,
            backpressure,
        }
    }
}
