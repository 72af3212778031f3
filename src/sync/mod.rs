//! The uplink: store and forward to the commune, resumable, without loss or duplicates.
//!
//! `engine` is a pure state machine (a received message or the time → actions). `link` owns the
//! MQTT client, `send` reads the journal, and `uplink` holds what both share. `backlog` counts the
//! entries that wait, `downlink` carries out bulletins, `trust` takes certificates and time from
//! the commune, `divergence` compares the two copies of history, `status_report` sends the sentence
//! of the home page. The commune's `applied` alone
//! decides what is sent; the village's own cursor is a hint for trimming.

pub mod backlog;
mod divergence;
mod downlink;
pub mod engine;
mod link;
mod receipts;
mod send;
mod status_report;
mod trust;
pub mod uplink;

#[cfg(test)]
mod tests;
