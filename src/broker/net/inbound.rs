//! The packets of a client, one by one.
//!
//! Invariant: a client over its rate limit is slowed before anything else is done to it.
//! `inbound_publish` handles its messages, `pending_acks` acknowledges.

use std::sync::PoisonError;

use tokio::time::Instant;

use super::client::{AckPacket, Client, DisconnectReason, ReadPause};
use crate::domain::text;
use crate::protocol::broker::RefusalReason;
use crate::protocol::mqtt::packet::{self, Packet, Subscribe};
use crate::protocol::mqtt::{PacketType, ReasonCode, encode, frame};

/// A packet that alone costs more than the rate of this time ends the connection.
const PACKET_COST_MAX_S: u32 = 10;
/// Longest topic or filter in a recorded refusal, characters.
pub(super) const DETAIL_CHARS_MAX: usize = 100;
/// Packets handled at once before other tasks run.
const PACKETS_PER_TURN: usize = 1_024;

impl<S> Client<S> {
    /// Charges received bytes to the account's rate.
    pub(super) fn charge_bytes(&mut self, bytes: usize) {
        self.traffic.bytes_in += bytes as u64;
        if let Some(rate) = &self.rate {
            let now = Instant::now();
            let pause = rate
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .bytes
                .take(bytes as f64, now);
            self.read_after = self.read_after.max(now + pause);
        }
    }

    /// Charges messages to the account's rate. A packet that the rate can never allow ends the
    /// connection and is not charged, because other connections share the rate.
    fn charge_messages(&mut self, count: usize, now: Instant) -> Result<(), DisconnectReason> {
        let Some(rate) = &self.rate else {
            return Ok(());
        };
        if count as f64
            > f64::from(self.broker.limits.messages_per_second) * f64::from(PACKET_COST_MAX_S)
        {
            return Err(DisconnectReason::Error(RefusalReason::RateExceeded));
        }
        let pause = rate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .messages
            .take(count as f64, now);
        self.read_after = self.read_after.max(now + pause);
        Ok(())
    }

    /// Handles the complete packets in the input.
    pub(super) fn process_packets(&mut self) -> Result<ReadPause, DisconnectReason> {
        if self.input.is_empty() {
            return Ok(ReadPause::NoPacket);
        }
        let now = Instant::now();
        for _ in 0..PACKETS_PER_TURN {
            if self.read_after > now {
                return Ok(ReadPause::RateLimited);
            }
            if self.has_too_many_pending_acks() {
                return Ok(ReadPause::AcksPending);
            }
            if std::mem::take(&mut self.backpressure) {
                return Ok(ReadPause::Backpressure);
            }
            let Some(frame) = frame::split_packet(&mut self.input, self.broker.limits.packet)?
            else {
                return Ok(ReadPause::NoPacket);
            };
            let packet = packet::read(self.params.version, frame)?;
            self.last_packet_at = now;
            self.traffic.packets_in += 1;
            let cost = match &packet {
                Packet::Subscribe(s) => s.requests.len(),
                Packet::Unsubscribe { filters, .. } => filters.len(),
                _ => 1,
            };
            // Acknowledgements cost nothing: they only continue an exchange.
            let answers = matches!(
                packet,
                Packet::PubAck(_) | Packet::PubRec(..) | Packet::PubComp(_) | Packet::PubRel(_)
            );
            if !answers {
                self.charge_messages(cost, now)?;
            }
            self.handle_packet(packet, now)?;
        }
        Ok(ReadPause::Backpressure)
    }

    /// Refuses a request whose acknowledgement would be larger than the client takes: it may not be
    /// sent [MQTT5-3.1.2-24], so the request is not carried out either.
    fn check_suback_fits(&self, codes: usize) -> Result<(), DisconnectReason> {
        if encode::suback_len(self.params.version, codes) > self.params.max_packet_bytes {
            return Err(DisconnectReason::Error(
                RefusalReason::AcknowledgementTooLarge,
            ));
        }
        Ok(())
    }

