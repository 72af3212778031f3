//! The uplink: store and forward to the commune, resumable, without loss or doubles.
//!
//! `engine` is a pure state machine (what was heard or time → what to do); `link` owns the MQTT
//! client, `send` reads the journal, `uplink` is what both work with. The commune's `applied` is
//! the only truth; the village's own cursor is a hint for trimming.

pub mod backlog;
mod divergence;
mod downlink;
pub mod engine;
mod link;
mod receipts;
mod send;
mod trust;
pub mod uplink;

#[cfg(test)]
mod tests;
