//! MQTT for the village's devices, in a worker process of its own.
//!
//! `edge` listens and shakes hands, `connection` finds out who it is, `client`, `inbound`,
//! `inbound_publish`, `replies` and `outbound` serve one client; `guard` holds the machine under
//! one lock: `core`, `attach` (who comes and goes), `publish`, `deliver`, `hold`, `subscribe`,
//! `acknowledge`, `will`, over each `session` with its `queue`, the `matcher` and what is
//! `retained`; `ledger` carries to disk what must outlive the process. docs/protocol.md says what
//! is promised, docs/decisions/0003 and 0008 why it is built so.
//!
//! Words: *who* is an identity (house, account, device without an account), its *owner* the name
//! under which it pays for card and rates; a *stranger* is a device without an account. A *slot* is
//! a session's place in memory (reused), its *number* is for ever; an *owed* number is a change in
//! the ledger (of a message: its order on disk); a packet *id* is the wire's. *Kept* outlives
//! something (a session its connection, a message its retained flag); a QoS 2 message is *held*
//! from its PUBLISH to its PUBREL, and a delivery is held back until it is *stored*.
//!
//! Deliberately absent: bridges to other brokers, plug-ins, enhanced authentication.

mod acks;
mod acl;
mod admin;
mod client;
mod core;
mod delivery;
mod durability;
mod edge;
mod handshake;
mod inbound;
mod inbound_publish;
mod inbound_qos2;
mod message;
mod outbound;
mod pending_acks;
mod persistence;
mod publish;
mod queue;
mod quota;
mod rate_limit;
mod retained;
mod session;
mod session_lifecycle;
mod shared;
mod stream;
mod subscribe;
mod subscriptions;
mod sys;
pub mod websocket;
mod wills;
pub mod worker;

#[cfg(test)]
mod core_tests;
#[cfg(test)]
mod model_tests;
