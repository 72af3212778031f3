//! Publishing: permission, retained messages, and what must be on disk first.
//!
//! Invariant: a message that a persistent session must not lose is in the persistence log's pending
//! changes before its publisher is answered, by the class of its topic (`durability`). `delivery`
//! finds the recipients; `inbound_qos2` holds a QoS 2 message until it is released.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::acl::Identity;
use super::message::Message;
use super::retained::RetainedChange;
use super::session::Session;
use super::state::BrokerState;
use super::subscriptions::Slot;
use crate::broker::persistence::record::{PersistedChange, Target};
use crate::broker::persistence::{DurabilityTicket, LogNumber};
use crate::domain::topics;
use crate::protocol::broker::DurabilityClass;
use crate::protocol::mqtt::PacketId;
use crate::protocol::mqtt::topic::is_within_bounds;

/// Largest discovery message of an unprovisioned device, bytes.
const UNPROVISIONED_PAYLOAD_MAX: usize = 16 * 1024;

/// The result of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Taken; it has a recipient or is retained.
    Accepted,
    /// Taken; it has no recipient.
    NoMatchingSubscribers,
    /// Not allowed.
    NotAuthorized,
    /// The topic is longer or deeper than allowed, or the payload of an unprovisioned device is too
    /// large.
    TopicNameInvalid,
    /// Not taken: the account is over its storage quota.
    WriteQuotaExceeded,
    /// Not retained or not queued: a bound of retained messages or queues was reached. Recipients
    /// with room have it all the same.
    CapacityExceeded,
}

/// The consequences of a publish for its connection.
#[derive(Debug)]
pub struct PublishResult {
    pub outcome: PublishOutcome,
    /// The durability ticket to wait for before the acknowledgement.
    pub ticket: Option<Arc<DurabilityTicket>>,
    /// A recipient can hardly follow.
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

/// The connection that waits for an acknowledgement: how to wake it, and the packet identifier of a
/// QoS 2 message.
pub struct AckRequest<'a> {
    pub wake: &'a Arc<Notify>,
    pub qos2_packet_id: Option<PacketId>,
}

/// The connection on which a message came.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PublishOrigin {
    /// Its session; none = it did not come on a connection.
    pub slot: Option<Slot>,
    /// Number of the connection; none = it did not come on one that can be open now.
    pub connection_number: Option<u64>,
    /// The connection is dead, and a newer connection of its account publishes the same topic: the
    /// gateway's own client must not receive this message.
    pub superseded: bool,
}

/// A message that is being taken in, and its durability ticket so far.
struct Intake<'a> {
    owner: &'a Arc<str>,
    origin: PublishOrigin,
    message: Arc<Message>,
    class: DurabilityClass,
    ack_request: Option<&'a AckRequest<'a>>,
    /// Made for the first change that the acknowledgement must wait for.
    ticket: Option<Arc<DurabilityTicket>>,
}

impl Intake<'_> {
    /// The ticket of a change that must be on disk before the acknowledgement; none = the change
    /// need not be.
    fn durable_ticket(&mut self) -> Option<Arc<DurabilityTicket>> {
        match self.ack_request {
            Some(request)
                if self.class == DurabilityClass::Durable && self.message.qos.is_acknowledged() =>
            {
                Some(
                    self.ticket
                        .get_or_insert_with(|| DurabilityTicket::new(request.wake.clone()))
                        .clone(),
                )
            }
            _ => None,
        }
    }
}

