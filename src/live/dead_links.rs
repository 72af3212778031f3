//! Links that lead out of the village and do not open any more; clones share them.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

/// The links.
#[derive(Debug, Clone, Default)]
pub struct DeadLinks(Arc<RwLock<BTreeSet<String>>>);

impl DeadLinks {
    /// These do not open, and no others.
    pub fn replace(&self, links: BTreeSet<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = links;
    }

    /// Whether a link is known not to open.
    #[must_use]
    pub fn contains(&self, link: &str) -> bool {
        let links = self.0.read().unwrap_or_else(PoisonError::into_inner);
        links.contains(link)
    }
}
