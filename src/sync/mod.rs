//! The uplink: store and forward to the commune, resumable, without loss or doubles.
//!
//! `engine` is a pure state machine (what was heard or time → what to do); `uplink` owns the MQTT
//! client and the journal. The commune's `applied` is the only truth; the village's own cursor is a
//! hint for trimming.

mod downlink;
pub mod engine;
mod parting;
mod trust;
pub mod uplink;
pub mod waiting;

#[cfg(test)]
mod tests;
