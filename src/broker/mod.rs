//! MQTT for the village's devices, in a worker process of its own.
//!
//! - `net`: listeners, handshakes and packets; one task serves one client.
//! - `core`: the state machine. It knows sessions, subscriptions, queues, retained messages and
//!   wills, and neither sockets nor files.
//! - `persistence`: writes to disk what must outlive the process, and reads it back.
//! - `shared` holds the state machine under its one lock, with what all connections share beside
//!   it; `rate_limit` bounds how fast an account may be.
//! - `worker` is the process: it takes settings and listeners and obeys the parent. `admin` answers
//!   the technician, `sys` publishes the counters.
//!
//! Imports go one way: `core` imports nothing of `net`, and `net` nothing of `worker`.
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

mod admin;
mod core;
pub mod net;
mod persistence;
mod rate_limit;
mod shared;
mod sys;
pub mod worker;

#[cfg(test)]
mod model_tests;
