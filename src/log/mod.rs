//! Frames in pre-zeroed segments: append a group, sync it, recover what was synced.
//!
//! Used by the journal and by the broker's retained store. Knows nothing of what the records mean.
//! Sources: notes on measured card wear (overwriting written blocks costs 4 KB a group, growing a
//! file 17 KB) and the recovery rule (docs/architecture.md).
//! Deliberately absent: deleting, compaction, time. A caller copies what it wants to keep and
//! releases.

pub mod disk;
pub mod frame;
pub mod recover;
pub mod segments;
pub mod sim;

#[cfg(test)]
mod tests;
