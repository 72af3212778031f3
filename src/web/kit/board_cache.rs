//! Values in memory that are made of what the village published: the list of procedures, the index
//! of the search. They are made by those who need them (`procedures`, `search`) and lie here so
//! that the app can hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, Weak};

use crate::domain::directory::Directory;
use crate::domain::directory::map::VillageMap;
use crate::domain::id::{BlobId, NoticeId, ProcedureId};
use crate::domain::notice::{EndedNotice, Notice};
use crate::domain::procedure::Procedure;
use crate::domain::things::Things;
use crate::supervisor::fair_turns::FairTurns;
use crate::time::MonoMs;
use crate::view::search::SearchIndex;

/// How soon a list that could not be read is read again, ms: reading it is dear, and every visitor
/// asks for it.
const LOST_INTERVAL_MS: u64 = 60_000;

/// The list.
#[derive(Debug, Default)]
pub struct ProcedureList {
    /// The seq of the entry that gave it; 0 = nobody has given one.
    pub order: u64,
    /// The procedures, in the order of their file.
    pub all: Vec<Procedure>,
    /// When its file could not be read; none = it is read.
    pub lost_at: Option<MonoMs>,
}

impl ProcedureList {
    /// Its file cannot be read.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.lost_at.is_some()
    }

    /// It is still what the entry of this seq gave, as far as that could be read a moment ago.
    #[must_use]
    pub fn holds_for(&self, order: u64, now: MonoMs) -> bool {
        let is_due = |at| now.since(at) >= LOST_INTERVAL_MS;
        self.order == order && !self.lost_at.is_some_and(is_due)
    }

    /// The procedure with this code.
    #[must_use]
    pub fn get(&self, code: &ProcedureId) -> Option<&Procedure> {
        self.all.iter().find(|p| p.code == *code)
    }
}

/// The list that was read last; clones share it.
#[derive(Debug, Clone, Default)]
pub struct ProcedureCache(pub(super) Arc<Mutex<Arc<ProcedureList>>>);

/// The papers that the index has taken over.
#[derive(Default)]
pub(super) struct SearchedPapers {
    /// How many records the cache had.
    pub(super) stored: u64,
    /// The notices.
    pub(super) notices: Things<NoticeId, Notice>,
    /// Those that are not up any more.
    pub(super) ended: Things<NoticeId, EndedNotice>,
    /// Those in the index, each with the version of its notice: its order, how often it was
    /// corrected, whether its time is over.
    pub(super) known: BTreeMap<String, (u64, usize, bool)>,
}

/// The index, and what of the village it has taken over; clones share it.
#[derive(Clone)]
pub struct BoardSearch {
    pub(super) searched: Arc<Mutex<Searched>>,
    /// Turns of those who ask.
    pub(super) turns: FairTurns,
}

/// The index, and the part of the village that is in it.
#[derive(Default)]
pub(super) struct Searched {
    /// The index.
    pub(super) index: SearchIndex,
    /// The notices.
    pub(super) notices: Things<NoticeId, Notice>,
    /// Those that are not up any more.
    pub(super) ended: Things<NoticeId, EndedNotice>,
    /// Texts that are erased: neither they nor their papers are found.
    pub(super) erased: Arc<BTreeSet<BlobId>>,
    /// The entry that gave the procedures.
    pub(super) procedures: u64,
    /// The labels of houses, and the map by which they have addresses.
    pub(super) directory: Arc<Directory>,
    pub(super) map: Weak<VillageMap>,
    /// The official addresses, which never change while the gateway runs, are in it.
    pub(super) has_addresses: bool,
    /// The papers of notices.
    pub(super) papers: SearchedPapers,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_lost_is_read_again_after_a_minute_and_not_for_each_visitor() {
        let lost = ProcedureList {
            order: 7,
            lost_at: Some(MonoMs::new(5_000)),
            ..ProcedureList::default()
        };
        assert!(lost.is_lost());
        assert!(lost.holds_for(7, MonoMs::new(64_999)));
        assert!(!lost.holds_for(7, MonoMs::new(65_000)));
        assert!(!lost.holds_for(8, MonoMs::new(5_000)), "another was given");
        let read = ProcedureList {
            lost_at: None,
            ..lost
        };
        assert!(read.holds_for(7, MonoMs::new(u64::MAX)));
    }
}
