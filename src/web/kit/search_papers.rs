//! Papers in the search index: what was read of the papers of notices that visitors may read.
//!
//! A paper is read some time after its notice is published. So this looks again when the cache of
//! papers has more, and when notices change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::app::App;
use super::board_cache::Searched;
use crate::domain::id::NoticeId;
use crate::domain::notice::{AttachmentKind, Notice, NoticeWords};
use crate::view::search::{SearchKind, SearchText};

/// The id of a paper in the index.
#[must_use]
pub fn paper_id(notice: &NoticeId, sha256: &str) -> String {
    format!("{notice}/{sha256}")
}

impl Searched {
    pub(super) fn take_over_papers(&mut self, app: &App) {
        let (state, stored) = (app.journal.state(), app.papers.stored());
        let seen = &self.papers;
        if seen.stored == stored
            && Arc::ptr_eq(&seen.notices, &state.notices)
            && Arc::ptr_eq(&seen.ended, &state.ended)
            && Arc::ptr_eq(&self.erased, &state.erased)
        {
            return;
        }
        let up = state.notices.values().map(|notice| (&**notice, None));
        let ended = state.ended.values().filter(|ended| ended.is_expired);
        let over = ended.map(|ended| (&ended.notice, Some(ended.at)));
        let mut shown = BTreeMap::new();
        let is_erased = |notice: &Notice| state.erased.contains(&notice.text.id);
        for (notice, over) in up.chain(over).filter(|(notice, _)| !is_erased(notice)) {
            for (place, paper) in notice.details.attachments.iter().enumerate() {
                if paper.kind != AttachmentKind::Picture {
                    let id = paper_id(&notice.id, &paper.sha256);
                    shown.insert(id, (notice, place, over));
                }
            }
        }
        let known = std::mem::take(&mut self.papers.known);
        for id in known.keys().filter(|id| !shown.contains_key(*id)) {
            self.index.remove(SearchKind::Paper, id);
        }
        for (id, (notice, place, over)) in shown {
            let version = (notice.order, notice.versions.len(), over.is_some());
            let is_known = known.get(&id) == Some(&version);
            if !is_known {
                let paper = &notice.details.attachments[place];
                let record = app
                    .papers
                    .has_record(paper)
                    .then(|| app.papers.record(paper));
                let Some(record) = record.flatten() else {
                    self.index.remove(SearchKind::Paper, &id);
                    continue;
                };
                let words = app.files.text(&notice.text).ok();
                let words = words.map(|text| NoticeWords::decode(&text));
                let name = words.and_then(|mut words| {
                    (place < words.files.len()).then(|| words.files.swap_remove(place))
                });
                let text = SearchText {
                    title: name.unwrap_or_default(),
                    body: record.whole_text(),
                    at: notice.at,
                    until: over.or(notice.details.until),
                };
                self.index.put(SearchKind::Paper, &id, &text);
            }
            self.papers.known.insert(id, version);
        }
        self.papers.stored = stored;
        (self.papers.notices, self.papers.ended) = (state.notices.clone(), state.ended.clone());
    }
}
