//! BULK that is not history: people's files, samples, camera pictures, and the watch over space.

pub mod disk_space;
pub mod erase;
pub mod files;
pub mod samples;
pub mod scrub;
pub mod segments;
