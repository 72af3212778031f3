//! Links that lead out of the village and do not open any more; clones share them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::id::{NoticeId, ProcedureId};

/// Where a link stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPlace {
    /// Among the official addresses.
    Official,
    /// In a procedure.
    Procedure(ProcedureId),
    /// In a notice.
    Notice(NoticeId),
}

/// The links, each with the first place where it stands.
#[derive(Debug, Clone, Default)]
pub struct DeadLinks(Arc<RwLock<Arc<BTreeMap<String, LinkPlace>>>>);

impl DeadLinks {
    /// These do not open, and no others.
    pub fn replace(&self, links: BTreeMap<String, LinkPlace>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(links);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Arc<BTreeMap<String, LinkPlace>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether a link is known not to open.
    #[must_use]
    pub fn contains(&self, link: &str) -> bool {
        self.all().contains_key(link)
    }
}
