//! PUBLISH of a client: its topic, how often it was said before, what it is answered.
//!
//! Invariants: QoS 2 is taken once; who leaves more unfinished than agreed is cut; a publish that
//! is dropped is refused in the client's own version of the protocol, and told to the technician.

use std::time::Duration;

use tokio::time::Instant;

use super::client::{AckPacket, Client, DisconnectReason};
use super::message::Message;
use super::publish::{AckRequest, PublishOutcome};
use super::queue::{InboundQos2, InboundQos2State};
use crate::domain::text;
use crate::protocol::mqtt::Version;
use crate::protocol::mqtt::packet::Publish;
use crate::protocol::mqtt::topic::is_within_bounds;

/// QoS 2 messages that a session may leave unreleased, over all its connections.
const UNRELEASED_MAX: usize = 1_024;

impl<S> Client<S> {
    /// The topic of a publish, through its alias if it has one.
    fn resolve_topic(&mut self, p: &Publish) -> Result<Box<str>, DisconnectReason> {
        let Some(alias) = p.properties.topic_alias else {
            return Ok(p.topic.as_str().into());
        };
        if alias > self.broker.limits.aliases {
            return Err(DisconnectReason::Error(
                0x94,
                "a topic alias beyond the agreed number",
            ));
        }
        if p.topic.is_empty() {
            return self
                .aliases_in
                .get(&alias)
                .cloned()
                .ok_or(DisconnectReason::Error(
                    0x82,
                    "a topic alias that stands for nothing",
                ));
        }
        if !is_within_bounds(
            &p.topic,
            self.broker.limits.topic_bytes,
            self.broker.limits.topic_levels,
        ) {
            return Err(DisconnectReason::Error(
                0x90,
                "a topic longer or deeper than allowed",
            ));
        }
        self.aliases_in.insert(alias, p.topic.as_str().into());
        Ok(p.topic.as_str().into())
    }

