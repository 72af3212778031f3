//! PUBLISH of a client: its topic, whether it was sent before, how it is acknowledged.
//!
//! Invariants: a QoS 2 message is taken once. A client that leaves more messages unfinished than
//! agreed is disconnected. A message that is not taken is refused in the way of the client's
//! protocol version, and recorded for the technician.

use std::time::Duration;

use tokio::time::Instant;

use super::client::{AckPacket, Client, DisconnectReason};
use super::inbound::DETAIL_CHARS_MAX;
use crate::broker::core::message::Message;
use crate::broker::core::publish::{AckRequest, PublishOutcome};
use crate::broker::core::state::BrokerState;
use crate::broker::core::unreleased::{InboundQos2, InboundQos2State};
use crate::domain::text;
use crate::protocol::broker::RefusalReason;
use crate::protocol::mqtt::packet::Publish;
use crate::protocol::mqtt::topic::is_within_bounds;
use crate::protocol::mqtt::{PacketId, PacketType, QoS, ReasonCode, Version};

/// QoS 2 messages that a session may leave unreleased, over all its connections.
const UNRELEASED_MAX: usize = 1_024;

impl<S> Client<S> {
    /// The topic of a PUBLISH, by its topic alias if it has one.
    fn resolve_topic(&mut self, p: &Publish) -> Result<Box<str>, DisconnectReason> {
        let Some(alias) = p.properties.topic_alias else {
            return Ok(p.topic.as_str().into());
        };
        if alias > self.broker.limits.aliases {
            return Err(DisconnectReason::Error(RefusalReason::TopicAliasTooLarge));
        }
        if p.topic.is_empty() {
            return self
                .aliases_in
                .get(&alias)
                .cloned()
                .ok_or(DisconnectReason::Error(RefusalReason::TopicAliasUnknown));
        }
        if !is_within_bounds(
            &p.topic,
            self.broker.limits.topic_bytes,
            self.broker.limits.topic_levels,
        ) {
            return Err(DisconnectReason::Error(RefusalReason::TopicTooLong));
        }
        self.aliases_in.insert(alias, p.topic.as_str().into());
        Ok(p.topic.as_str().into())
    }

    pub(super) fn handle_publish(
        &mut self,
        mut p: Publish,
        now: Instant,
    ) -> Result<(), DisconnectReason> {
        let v5 = self.params.version == Version::V5;
        let topic = self.resolve_topic(&p)?;
        self.check_receive_maximum(&p)?;
        if p.properties.is_text && std::str::from_utf8(&p.payload).is_err() {
            return self.reject_payload_format(&p);
        }
        let message = message_of(&mut p, topic, now);
        let broker = self.broker.clone();
        let mut core = broker.lock();
        let slot = self.params.session.slot;
        // The packet identifier of a QoS 2 message.
        let qos2_id = p.id.filter(|_| p.qos == QoS::ExactlyOnce);
        if let Some(id) = qos2_id {
            if core.exceeds_unreleased(slot, id, UNRELEASED_MAX) {
                return Err(DisconnectReason::Error(RefusalReason::UnreleasedExceeded));
            }
            let repeated = core.repeated_inbound_qos2(slot, id, p.dup, &self.params.session.wake);
            if let Some(held) = repeated {
                drop(core);
                self.unreleased.insert(id);
                self.queue_ack(
                    AckPacket::Ack {
                        packet_type: PacketType::PubRec,
                        id,
                        reason: ReasonCode::SUCCESS,
                    },
                    held.ticket,
                );
                return Ok(());
            }
        }
        let ack_request = AckRequest {
            wake: &self.params.session.wake,
            qos2_packet_id: qos2_id,
        };
        let result = core.publish(
            &self.params.identity,
            &self.params.session.owner,
            Some(slot),
            message,
            Some(&ack_request),
            now,
        );
        if result.outcome == PublishOutcome::WriteQuotaExceeded && !v5 {
            return Err(DisconnectReason::Error(RefusalReason::WriteQuotaExceeded));
        }
        if let Some(id) = qos2_id {
            self.track_unreleased(&mut core, id, result.outcome);
        }
        drop(core);
        self.backpressure |= result.backpressure;
        self.published |= p.id.is_some() && result.outcome == PublishOutcome::Accepted;
        self.report_rejected(&p, result.outcome)?;
        if let Some((packet_type, id)) = p.qos.acknowledgement().zip(p.id) {
            self.queue_ack(
                AckPacket::Ack {
                    packet_type,
                    id,
                    reason: reason_code(result.outcome),
                },
                result.ticket,
            );
        }
        Ok(())
    }

    /// Ends the connection of a 5.0 client that leaves more messages unfinished than CONNACK
    /// allowed.
    fn check_receive_maximum(&self, p: &Publish) -> Result<(), DisconnectReason> {
        let pending_pubacks = || {
            self.pending_acks
                .iter()
                .filter(|a| {
                    matches!(
                        a.packet,
                        AckPacket::Ack {
                            packet_type: PacketType::PubAck,
                            ..
                        }
                    )
                })
                .count()
        };
        if p.id.is_some_and(|id| !self.unreleased.contains(&id))
            && self.params.version == Version::V5
            && self.unreleased.len() + pending_pubacks()
                >= usize::from(self.broker.limits.receive_maximum)
        {
            return Err(DisconnectReason::Error(
                RefusalReason::ReceiveMaximumExceeded,
            ));
        }
        Ok(())
    }

