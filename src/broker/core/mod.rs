//! The broker as a state machine, without sockets, files or a clock of its own.
//!
//! `state` holds everything. Its operations stand by subject: `session_lifecycle` connects and
//! disconnects, `publish` takes messages in, `delivery` finds their recipients and queues them,
//! `acks` finishes deliveries, `inbound_qos2` holds QoS 2 messages until they are released,
//! `subscribe` subscribes, `wills` publishes wills.
//!
//! They work on `session` with its `queue`, on the tree of `subscriptions` and on the `retained`
//! messages. `acl` says what an identity may do, `durability` what must be on disk, `quota` how much
//! may be queued.
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
mod session_lifecycle;
pub mod state;
pub mod subscribe;
pub mod subscriptions;
pub mod wills;

#[cfg(test)]
mod tests;
