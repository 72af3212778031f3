//! Cổng Làng: the village gate. One line per module; the map with walkthroughs is docs/architecture.md.

/// What a village is: pure values, commands, events.
pub mod domain;

/// Frames in pre-zeroed segments: append, sync, recover.
pub mod log;
