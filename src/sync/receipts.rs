//! What the commune acknowledged, as far as this boot heard it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::engine::{Engine, Offer};
use crate::protocol::commune::Stream;

/// What is remembered of it.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// How far each stream is at the commune; none = it did not say yet.
    pub(super) has: Option<BTreeMap<Stream, u64>>,
    /// Of the epoch that the receipt ends in: the receipt, and how much of the epoch is behind it.
    /// It is sealed.
    pub(super) behind: Option<(u64, u64)>,
}

/// What the commune acknowledged; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Receipts(pub(super) Arc<Mutex<Inner>>);

impl Receipts {
    /// The commune said how far it is.
    pub(super) fn heard(&self, engine: &Engine, offers: &[Offer]) {
        let has = offers
            .iter()
            .map(|(stream, ..)| (stream.clone(), engine.applied(stream)))
            .collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).has = Some(has);
    }

    pub(super) fn behind(&self, receipt: u64) -> Option<u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .behind
            .filter(|(of, _)| *of == receipt)
            .map(|(_, n)| n)
    }
}
