//! The name of a stream of records between village and commune.

use serde::{Deserialize, Serialize};

use crate::domain::event::Lane;

/// Highest number of a record or a boot that is believed: a thousand a second for 8,000 years.
pub const MAX_NUMBER: u64 = 1 << 48;

/// One lane of one epoch, as the village has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stream {
    /// Epoch, 32 hexadecimal digits.
    pub epoch: String,
    /// Lane.
    pub lane: Lane,
}

impl Stream {
    /// An epoch is what it says, and entries that stay in the village have no lane on the wire.
    pub(super) fn is_valid(&self) -> bool {
        self.epoch.len() == 32
            && self
                .epoch
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && self.lane != Lane::Local
    }
}
