//! The broker as a state machine, without sockets, files or a clock of its own.
//!
//! `state` holds everything. Its operations stand by subject: `session_lifecycle` connects and
//! disconnects, `publish` takes messages in, `delivery` finds their recipients and queues them,
//! `acks` finishes deliveries, `inbound_qos2` holds QoS 2 messages until they are released (each is
//! one of `unreleased`), `subscribe` subscribes, `wills` publishes wills.
//!
//! Each part of the state has an owner that keeps it consistent: `session_table` finds sessions,
//! `session` holds one client's with its `queue`, `quota` sums what is queued, `subscriptions` is
//! the tree of filters, `retained` the retained messages, `will_schedule` the wills that wait,
//! `acl` what an identity may do, `durability` what must be on disk.
//!
//! Invariant: everything happens at a given moment and never waits. A change that must outlive the
//! process is handed to `persistence`, which writes it behind.

pub mod acks;
pub mod acl;
mod delivery;
pub mod durability;
pub mod inbound_qos2;
pub mod message;
pub mod publish;
pub mod queue;
pub mod quota;
pub mod retained;
pub mod session;
pub mod session_filters;
mod session_lifecycle;
pub mod session_table;
pub mod state;
pub mod subscribe;
pub mod subscriptions;
pub mod unreleased;
pub mod will_schedule;
pub mod wills;

#[cfg(test)]
mod tests;
