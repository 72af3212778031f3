//! QoS 2 messages of a client between their PUBLISH and their PUBREL.
//!
//! Invariants: what was taken once is not taken again until it is released; of a session that is
//! kept the ledger hears both, and a packet id is free only when that is as safe as that its
//! message was taken.

use std::sync::Arc;

use tokio::sync::Notify;

use super::core::Core;
use super::ledger::Receipt;
use super::ledger::record::Record;
use super::matcher::Slot;
use super::queue::{Held, Hold};
use crate::protocol::broker::Class;

/// Each time so many are held, what is over is forgotten.
const PRUNE: usize = 32;

impl Core {
    /// Remembers a QoS 2 message of a client until PUBREL; gives what the ledger must know of it,
    /// session 0 = nothing.
    pub(super) fn hold(&mut self, from: Option<Slot>, id: u16, class: Class) -> (u64, u16) {
        let Some(session) = from.and_then(|slot| self.session(slot)) else {
            return (0, 0);
        };
        let hold = match class {
            Class::Durable if session.is_kept() => Hold::Durable,
            Class::Batched if session.is_kept() => Hold::Batched,
            _ => Hold::Memory,
        };
        session.received.insert(
            id,
            Held {
                hold,
                receipt: None,
            },
        );
        if hold == Hold::Memory {
            (0, 0)
        } else {
            (session.number, id)
        }
    }

    /// PUBREL: the client knows that its message was taken. True = there was such a message. The
    /// answer may have to wait.
    pub fn release(
        &mut self,
        slot: Slot,
        id: u16,
        wake: &Arc<Notify>,
    ) -> (bool, Option<Arc<Receipt>>) {
        let Some(session) = self.session(slot) else {
            return (false, None);
        };
        let Some(held) = session.received.remove(&id) else {
            return (false, None);
        };
        let (number, owner) = (session.number, session.owner.clone());
        match held.hold {
            Hold::Memory => (true, None),
            // It was released before; the card may not have it yet.
            Hold::Over => {
                let receipt = held.receipt.filter(|r| r.outcome() != Some(true));
                if receipt.is_some() {
                    session.received.insert(
                        id,
                        Held {
                            hold: Hold::Over,
                            receipt: receipt.clone(),
                        },
                    );
                }
                (receipt.is_some(), receipt)
            }
            Hold::Batched => {
                self.ledger.note(
                    &owner,
                    Record::InboundOver {
                        session: number,
                        id,
                    },
                    None,
                );
                (true, None)
            }
            Hold::Durable | Hold::FromDisk => {
                // Its id may be used again at once: that it is free must be as safe as that it was
                // taken.
                let receipt = Receipt::new(wake.clone());
                session.received.insert(
                    id,
                    Held {
                        hold: Hold::Over,
                        receipt: Some(receipt.clone()),
                    },
                );
                self.ledger.note(
                    &owner,
                    Record::InboundOver {
                        session: number,
                        id,
                    },
                    Some(&receipt),
                );
                (true, Some(receipt))
            }
        }
    }

    /// True when a session has `most` messages unreleased and this is a further one.
    pub fn leaves_too_much(&mut self, slot: Slot, id: u16, most: usize) -> bool {
        let Some(received) = self
            .session(slot)
            .map(|s| &mut s.received)
            .filter(|r| !r.contains_key(&id))
        else {
            return false;
        };
        if received.len() >= most || received.len() % PRUNE == PRUNE - 1 {
            // What is released, and on disk or refused by it (a dump leaves it out then), is
            // forgotten now.
            received.retain(|_, held| {
                held.hold != Hold::Over
                    || held.receipt.as_ref().is_some_and(|r| r.outcome().is_none())
            });
        }
        received.len() >= most
    }

    /// The card refused that a QoS 2 message was taken; its client says it again: that is owed once
    /// more.
    pub fn hold_again(&mut self, slot: Slot, id: u16, wake: &Arc<Notify>) -> Option<Arc<Receipt>> {
        let session = self.session(slot)?;
        let (number, owner) = (session.number, session.owner.clone());
        let receipt = Receipt::new(wake.clone());
        session.received.get_mut(&id)?.receipt = Some(receipt.clone());
        self.ledger.note(
            &owner,
            Record::Inbound {
                session: number,
                id,
            },
            Some(&receipt),
        );
        Some(receipt)
    }

    /// A QoS 2 message was refused after it had been held: its packet id is free.
    pub fn unhold(&mut self, slot: Slot, id: u16) {
        let Some(session) = self.session(slot) else {
            return;
        };
        let (number, owner) = (session.number, session.owner.clone());
        if session
            .received
            .remove(&id)
            .is_some_and(|held| held.hold != Hold::Memory)
        {
            self.ledger.note(
                &owner,
                Record::InboundOver {
                    session: number,
                    id,
                },
                None,
            );
        }
    }
}
