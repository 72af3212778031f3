//! MQTT for the village's devices, in a worker process of its own.
//!
//! `edge` listens and shakes hands, `connection` finds out who it is, `client` and `inbound` serve one client; `guard` holds
//! the machine (`core`, `deliver`, `subscribe`, `session`, `matcher`, `retained`) under one lock; `ledger` carries to disk
//! what must outlive the process. docs/protocol.md says what is promised, docs/decisions/0003 and 0008 why it is built so.
//! Deliberately absent: bridges to other brokers, plug-ins, enhanced authentication.

mod access;
mod answers;
mod client;
mod connection;
mod core;
mod deliver;
mod deliveries;
mod edge;
mod guard;
mod inbound;
mod ledger;
mod limits;
mod matcher;
mod message;
mod retained;
mod seat;
mod session;
mod stream;
mod subscribe;
mod sys;
pub mod websocket;
pub mod worker;

#[cfg(test)]
mod model_tests;
