//! What the commune acknowledged, as far as this boot heard it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::engine::{Engine, StreamRange};
use crate::protocol::commune::Stream;

/// What is remembered of it.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// How far each stream is at the commune; none = it did not say yet.
    pub(super) acknowledged: Option<BTreeMap<Stream, u64>>,
    /// Of the epoch that the receipt ends in: the receipt, and how much of the epoch is behind it.
    /// It is sealed.
    pub(super) sealed_remainder: Option<(u64, u64)>,
}

/// What the commune acknowledged; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Receipts(pub(super) Arc<Mutex<Inner>>);

impl Receipts {
    /// The commune said how far it is.
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
