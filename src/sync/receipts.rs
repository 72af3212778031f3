//! The commune's acknowledgements, as far as this boot received them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::engine::{Engine, StreamRange};
use crate::protocol::commune::Stream;

/// The acknowledgements of this boot, and a count that is computed once.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    /// How far each stream is applied at the commune; none = not reported yet.
    pub(super) acknowledged: Option<BTreeMap<Stream, u64>>,
    /// The seq of the receipt, and the number of entries for the commune that follow it in its
    /// epoch. The epoch is an earlier boot's, so the number never changes.
    pub(super) sealed_remainder: Option<(u64, u64)>,
}

/// The commune's acknowledgements; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Receipts(pub(super) Arc<Mutex<Acknowledgements>>);

impl Receipts {
    /// Takes over how far each stream is applied at the commune.
    pub(super) fn update(&self, engine: &Engine, offers: &[StreamRange]) {
        let has = offers
            .iter()
            .map(|(stream, ..)| (stream.clone(), engine.applied(stream)))
            .collect();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .acknowledged = Some(has);
    }

    pub(super) fn behind(&self, receipt: u64) -> Option<u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sealed_remainder
            .filter(|(of, _)| *of == receipt)
            .map(|(_, n)| n)
    }
}
