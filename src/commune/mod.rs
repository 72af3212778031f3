//! The commune's server: stores the uplinks of many villages, sends receipts from its committed
//! store, sends bulletins and serves the console. Its broker is the same worker as the gateway's,
//! behind TLS with client certificates.

pub mod boot_history;
mod bulletins;
mod change_count;
mod configured;
pub mod console;
pub mod control;
pub mod engine;
mod erasure;
#[cfg(test)]
mod erasure_tests;
mod fair_queue;
pub mod history;
mod history_text;
mod ingest;
pub mod link;
pub mod officers;
mod open;
mod pin_attempts;
mod quota;
mod read_model;
mod receipt_totals;
mod recent_index;
pub mod sent_bulletins;
pub mod sessions;
pub mod sign_in;
mod sign_in_log;
pub mod store;
#[cfg(test)]
mod store_tests;
mod tables;
#[cfg(test)]
mod version_tests;
mod village_statuses;
