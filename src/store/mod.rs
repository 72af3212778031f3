//! BULK that is not history: people's files, samples, and the watch over space.

pub mod files;
pub mod samples;
pub mod space;
