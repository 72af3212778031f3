//! The network helper: the one process that changes the kernel's rules, by CAP_NET_ADMIN. (Debian's
//! `dnsmasq` beside it has that right for its table of neighbours.) It turns typed requests of the
//! gateway into rules, and holds nothing that the kernel does not.
//!
//! Invariants: it serves the gateway's user and root alone, by the credentials that the kernel
//! tells; it speaks no HTTP and reads no byte that a stranger has written. Without it the rules and
//! their time-outs stay in force: nobody new gets in, sessions end on time.

mod kernel;
mod network;
mod peer;
mod ruleset;
mod server;
mod shaping;

pub use server::{ServerError, serve, shut};
