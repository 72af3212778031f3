//! The packet identifier [2.2.1].

use std::num::NonZeroU16;

/// The number that names one unfinished exchange of a session. 0 is none, so a packet without one
/// has `Option::None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The first one.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// The packet identifier of a number; none = 0.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The one that follows; after the last one comes the first.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(next) => Self(next),
            None => Self::FIRST,
        }
    }
}
