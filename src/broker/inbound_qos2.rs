//! QoS 2 messages of a client between their PUBLISH and their PUBREL.
//!
//! Invariants: what was taken once is not taken again until it is released; of a session that is
//! kept the ledger hears both, and a packet id is free only when that is as safe as that its
//! message was taken.

use std::sync::Arc;

use tokio::sync::Notify;

use super::core::BrokerState;
use super::persistence::DurabilityTicket;
use super::persistence::record::PersistedChange;
use super::queue::{InboundQos2, InboundQos2State};
use super::subscriptions::Slot;
use crate::protocol::broker::DurabilityClass;

/// Each time so many are held, what is over is forgotten.
const RELEASED_PRUNE_EVERY: usize = 32;

impl BrokerState {
    /// Remembers a QoS 2 message of a client until PUBREL; gives what the ledger must know of it,
    /// session 0 = nothing.
    pub(super) fn track_inbound_qos2(
        &mut self,
        from: Option<Slot>,
        id: u16,
        class: DurabilityClass,
    ) -> (u64, u16) {
        let Some(session) = from.and_then(|slot| self.session(slot)) else {
            return (0, 0);
        };
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
        if state == InboundQos2State::Memory {
            (0, 0)
        } else {
            (session.number, id)
        }
    }

    /// PUBREL: the client knows that its message was taken. True = there was such a message. The
    /// answer may have to wait.
    pub fn on_pubrel(
        &mut self,
        slot: Slot,
        id: u16,
        wake: &Arc<Notify>,
    ) -> (bool, Option<Arc<DurabilityTicket>>) {
        let Some(session) = self.session(slot) else {
            return (false, None);
        };
        let Some(held) = session.inbound_qos2.remove(&id) else {
            return (false, None);
        };
        let (number, owner) = (session.number, session.owner.clone());
        match held.state {
            InboundQos2State::Memory => (true, None),
            // It was released before; the card may not have it yet.
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
                // Its id may be used again at once: that it is free must be as safe as that it was
                // taken.
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
    pub fn exceeds_unreleased(&mut self, slot: Slot, id: u16, most: usize) -> bool {
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
            // What is released, and on disk or refused by it (a dump leaves it out then), is
            // forgotten now.
            received.retain(|_, held| {
                held.state != InboundQos2State::Released
                    || held.ticket.as_ref().is_some_and(|r| r.outcome().is_none())
            });
        }
        received.len() >= most
    }

    /// The card refused that a QoS 2 message was taken; its client says it again: that is owed once
    /// more.
    pub fn retry_inbound_qos2(
        &mut self,
        slot: Slot,
        id: u16,
        wake: &Arc<Notify>,
    ) -> Option<Arc<DurabilityTicket>> {
        let session = self.session(slot)?;
        let (number, owner) = (session.number, session.owner.clone());
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

    /// A QoS 2 message was refused after it had been held: its packet id is free.
    pub fn forget_inbound_qos2(&mut self, slot: Slot, id: u16) {
        let Some(session) = self.session(slot) else {
            return;
        };
        let (number, owner) = (session.number, session.owner.clone());
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
