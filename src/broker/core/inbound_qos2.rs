//! QoS 2 messages of a client between their PUBLISH and their PUBREL.
//!
//! Invariants: a message that was taken is not taken again until it is released. For a persistent
//! session the persistence log records both, and a packet identifier is free only when the release
//! is as safe as the taking was.

use std::sync::Arc;

use tokio::sync::Notify;

use super::state::BrokerState;
use super::subscriptions::Slot;
use super::unreleased::{InboundQos2, InboundQos2State};
use crate::broker::persistence::DurabilityTicket;
use crate::broker::persistence::record::PersistedChange;
use crate::protocol::broker::DurabilityClass;
use crate::protocol::mqtt::PacketId;

/// Whenever the held messages reach a multiple of this, those that are over are removed.
const RELEASED_PRUNE_EVERY: usize = 32;

impl BrokerState {
    /// Holds a QoS 2 message of a client until PUBREL. Returns the session number and packet
    /// identifier for the persistence log; none = nothing is to be recorded.
    pub(super) fn track_inbound_qos2(
        &mut self,
        from: Option<Slot>,
        id: PacketId,
        class: DurabilityClass,
    ) -> Option<(u64, PacketId)> {
        let session = from.and_then(|slot| self.session(slot))?;
        let state = match class {
            DurabilityClass::Durable if session.is_persistent() => InboundQos2State::Durable,
            DurabilityClass::Batched if session.is_persistent() => InboundQos2State::Batched,
            _ => InboundQos2State::Memory,
        };
        session.inbound_qos2.insert(
            id,
            InboundQos2 {
                state,
                ticket: None,
            },
        );
        (state != InboundQos2State::Memory).then_some((session.number(), id))
    }

    /// The held message that this PUBLISH repeats, if it does; its ticket is what PUBREC must wait
    /// for.
    pub fn repeated_inbound_qos2(
        &mut self,
        slot: Slot,
        id: PacketId,
        dup: bool,
        wake: &Arc<Notify>,
    ) -> Option<InboundQos2> {
        let tracked = self
            .session(slot)
            .and_then(|s| s.inbound_qos2.get(&id).cloned());
        // A message that is held was sent before: its sender did not receive PUBREC [MQTT-4.3.3].
        // It is a new message when the held one is already released, or when the held one
        // was restored from disk and this PUBLISH has no DUP: then only the record of the
        // release was lost.
        let mut held = tracked.filter(|held| {
            held.state != InboundQos2State::Released
                && (held.state != InboundQos2State::Restored || dup)
        })?;
        // This PUBREC waits for the same ticket as the first one. If storage refused that ticket,
        // the change is recorded again.
        held.ticket = held.ticket.filter(|r| r.outcome() != Some(true));
        if held
            .ticket
            .as_ref()
            .is_some_and(|r| r.outcome() == Some(false))
        {
            held.ticket = self.retry_inbound_qos2(slot, id, wake);
        }
        Some(held)
    }

    /// Handles PUBREL: the client knows that its message was taken. True = there was such a
    /// message. The ticket is what PUBCOMP must wait for.
    pub fn on_pubrel(
        &mut self,
        slot: Slot,
        id: PacketId,
        wake: &Arc<Notify>,
    ) -> (bool, Option<Arc<DurabilityTicket>>) {
        let Some(session) = self.session(slot) else {
            return (false, None);
        };
        let Some(held) = session.inbound_qos2.remove(&id) else {
            return (false, None);
        };
        let (number, owner) = (session.number(), session.owner().clone());
        match held.state {
            InboundQos2State::Memory => (true, None),
            // PUBREL came before; its record may not be on disk yet.
            InboundQos2State::Released => {
                let ticket = held.ticket.filter(|r| r.outcome() != Some(true));
                if ticket.is_some() {
                    session.inbound_qos2.insert(
                        id,
                        InboundQos2 {
                            state: InboundQos2State::Released,
                            ticket: ticket.clone(),
                        },
                    );
                }
                (ticket.is_some(), ticket)
            }
            InboundQos2State::Batched => {
                self.persistence.record(
                    &owner,
                    PersistedChange::InboundQos2Released {
                        session: number,
                        id,
                    },
                    None,
                );
                (true, None)
            }
            InboundQos2State::Durable | InboundQos2State::Restored => {
                // The client may use the identifier again after PUBCOMP: the release must be as
                // safe as the taking.
                let ticket = DurabilityTicket::new(wake.clone());
                session.inbound_qos2.insert(
                    id,
                    InboundQos2 {
                        state: InboundQos2State::Released,
                        ticket: Some(ticket.clone()),
                    },
                );
                self.persistence.record(
                    &owner,
                    PersistedChange::InboundQos2Released {
                        session: number,
                        id,
                    },
                    Some(&ticket),
                );
                (true, Some(ticket))
            }
        }
    }

    /// True when a session has `most` messages unreleased and this is a further one.
    pub fn exceeds_unreleased(&mut self, slot: Slot, id: PacketId, most: usize) -> bool {
        let Some(received) = self
            .session(slot)
            .map(|s| &mut s.inbound_qos2)
            .filter(|r| !r.contains_key(&id))
        else {
            return false;
        };
        if received.len() >= most
            || received.len() % RELEASED_PRUNE_EVERY == RELEASED_PRUNE_EVERY - 1
        {
            // Removes released messages whose record is on disk, or was refused by storage (the
            // next snapshot leaves them out).
            received.retain(|_, held| {
                held.state != InboundQos2State::Released
                    || held.ticket.as_ref().is_some_and(|r| r.outcome().is_none())
            });
        }
        received.len() >= most
    }

    /// Storage refused the record that a QoS 2 message was taken, and its client sends the message
    /// again: the change is recorded again.
    pub fn retry_inbound_qos2(
        &mut self,
        slot: Slot,
        id: PacketId,
        wake: &Arc<Notify>,
    ) -> Option<Arc<DurabilityTicket>> {
        let session = self.session(slot)?;
        let (number, owner) = (session.number(), session.owner().clone());
        let ticket = DurabilityTicket::new(wake.clone());
        session.inbound_qos2.get_mut(&id)?.ticket = Some(ticket.clone());
        self.persistence.record(
            &owner,
            PersistedChange::InboundQos2 {
                session: number,
                id,
            },
            Some(&ticket),
        );
        Some(ticket)
    }

    /// A QoS 2 message was refused after it had been held: its packet identifier is free.
    pub fn forget_inbound_qos2(&mut self, slot: Slot, id: PacketId) {
        let Some(session) = self.session(slot) else {
            return;
        };
        let (number, owner) = (session.number(), session.owner().clone());
        if session
            .inbound_qos2
            .remove(&id)
            .is_some_and(|held| held.state != InboundQos2State::Memory)
        {
            self.persistence.record(
                &owner,
                PersistedChange::InboundQos2Released {
                    session: number,
                    id,
                },
                None,
            );
        }
    }
}
