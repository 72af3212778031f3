//! WHAT HAPPENED: one ordered, durable journal; the log is the truth and everything else is made
//! from it.
//!
//! One thread owns the state: decide, number, append, sync, apply, publish, answer. Whoever gets an
//! answer reads their own write. Nobody receives events by channel: readers wake and read from
//! their own cursor.

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
mod start_tests;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::event::Entry;
use crate::log::frame::Epoch;

pub use boot::{JournalStorage, OpenError, Report};
pub use handle::Journal;
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
