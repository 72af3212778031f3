//! Cổng Làng: the village gate. One line per module; the map with walkthroughs is docs/architecture.md.

/// What a village is: pure values, commands, events.
pub mod domain;
/// What happened: the one ordered, durable journal.
pub mod journal;
/// Frames in pre-zeroed segments: append, sync, recover.
pub mod log;
/// How long things live: clock, services, workers, health.
pub mod supervisor;
