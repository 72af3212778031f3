//! HOW LONG things live: clock, services, reconcilers, workers, helper programs, health, systemd.

pub mod backoff;
pub mod child;
pub mod clock;
pub mod confine;
pub mod fds;
pub mod health;
pub mod helper;
pub mod listening;
pub mod lobby;
pub mod meter;
pub mod panics;
pub mod places;
pub mod service;
pub mod systemd;
pub mod worker;

pub use service::{Stop, Supervisor};

#[cfg(test)]
mod tests;
