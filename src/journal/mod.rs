//! The journal: one ordered, durable history of everything that changed the village. The log is the
//! truth, and everything else is derived from it.
//!
//! One thread owns the state: it decides, numbers, appends, syncs, applies, publishes and answers,
//! in this order, so a caller that has its answer reads its own write. Deliberately absent: events
//! sent by channel. Readers wake up and read from their own cursor.

pub mod boot;
pub mod chain;
pub mod check;
pub mod codec;
mod damaged_ranges;
pub mod feed;
mod fold;
pub mod handle;
pub mod history;
pub mod index;
mod lineage;
mod logged_records;
pub mod pack;
mod problem;
mod report;
mod request;
pub mod scrub;
pub mod snapshot;
mod writer;

#[cfg(test)]
mod corruption_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod header_tests;
#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod loss_tests;
#[cfg(test)]
mod old_folder_tests;
#[cfg(test)]
mod query_tests;
#[cfg(test)]
mod start_tests;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::event::Entry;
use crate::log::frame::Epoch;

pub use boot::{JournalStorage, OpenError};
pub use handle::Journal;
pub use problem::JournalProblem;
pub use report::Report;
pub use request::{Closed, CommandRequest, Committed, SubmitError};

/// One entry as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
    /// The boot that wrote it.
    pub epoch: Epoch,
    /// Its bytes; the chain is over these.
    pub bytes: Arc<[u8]>,
    /// Its meaning.
    pub entry: Entry,
}
