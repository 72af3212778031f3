//! HOW LONG things live: clock, services, reconcilers, workers, helper programs, health, systemd.

pub mod clock;
