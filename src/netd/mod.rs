//! The network helper: the only process with CAP_NET_ADMIN. It turns typed requests of the gateway
//! into the kernel's rules, and holds nothing that the kernel does not.
//!
//! Invariants: it serves only the gateway's user, by the credentials that the kernel tells; it
//! speaks no HTTP and reads no byte that a stranger has written. Without it the rules and their
//! time-outs stay in force: nobody new gets in, sessions end on time.

mod kernel;
mod network;
mod ruleset;
mod server;
mod shaping;

pub use server::{ServerError, serve};
