//! Bulk data that is not history: files of people's data and of notices, samples, recordings of
//! cameras, rows of the wifi's sessions; and the watch over free space.

pub mod attachments;
pub mod disk_space;
pub mod erase;
pub mod files;
pub mod paper_pages;
pub mod samples;
pub mod scrub;
pub mod segments;
pub mod session_rows;
pub mod spoken_texts;
