//! Everything that runs for long: clock, services, reconcilers, workers, helper programs, health,
//! systemd.

pub mod admission;
pub mod backoff;
mod broker_loss;
pub mod child;
pub mod clock;
pub mod fair_turns;
pub mod fds;
pub mod folder_lock;
pub mod health;
pub mod health_reason;
pub mod helper;
pub mod io_cause;
pub mod keepalive;
pub mod keyed_semaphore;
pub mod meter;
pub mod panics;
pub mod reason_enum;
pub mod recogniser;
pub mod sandbox;
pub mod service;
pub mod standstill;
pub mod systemd;
mod text_name;
pub mod worker;

pub use service::{Stop, Supervisor};

#[cfg(test)]
mod tests;
