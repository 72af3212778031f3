//! Papers of notices (PDF, `.docx`, `.xlsx`): their text, and pictures of their pages.
//!
//! `worker` is the process that reads strangers' bytes; `reading` starts it, one at a time, and
//! takes what it tells; `service` sees which papers of published notices have not been read. Text
//! and pictures are a cache (`store::paper_pages`): lost, they are made again.
//!
//! Invariant: no byte of a paper is parsed in the gateway.

pub mod letters;
pub mod reading;
pub mod service;
pub mod worker;
