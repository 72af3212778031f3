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
mod damage;
pub mod feed;
mod fold;
pub mod handle;
pub mod history;
pub mod index;
mod kin;
mod logged;
pub mod pack;
mod request;
pub mod snapshot;
pub mod walk;
mod writer;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod header_tests;
#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod loss_tests;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rot_tests;
#[cfg(test)]
mod start_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::event::Entry;
use crate::log::frame::Epoch;

pub use boot::{OpenError, Place, Report};
pub use handle::Journal;
pub use request::{Closed, Receipt, SubmitError, Wish};

/// One entry as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The boot that wrote it.
    pub epoch: Epoch,
    /// Its bytes; the chain is over these.
    pub bytes: Arc<[u8]>,
    /// Its meaning.
    pub entry: Entry,
}
