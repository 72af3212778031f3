//! The name of a stream of records between village and commune.

use serde::{Deserialize, Serialize};

use crate::domain::event::Lane;

/// Highest number of a record or a boot that is accepted: a thousand a second for 8,000 years.
pub const MAX_NUMBER: u64 = 1 << 48;

/// One lane of one epoch of the village.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stream {
    /// Epoch, 32 hexadecimal digits.
    pub epoch: String,
    /// Lane.
    pub lane: Lane,
}

impl Stream {
    /// True when the epoch is well formed and the lane is one that leaves the gateway.
    pub(super) fn is_valid(&self) -> bool {
        self.epoch.len() == 32
            && self
                .epoch
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && self.lane != Lane::Local
    }
}
