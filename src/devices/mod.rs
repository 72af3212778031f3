//! South door: the house's own MQTT client, and what devices say and are told.
//!
//! `link` owns the connection; `ingest` turns messages into live values, `reports` into commands,
//! `adoption` announcements into entities; `desired` repeats orders until the device answers;
//! `presence` says who is silent.

mod adoption;
pub mod availability;
mod deferred;
pub mod desired;
pub mod ingest;
pub mod link;
mod rate_limit;
mod reports;
mod topics;
