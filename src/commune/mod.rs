//! The commune's server: takes many villages' uplinks, gives receipts from its committed store,
//! sends bulletins, shows one console. Its broker is the same worker behind TLS with client
//! certificates.

mod account;
mod bulletins;
pub mod console;
mod db;
pub mod engine;
mod erased;
#[cfg(test)]
mod erased_tests;
pub mod link;
mod newest;
mod open;
pub mod past;
pub mod sessions;
pub mod sign_in;
pub mod store;
#[cfg(test)]
mod store_tests;
mod take;
mod told;
mod turns;
mod wrong;
