//! The search index of this village, kept up with what is published.
//!
//! Invariants: whatever is published when somebody asks is found: the index takes over what changed
//! before it answers. A text whose file cannot be read is not found. A noun that is searched too
//! has a variant of `SearchKind` and a function here that takes over what changed of it; nothing
//! else knows what is searched.

use std::sync::Arc;

use super::app::App;
use super::board_cache::Searched;
use crate::domain::calendar;
use crate::domain::id::NoticeId;
use crate::domain::notice::{Notice, NoticeWords};
use crate::time::WallMs;
use crate::view::search::{SearchHits, SearchIndex, SearchKind, SearchText};

impl App {
    /// The best `most` published texts for a question. Blocks: what changed is read from files.
    #[must_use]
    pub fn search_blocking(
        &self,
        query: &str,
        only: Option<SearchKind>,
        most: usize,
    ) -> SearchHits {
        let now = self.supervisor.clock().trusted_ms();
        let Ok(mut searched) = self.search.0.lock() else {
            return SearchHits::default();
        };
        searched.take_over(self);
        searched.index.find(query, only, now, most)
    }

    /// The same off the async threads.
    pub async fn search(&self, query: String, only: Option<SearchKind>, most: usize) -> SearchHits {
        let app = self.clone();
        tokio::task::spawn_blocking(move || app.search_blocking(&query, only, most))
            .await
            .unwrap_or_default()
    }

    /// Makes the index ready, so that nobody waits for its first answer.
    pub async fn prepare_search(self) {
        let _ = self.search(String::new(), None, 0).await;
    }
}

impl Searched {
    fn take_over(&mut self, app: &App) {
        self.take_over_notices(app);
        self.take_over_procedures(app);
        self.take_over_papers(app);
    }

    fn take_over_notices(&mut self, app: &App) {
        let state = app.journal.state();
        if Arc::ptr_eq(&self.notices, &state.notices) && Arc::ptr_eq(&self.ended, &state.ended) {
            return;
        }
        // A notice that was taken down is found no more; one whose time is over is, and is marked.
        let is_archived = |id: &NoticeId| state.ended.get(id).is_some_and(|e| e.is_expired);
        let known = self.notices.keys().chain(self.ended.keys());
        for id in known.filter(|id| !state.notices.contains_key(*id) && !is_archived(id)) {
            self.index.remove(SearchKind::Notice, id.as_str());
        }
        for (id, notice) in state.notices.iter() {
            let known = self.notices.get(id);
            if !known.is_some_and(|known| Arc::ptr_eq(known, notice)) {
                put(&mut self.index, app, notice, None);
            }
        }
        for (id, ended) in state.ended.iter().filter(|(_, ended)| ended.is_expired) {
            if !self.ended.get(id).is_some_and(|e| Arc::ptr_eq(e, ended)) {
                put(&mut self.index, app, &ended.notice, Some(ended.at));
            }
        }
        (self.notices, self.ended) = (state.notices.clone(), state.ended.clone());
    }

    fn take_over_procedures(&mut self, app: &App) {
        let order = app
            .journal
            .state()
            .procedures
            .as_ref()
            .map_or(0, |p| p.order);
        if order == self.procedures {
            return;
        }
        let list = app.procedures_blocking();
        self.index.remove_all(SearchKind::Procedure);
        for p in &list.all {
            let text = SearchText {
                title: p.name.clone(),
                body: [p.code.as_str(), &p.papers.join(" "), &p.place].join(" "),
                at: WallMs::default(),
                until: p.until.map(|day| calendar::day_start(day + 1)),
            };
            self.index
                .put(SearchKind::Procedure, p.code.as_str(), &text);
        }
        if !list.is_lost {
            self.procedures = order;
        }
    }
}

/// Puts a notice into the index; `ended` = when its time was over.
fn put(index: &mut SearchIndex, app: &App, notice: &Notice, ended: Option<WallMs>) {
    let id = notice.id.as_str();
    match app.files.text(&notice.text) {
        Ok(text) => {
            let words = NoticeWords::decode(&text);
            let parts = [words.body, words.place, words.source, words.files.join(" ")];
            let text = SearchText {
                title: words.title,
                body: parts.join(" "),
                at: notice.at,
                until: ended.or(notice.details.until),
            };
            index.put(SearchKind::Notice, id, &text);
        }
        Err(_) => index.remove(SearchKind::Notice, id),
    }
}