    fn handle_packet(&mut self, packet: Packet, now: Instant) -> Result<(), DisconnectReason> {
        let slot = self.params.session.slot;
        match packet {
            Packet::Publish(publish) => self.handle_publish(publish, now)?,
            Packet::PubAck(id) => self.broker.lock().on_puback(slot, id),
            Packet::PubRec(id, reason) if reason.is_error() => {
                self.broker.lock().reject_delivery(slot, id);
            }
            Packet::PubRec(id, _) => {
                let known = self.broker.lock().on_pubrec(slot, id);
                if !known {
                    encode::ack(
                        &mut self.output,
                        self.params.version,
                        PacketType::PubRel,
                        id,
                        ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
                    );
                }
            }
            Packet::PubComp(id) => self.broker.lock().on_pubcomp(slot, id),
            Packet::PubRel(id) => {
                self.unreleased.remove(&id);
                let (known, ticket) =
                    self.broker
                        .lock()
                        .on_pubrel(slot, id, &self.params.session.wake);
                if !known {
                    self.charge_messages(1, now)?;
                }
                self.queue_ack(
                    AckPacket::Ack {
                        packet_type: PacketType::PubComp,
                        id,
                        reason: if known {
                            ReasonCode::SUCCESS
                        } else {
                            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND
                        },
                    },
                    ticket,
                );
            }
            Packet::Subscribe(subscribe) => self.handle_subscribe(&subscribe, now)?,
            Packet::Unsubscribe { id, filters } => {
                self.check_suback_fits(filters.len())?;
                let (codes, ticket) = self
                    .broker
                    .lock()
                    .unsubscribe(&self.params.session, &filters);
                self.queue_ack(
                    AckPacket::Codes {
                        packet_type: PacketType::UnsubAck,
                        id,
                        codes,
                    },
                    ticket,
                );
            }
            Packet::PingReq => self.pending_pingresps += 1,
            Packet::Disconnect {
                reason,
                session_expiry,
            } => {
                if let Some(seconds) = session_expiry {
                    if self.params.granted_expiry == 0 && seconds > 0 {
                        return Err(DisconnectReason::Error(RefusalReason::SessionExpiryRaised));
                    }
                    self.broker
                        .lock()
                        .set_session_expiry(&self.params.session, seconds);
                }
                // Only a DISCONNECT with this reason deletes the will [MQTT-3.14.4-3].
                return Err(if reason == ReasonCode::SUCCESS {
                    DisconnectReason::Normal
                } else {
                    DisconnectReason::NormalWithWill
                });
            }
        }
        Ok(())
    }

    fn handle_subscribe(
        &mut self,
        subscribe: &Subscribe,
        now: Instant,
    ) -> Result<(), DisconnectReason> {
        self.check_suback_fits(subscribe.requests.len())?;
        let (codes, ticket) = self.broker.lock().subscribe(
            &self.params.session,
            &subscribe.requests,
            subscribe.subscription_id,
            now,
        );
        for (request, code) in subscribe
            .requests
            .iter()
            .zip(&codes)
            .filter(|(_, code)| code.is_error())
        {
            let filter = text::line(&request.filter, DETAIL_CHARS_MAX);
            let reason = match *code {
                ReasonCode::NOT_AUTHORIZED => RefusalReason::SubscribeNotAuthorized { filter },
                ReasonCode::QUOTA_EXCEEDED => RefusalReason::SubscriptionsExceeded { filter },
                _ => RefusalReason::FilterInvalid { filter },
            };
            self.broker.record_refusal(
                self.params.identity.audit_key(),
                &self.params.address,
                reason,
            );
        }
        self.queue_ack(
            AckPacket::Codes {
                packet_type: PacketType::SubAck,
                id: subscribe.id,
                codes,
            },
            ticket,
        );
        Ok(())
    }
}