impl BrokerState {
    /// Takes a message in; `from` = the session that published it.
    pub fn publish(
        &mut self,
        who: &Identity,
        owner: &Arc<str>,
        from: Option<Slot>,
        message: Message,
        ack_request: Option<&AckRequest<'_>>,
        now: Instant,
    ) -> PublishResult {
        let connection_number = from
            .and_then(|slot| self.session(slot))
            .and_then(|s| s.connection.as_ref())
            .map(|c| c.number);
        self.publish_with_origin(
            who,
            owner,
            PublishOrigin {
                slot: from,
                connection_number,
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
        if let Err(outcome) = self.check_publish(who, from, &mut message) {
            return PublishResult::immediate(outcome);
        }
        self.counters.received += 1;
        self.counters.received_bytes += message.payload.len() as u64;
        let message = Arc::new(message);
        let class = if message.qos.is_acknowledged() || message.retain {
            self.durability_rules.class_of(&message.topic)
        } else {
            DurabilityClass::Memory
        };
        // A will was accepted at CONNECT: no quota refuses it now.
        if ack_request.is_some()
            && message.qos.is_acknowledged()
            && self.persistence.rejects(owner, class, message.qos)
        {
            return PublishResult::immediate(PublishOutcome::WriteQuotaExceeded);
        }
        let mut intake = Intake {
            owner,
            origin,
            message: message.clone(),
            class,
            ack_request,
            ticket: None,
        };
        let is_retained = !message.retain || self.update_retained(&mut intake);
        let mut recipients = self.matching_recipients(&message, from);
        if origin.superseded {
            recipients.retain(|(h, _)| {
                !self
                    .sessions
                    .get(h.slot)
                    .is_some_and(Session::is_gateway_link)
            });
        }
        let has_recipients = !recipients.is_empty();
        let (mut targets, mut backpressure, mut rejected) = (Vec::new(), false, 0);
        let number = (class != DurabilityClass::Memory && message.qos.is_acknowledged())
            .then(|| self.persistence.next_number());
        let count = recipients.len();
        for (recipient, subscription_ids) in recipients {
            let pending = number.map(|number| (number, class));
            match self.enqueue_for(&message, &recipient, subscription_ids, pending, now) {
                Some((target, tight)) => {
                    targets.extend(target);
                    backpressure |= tight;
                }
                None => rejected += 1,
            }
        }
        let inbound = ack_request
            .and_then(|a| a.qos2_packet_id)
            .and_then(|id| self.track_inbound_qos2(from, id, class));
        self.record_publish(&mut intake, number, targets, inbound);
        // If the client sends the message again before it is acknowledged, that PUBREC waits for
        // the same ticket, also when nothing of the session itself is on disk.
        if let (Some(ticket), Some(id)) =
            (&intake.ticket, ack_request.and_then(|a| a.qos2_packet_id))
            && let Some(held) = from
                .and_then(|slot| self.session(slot))
                .and_then(|s| s.inbound_qos2.get_mut(&id))
        {
            held.ticket = Some(ticket.clone());
        }
        let what = match (is_retained, has_recipients) {
            (false, _) => PublishOutcome::CapacityExceeded,
            // None of the recipients had room.
            (true, true)
                if rejected == count && message.qos.is_acknowledged() && !message.retain =>
            {
                PublishOutcome::CapacityExceeded
            }
            (true, false) if !message.retain => PublishOutcome::NoMatchingSubscribers,
            _ => PublishOutcome::Accepted,
        };
        PublishResult {
            outcome: what,
            ticket: intake.ticket,
            backpressure,
        }
    }

    /// Checks bounds and permission; puts a message of an unprovisioned device under `quarantine/`.
    fn check_publish(
        &mut self,
        who: &Identity,
        from: Option<Slot>,
        message: &mut Message,
    ) -> Result<(), PublishOutcome> {
        if from
            .and_then(|slot| self.sessions.get(slot))
            .is_some_and(|s| !message.topic.is_empty() && s.permitted_topic == *message.topic)
        {
            return Ok(());
        }
        if !is_within_bounds(
            &message.topic,
            self.limits.topic_bytes,
            self.limits.topic_levels,
        ) {
            return Err(PublishOutcome::TopicNameInvalid);
        }
        if !self.access.may_publish(who, &message.topic) {
            self.counters.denied_publishes += 1;
            return Err(PublishOutcome::NotAuthorized);
        }
        if let Identity::Unprovisioned(name) = who {
            if message.payload.len() > UNPROVISIONED_PAYLOAD_MAX {
                return Err(PublishOutcome::TopicNameInvalid);
            }
            // The gateway receives it under this topic, so that nobody takes it for a message of an
            // adopted device.
            message.topic = topics::quarantined(name, &message.topic).into();
            message.retain = false;
        } else if let Some(session) = from.and_then(|slot| self.sessions.get_mut(slot)) {
            session.permitted_topic.clear();
            session.permitted_topic.push_str(&message.topic);
        }
        Ok(())
    }

    /// Stores, replaces or removes the retained message of the topic, in memory and in the
    /// persistence log. False = a bound refused it.
    fn update_retained(&mut self, intake: &mut Intake<'_>) -> bool {
        let (message, class) = (intake.message.clone(), intake.class);
        let change = self.retained.set(
            intake.owner,
            intake.origin.connection_number,
            &message,
            &self.limits,
        );
        // A retained message that did not change is written again only when the disk may not have
        // it yet.
        let is_dirty = change == RetainedChange::Unchanged
            && class == DurabilityClass::Durable
            && self.persistence.is_dirty(&message.topic);
        let stored = if is_dirty {
            Some(message.clone()).filter(|m| !m.payload.is_empty())
        } else {
            (change == RetainedChange::Stored).then(|| message.clone())
        };
        if class != DurabilityClass::Memory
            && (is_dirty
                || !matches!(
                    change,
                    RetainedChange::Unchanged | RetainedChange::Refused(false)
                ))
        {
            let wait = intake.durable_ticket();
            self.persistence
                .enqueue_retained(intake.owner, &message.topic, stored, wait.as_ref());
        }
        !matches!(change, RetainedChange::Refused(_))
    }

    /// Adds to the persistence log: the message for its targets, and (`inbound`, the session and
    /// packet identifier) that a QoS 2 message was taken.
    fn record_publish(
        &mut self,
        intake: &mut Intake<'_>,
        number: Option<LogNumber>,
        targets: Vec<Target>,
        inbound: Option<(u64, PacketId)>,
    ) {
        match (number.filter(|_| !targets.is_empty()), inbound) {
            (None, None) => {}
            (None, Some((session, id))) => {
                let wait = intake.durable_ticket();
                self.persistence.record(
                    intake.owner,
                    PersistedChange::InboundQos2 { session, id },
                    wait.as_ref(),
                );
            }
            (Some(number), _) => {
                let wait = intake.durable_ticket();
                self.persistence.enqueue_message(
                    (number, intake.owner),
                    intake.message.clone(),
                    targets,
                    inbound,
                    intake.class == DurabilityClass::Durable,
                    wait.as_ref(),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::core::acl::{AccessControl, Identity};
    use crate::broker::core::tests::{account, connect, new_state};
    use crate::protocol::mqtt::QoS;
    use crate::supervisor::clock::Clock;

    use super::*;

    #[tokio::test]
    async fn a_topic_that_was_permitted_is_judged_again_by_a_new_access_table() {
        let mut core = new_state(&Clock::manual(1_800_000_000_000));
        let (lamp, who) = (
            connect(&mut core, "a", "lamp", 0, None),
            Identity::Account("a".into()),
        );
        let say = |core: &mut BrokerState, topic: &str| {
            let message = Message {
                topic: topic.into(),
                payload: [][..].into(),
                qos: QoS::AtMostOnce,
                retain: false,
                forwarded_properties: bytes::Bytes::new(),
                expires_at: None,
            };
            let slot = Some(lamp.slot);
            core.publish(&who, &lamp.owner, slot, message, None, Instant::now())
                .outcome
        };
        for topic in ["d/a/x", "d/a/x", "d/a/y", "d/a/x"] {
            assert_eq!(say(&mut core, topic), PublishOutcome::NoMatchingSubscribers);
        }
        let mut narrower = account("a", &[]);
        narrower.publish = vec!["d/a/y".into()];
        core.set_access(AccessControl::new(vec![narrower], false), Instant::now());
        assert_eq!(say(&mut core, "d/a/x"), PublishOutcome::NotAuthorized);
        assert_eq!(
            say(&mut core, "d/a/y"),
            PublishOutcome::NoMatchingSubscribers
        );
        assert_eq!(say(&mut core, "d/a/x"), PublishOutcome::NotAuthorized);
    }
}