    /// Refuses a payload that is not the text which it is declared to be. QoS 0 has no
    /// acknowledgement that could refuse it, so there the connection ends.
    fn reject_payload_format(&mut self, p: &Publish) -> Result<(), DisconnectReason> {
        match p.qos.acknowledgement().zip(p.id) {
            None => Err(DisconnectReason::Error(RefusalReason::PayloadNotText)),
            Some((packet_type, id)) => {
                self.queue_ack(
                    AckPacket::Ack {
                        packet_type,
                        id,
                        reason: ReasonCode::PAYLOAD_FORMAT_INVALID,
                    },
                    None,
                );
                Ok(())
            }
        }
    }

    /// Records whether a QoS 2 message is now unreleased, or its packet identifier free.
    fn track_unreleased(&mut self, core: &mut BrokerState, id: PacketId, outcome: PublishOutcome) {
        let v5 = self.params.version == Version::V5;
        let slot = self.params.session.slot;
        match outcome {
            // 3.1.1 has no way to refuse: the exchange goes on as if the message had been taken.
            PublishOutcome::NotAuthorized | PublishOutcome::TopicNameInvalid if !v5 => {
                if let Some(session) = core.session(slot) {
                    session.inbound_qos2.insert(
                        id,
                        InboundQos2 {
                            state: InboundQos2State::Memory,
                            ticket: None,
                        },
                    );
                }
            }
            PublishOutcome::CapacityExceeded if v5 => core.forget_inbound_qos2(slot, id),
            _ => {}
        }
        if !v5 || !reason_code(outcome).is_error() {
            self.unreleased.insert(id);
        }
    }

    /// Records for the technician that a message was not taken, or not by all. A QoS 0 message of a
    /// 5.0 client with a topic out of bounds ends the connection.
    fn report_rejected(
        &mut self,
        p: &Publish,
        outcome: PublishOutcome,
    ) -> Result<(), DisconnectReason> {
        match outcome {
            PublishOutcome::NotAuthorized | PublishOutcome::TopicNameInvalid => {
                self.denied_publishes += 1;
                if self.denied_publishes == 1 {
                    let topic = text::line(&p.topic, DETAIL_CHARS_MAX);
                    let reason = if outcome == PublishOutcome::TopicNameInvalid {
                        RefusalReason::PublishTooLarge { topic }
                    } else {
                        RefusalReason::PublishNotAuthorized { topic }
                    };
                    if self.broker.may_log() {
                        let client = self.params.identity.name();
                        tracing::warn!(
                            client,
                            %reason,
                            "publish rejected; further ones only counted"
                        );
                    }
                    self.broker.record_refusal(
                        self.params.identity.audit_key(),
                        &self.params.address,
                        reason,
                    );
                }
                if outcome == PublishOutcome::TopicNameInvalid
                    && self.params.version == Version::V5
                    && p.qos == QoS::AtMostOnce
                {
                    return Err(DisconnectReason::Error(RefusalReason::TopicTooLong));
                }
            }
            PublishOutcome::WriteQuotaExceeded => self.broker.record_refusal(
                self.params.identity.audit_key(),
                &self.params.address,
                RefusalReason::WriteQuotaExceeded,
            ),
            PublishOutcome::CapacityExceeded => self.broker.record_refusal(
                self.params.identity.audit_key(),
                &self.params.address,
                RefusalReason::CapacityExceeded,
            ),
            _ => {}
        }
        Ok(())
    }
}

/// The message to publish; takes the forwarded properties out of the packet.
fn message_of(p: &mut Publish, topic: Box<str>, now: Instant) -> Message {
    let expires = p
        .properties
        .message_expiry
        .map(|s| now + Duration::from_secs(u64::from(s)));
    Message {
        topic,
        payload: p.payload.as_ref().into(),
        qos: p.qos,
        retain: p.retain,
        forwarded_properties: std::mem::take(&mut p.properties.forwarded),
        expires_at: expires,
    }
}

/// The reason code of PUBACK or PUBREC.
fn reason_code(outcome: PublishOutcome) -> ReasonCode {
    match outcome {
        PublishOutcome::Accepted => ReasonCode::SUCCESS,
        PublishOutcome::NoMatchingSubscribers => ReasonCode::NO_MATCHING_SUBSCRIBERS,
        PublishOutcome::NotAuthorized => ReasonCode::NOT_AUTHORIZED,
        PublishOutcome::TopicNameInvalid => ReasonCode::TOPIC_NAME_INVALID,
        PublishOutcome::CapacityExceeded | PublishOutcome::WriteQuotaExceeded => {
            ReasonCode::QUOTA_EXCEEDED
        }
    }
}
