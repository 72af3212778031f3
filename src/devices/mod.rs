//! South door: the house's own MQTT client, and what devices say and are told.
//!
//! `link` owns the connection; `ingest` turns messages into live values, `reports` into commands,
//! `adoption` announcements into entities; `desired` repeats orders until the device answers;
//! `presence` says who is silent.

mod adoption;
mod budget;
pub mod desired;
pub mod ingest;
pub mod link;
pub mod presence;
mod reports;
mod topics;
mod turns;
