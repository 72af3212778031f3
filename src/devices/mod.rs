//! Devices: the gateway's own MQTT client, the messages of devices and orders to them.
//!
//! `link` owns the connection; `ingest` turns messages into live values, `reports` into commands,
//! `adoption` discovery messages into entities, `unclaimed` keeps what came before them; `desired`
//! repeats orders until the device answers; `availability` finds devices that are silent.

mod adoption;
pub mod availability;
mod deferred;
pub mod desired;
pub mod ingest;
pub mod link;
mod rate_limit;
mod reports;
mod topics;
mod unclaimed;
