//! Frames in pre-zeroed segments: append a group, sync it, recover what was synced.
//!
//! The journal, the broker's persistence log and the sensor samples are stored this way. This
//! module knows nothing of what the records mean. Sources: measured wear of SD cards (a group that
//! overwrites written blocks costs 4 KB, one that grows a file 17 KB) and the recovery rule
//! (docs/architecture.md). Deliberately absent: deleting, compaction, time. A caller copies the
//! records it still needs and then releases their segments.

pub mod disk;
pub mod frame;
pub mod recover;
pub mod segments;
pub mod sim;

#[cfg(test)]
mod tests;
