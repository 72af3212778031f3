//! The commune's server: takes many villages' uplinks, gives receipts from its committed store,
//! sends bulletins, shows one console. Its broker is the same worker behind TLS with client
//! certificates.

mod account;
mod bulletins;
pub mod console;
pub mod engine;
mod erased;
pub mod link;
mod newest;
pub mod past;
pub mod sessions;
pub mod sign_in;
pub mod store;
#[cfg(test)]
mod store_tests;
mod told;
mod turns;
