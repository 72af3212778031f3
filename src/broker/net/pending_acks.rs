//! The acknowledgements to a client, queued in the order of the packets they answer.
//!
//! Invariants: an acknowledgement is never sent before its promise holds (`DurabilityTicket`), and
//! never before an earlier one. If storage does not take a message, it is refused where the
//! protocol version can express that; otherwise the client stays unanswered for a while and is then
//! disconnected.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::client::{AckPacket, Client, DisconnectReason, PendingAck};
use crate::broker::persistence::DurabilityTicket;
use crate::protocol::broker::RefusalReason;
use crate::protocol::mqtt::{PacketType, ReasonCode, Version, encode};

/// Acknowledgements that may wait for storage; beyond them the client is not read. This bound is
/// needed because 3.1.1 has no receive maximum.
const PENDING_ACKS_MAX: usize = 1_024;
/// How long a 3.1.1 client stays connected without acknowledgements when storage fails; its
/// protocol cannot report the failure. Until then it still receives its orders.
const UNACKED_TIMEOUT: Duration = Duration::from_secs(30);

impl<S> Client<S> {
    /// True while too many acknowledgements wait for storage.
    pub(super) fn has_too_many_pending_acks(&self) -> bool {
        self.pending_acks.len() >= PENDING_ACKS_MAX
    }

    pub(super) fn queue_ack(&mut self, packet: AckPacket, ticket: Option<Arc<DurabilityTicket>>) {
        if self.pending_acks.is_empty() && ticket.is_none() {
            // Without a ticket a failure is already in the packet's reason code.
            let _ = self.encode_ack(packet, true);
        } else {
            self.pending_acks.push_back(PendingAck { ticket, packet });
        }
    }

    /// True while a SUBACK waits for storage.
    pub(super) fn has_pending_suback(&self) -> bool {
        self.pending_acks
            .iter()
            .any(|a| matches!(a.packet, AckPacket::Codes { .. }))
    }

    /// Encodes the acknowledgements whose promise holds, up to the first that must wait.
    pub(super) fn flush_acks(&mut self) -> Result<(), DisconnectReason> {
        while let Some(front) = self.pending_acks.front() {
            let is_durable = match front.ticket.as_ref().map(|r| r.outcome()) {
                Some(None) => break,
                Some(Some(safe)) => safe,
                None => true,
            };
            if let Some(answer) = self.pending_acks.pop_front() {
                self.encode_ack(answer.packet, is_durable)?;
            }
        }
        Ok(())
    }

    /// Storage does not take a message of a 3.1.1 client: without an acknowledgement the client
    /// sends it again after it reconnects.
    fn withhold_ack(&mut self) {
        if self.disconnect_at.is_none() {
            self.disconnect_at = Some(Instant::now() + UNACKED_TIMEOUT);
            self.broker.record_refusal(
                self.params.identity.audit_key(),
                &self.params.address,
                RefusalReason::StorageUnavailable,
            );
        }
    }

    fn encode_ack(&mut self, packet: AckPacket, safe: bool) -> Result<(), DisconnectReason> {
        let version = self.params.version;
        match packet {
            AckPacket::Ack {
                packet_type,
                id,
                mut reason,
            } => {
                if !safe && packet_type != PacketType::PubComp {
                    if version != Version::V5 {
                        self.withhold_ack();
                        return Ok(());
                    }
                    if packet_type == PacketType::PubRec {
                        self.unreleased.remove(&id);
                        self.broker
                            .lock()
                            .forget_inbound_qos2(self.params.session.slot, id);
                    }
                    reason = ReasonCode::QUOTA_EXCEEDED;
                }
                // A 3.1.1 packet has no reason code; `ack` leaves it out.
                encode::ack(&mut self.output, version, packet_type, id, reason);
            }
            // UNSUBACK of 3.1.1 has no codes that could report the failure.
            AckPacket::Codes {
                packet_type: PacketType::UnsubAck,
                ..
            } if !safe && version != Version::V5 => {
                self.withhold_ack();
                return Ok(());
            }
            AckPacket::Codes {
                packet_type,
                id,
                mut codes,
            } => {
                if !safe {
                    codes
                        .iter_mut()
                        .filter(|code| !code.is_error())
                        .for_each(|code| *code = ReasonCode::UNSPECIFIED_ERROR);
                }
                if version != Version::V5 {
                    for code in &mut codes {
                        *code = code.suback_return_code();
                    }
                }
                encode::suback(&mut self.output, version, packet_type, id, &codes);
            }
        }
        self.traffic.packets_out += 1;
        Ok(())
    }
}