    pub(super) fn handle_publish(
        &mut self,
        p: Publish,
        now: Instant,
    ) -> Result<(), DisconnectReason> {
        let v5 = self.params.version == Version::V5;
        let topic = self.resolve_topic(&p)?;
        let pending_pubacks = || {
            self.pending_acks
                .iter()
                .filter(|a| matches!(a.packet, AckPacket::Ack { kind: 4, .. }))
                .count()
        };
        if p.qos > 0
            && v5
            && !self.unreleased.contains(&p.id)
            && self.unreleased.len() + pending_pubacks()
                >= usize::from(self.broker.limits.receive_maximum)
        {
            return Err(DisconnectReason::Error(
                0x93,
                "it leaves more messages unfinished than agreed",
            ));
        }
        if p.properties.is_text && std::str::from_utf8(&p.payload).is_err() {
            return match p.qos {
                0 => Err(DisconnectReason::Error(
                    0x99,
                    "a payload says that it is text, and is not UTF-8",
                )),
                qos => {
                    self.queue_ack(
                        AckPacket::Ack {
                            kind: 3 + qos,
                            id: p.id,
                            reason: 0x99,
                        },
                        None,
                    );
                    Ok(())
                }
            };
        }
        let expires = p
            .properties
            .message_expiry
            .map(|s| now + Duration::from_secs(u64::from(s)));
        let message = Message {
            topic,
            payload: p.payload.as_ref().into(),
            qos: p.qos,
            retain: p.retain,
            forwarded_properties: p.properties.forwarded,
            expires_at: expires,
        };
        let guard = self.broker.clone();
        let mut core = guard.lock();
        let slot = self.params.session.slot;
        if p.qos == 2 {
            if core.exceeds_unreleased(slot, p.id, UNRELEASED_MAX) {
                return Err(DisconnectReason::Error(
                    0x93,
                    "it leaves too many messages unreleased",
                ));
            }
            let tracked = core
                .session(slot)
                .and_then(|s| s.inbound_qos2.get(&p.id).cloned());
            // Known: its sender did not hear PUBREC [MQTT-4.3.3]. Without DUP it is another message
            // whose predecessor's end the disk did not see.
            // Released already: its successor.
            if let Some(held) = tracked.filter(|held| {
                held.state != InboundQos2State::Released
                    && (held.state != InboundQos2State::Restored || p.dup)
            }) {
                // What the first PUBREC waits for, this one waits for too; what the card refused is
                // tried again.
                let mut ticket = held.ticket.filter(|r| r.outcome() != Some(true));
                if ticket.as_ref().is_some_and(|r| r.outcome() == Some(false)) {
                    ticket = core.retry_inbound_qos2(slot, p.id, &self.params.session.wake);
                }
                drop(core);
                self.unreleased.insert(p.id);
                self.queue_ack(
                    AckPacket::Ack {
                        kind: 5,
                        id: p.id,
                        reason: 0,
                    },
                    ticket,
                );
                return Ok(());
            }
        }
        let ack_request = AckRequest {
            wake: &self.params.session.wake,
            qos2_packet_id: (p.qos == 2).then_some(p.id),
        };
        let result = core.publish(
            &self.params.identity,
            &self.owner,
            Some(slot),
            message,
            Some(&ack_request),
            now,
        );
        let reason = match result.outcome {
            PublishOutcome::Accepted => 0,
            PublishOutcome::NoMatchingSubscribers => 0x10,
            PublishOutcome::NotAuthorized => 0x87,
            PublishOutcome::TopicNameInvalid => 0x90,
            PublishOutcome::CapacityExceeded | PublishOutcome::WriteQuotaExceeded => 0x97,
        };
        if result.outcome == PublishOutcome::WriteQuotaExceeded && !v5 {
            return Err(DisconnectReason::Error(
                0x97,
                "the card has so much of this account to write that it must wait",
            ));
        }
        if p.qos == 2 {
            match result.outcome {
                // A 3.1.1 client cannot be told: it goes on as if it had been taken.
                PublishOutcome::NotAuthorized | PublishOutcome::TopicNameInvalid if !v5 => {
                    if let Some(session) = core.session(slot) {
                        session.inbound_qos2.insert(
                            p.id,
                            InboundQos2 {
                                state: InboundQos2State::Memory,
                                ticket: None,
                            },
                        );
                    }
                }
                PublishOutcome::CapacityExceeded if v5 => core.forget_inbound_qos2(slot, p.id),
                _ => {}
            }
            if !v5 || reason < 0x80 {
                self.unreleased.insert(p.id);
            }
        }
        drop(core);
        self.backpressure |= result.backpressure;
        self.published |= p.qos > 0 && result.outcome == PublishOutcome::Accepted;
        match result.outcome {
            PublishOutcome::NotAuthorized | PublishOutcome::TopicNameInvalid => {
                self.denied_publishes += 1;
                if self.denied_publishes == 1 {
                    let (who, topic) = (self.params.identity.name(), text::line(&p.topic, 100));
                    let why = if result.outcome == PublishOutcome::TopicNameInvalid {
                        "a topic or an announcement longer or deeper than allowed"
                    } else {
                        "it published outside of its permission"
                    };
                    self.broker.record_refusal(
                        self.params.identity.audit_key(),
                        &self.params.address,
                        &format!("{why}: {topic}"),
                    );
                    if self.broker.may_log() {
                        tracing::warn!(
                            who,
                            topic,
                            why,
                            "publish rejected; further ones only counted"
                        );
                    }
                }
                if result.outcome == PublishOutcome::TopicNameInvalid && v5 && p.qos == 0 {
                    return Err(DisconnectReason::Error(
                        0x90,
                        "a topic longer or deeper than allowed",
                    ));
                }
            }
            PublishOutcome::WriteQuotaExceeded => self.broker.record_refusal(
                self.params.identity.audit_key(),
                &self.params.address,
                "the card has so much of this account to write that it must wait",
            ),
            PublishOutcome::CapacityExceeded => self.broker.record_refusal(
                self.params.identity.audit_key(),
                &self.params.address,
                "a bound of retained messages or of a queue was reached",
            ),
            _ => {}
        }
        if p.qos > 0 {
            self.queue_ack(
                AckPacket::Ack {
                    kind: 3 + p.qos,
                    id: p.id,
                    reason,
                },
                result.ticket,
            );
        }
        Ok(())
    }
}
