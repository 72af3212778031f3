//! The counts of the forwarder of names, read where they are counted.
//!
//! Deliberately absent: names that were asked for, and who asked.

use std::sync::{Arc, OnceLock};

use crate::protocol::control::NameCounts;

/// Reads the counts.
type CountReading = Box<dyn Fn() -> NameCounts + Send + Sync>;

/// The counts; clones are the same.
#[derive(Clone, Default)]
pub struct NamesStatus(Arc<OnceLock<CountReading>>);

impl NamesStatus {
    /// From now on the counts are read so. The forwarder is made once in a run.
    pub fn read_by(&self, reading: impl Fn() -> NameCounts + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(reading));
    }

    /// The counts since the gateway started; none = it answers no names.
    #[must_use]
    pub fn get(&self) -> Option<NameCounts> {
        self.0.get().map(|reading| reading())
    }
}
