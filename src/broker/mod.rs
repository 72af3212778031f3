//! MQTT for the village's devices, in a worker process of its own.
//!
//! Per connection: `edge` accepts on the listeners, `handshake` authenticates, and `client`,
//! `inbound`, `inbound_publish`, `pending_acks` and `outbound` serve one client.
//!
//! The state: `shared` holds the `core` under one lock. `session_lifecycle` connects and
//! disconnects, `publish` takes messages in, `delivery` queues them, `inbound_qos2` holds QoS 2
//! messages, `subscribe` subscribes, `acks` finishes deliveries and `wills` publishes wills. They
//! work on each `session` with its `queue`, on the tree of `subscriptions` and on the `retained`
//! messages. `persistence` writes to disk what must outlive the process.
//!
//! docs/protocol.md says what is promised, docs/decisions/0003 and 0008 why it is built so.
//!
//! Words beside docs/glossary.md: an *identity* is who a connection is (the gateway, an account, an
//! unprovisioned device); its *owner* is the name under which quotas and rates are counted. A
//! *slot* is a session's place in memory and is used again; a session's *number* is never used
//! again. A change's *log number* is its place in the persistence log (of a message: its order on
//! disk); a *packet identifier* is the number on the wire.
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
