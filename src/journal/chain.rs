//! The hash chain, which makes it visible that history was changed or removed.
//!
//! One chain per lane. Within an epoch `H(n) = SHA-256(H(n-1) ‖ stored bytes of the lane's n-th
//! entry)`; an epoch begins with `SHA-256("conglang epoch" ‖ epoch ‖ lane number ‖ last head of the
//! epoch before)`. The header of each group holds the heads after the group, so a changed entry
//! contradicts its own frame.

use sha2::{Digest, Sha256};

use crate::domain::event::Lane;
use crate::log::frame::{Epoch, Stamp};

/// The head of one lane's chain.
pub type Head = [u8; 32];

/// The heads of the four lanes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heads(pub [Head; 4]);

impl Heads {
    /// The heads with which `epoch` begins after these.
    #[must_use]
    pub fn start_epoch(&self, epoch: &Epoch) -> Self {
        let mut out = *self;
        for lane in Lane::ALL {
            let number = u8::try_from(lane.index()).unwrap_or(u8::MAX);
            let mut hash = Sha256::new();
            hash.update(b"conglang epoch");
            hash.update(epoch);
            hash.update([number]);
            hash.update(self.0[lane.index()]);
            out.0[lane.index()] = hash.finalize().into();
        }
        out
    }

    /// Appends one stored entry to its lane's chain.
    pub fn append(&mut self, lane: Lane, stored: &[u8]) {
        let head = &mut self.0[lane.index()];
        *head = next_head(head, stored);
    }

    /// The heads as the 128 bytes of a group's header.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let mut out = [0; 128];
        for (i, head) in self.0.iter().enumerate() {
            out[i * 32..(i + 1) * 32].copy_from_slice(head);
        }
        out
    }

    /// The heads from the 128 bytes of a group's header.
    #[must_use]
    pub fn from_stamp(stamp: &Stamp) -> Self {
        let mut out = Self::default();
        for (i, head) in out.0.iter_mut().enumerate() {
            head.copy_from_slice(&stamp[i * 32..(i + 1) * 32]);
        }
        out
    }
}

/// One step of a lane's chain.
#[must_use]
pub fn next_head(head: &Head, stored: &[u8]) -> Head {
    let mut hash = Sha256::new();
    hash.update(head);
    hash.update(stored);
    hash.finalize().into()
}
