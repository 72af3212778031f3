//! BULK that is not history: people's files, samples, camera pictures, and the watch over space.

pub mod erase;
pub mod files;
pub mod look;
pub mod samples;
pub mod segments;
pub mod space;
