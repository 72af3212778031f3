//! The search index of this village, kept up with what is published.
//!
//! Invariants: whatever is published when somebody asks is found: the index takes over what changed
//! before it answers. A text whose file cannot be read is not found. A noun that is searched too
//! has a variant of `SearchKind` and a function here that takes over what changed of it; nothing
//! else knows what is searched. At most [`AT_ONCE`] questions hold a thread, of one address one;
//! another waits for its turn without one, in rounds with the other addresses, and gives up after
//! [`PATIENCE`]: the threads are those of sign-ins and files too. An index that a panic left half
//! done is made anew.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::app::App;
use super::board_cache::{BoardSearch, Searched};
use super::house_labels::label_text;
use crate::domain::calendar;
use crate::domain::id::NoticeId;
use crate::domain::notice::{Notice, NoticeWords};
use crate::i18n::locale::Lang;
use crate::supervisor::fair_turns::FairTurns;
use crate::time::WallMs;
use crate::view::directory_text::address;
use crate::view::search::{KindHits, SearchHits, SearchIndex, SearchKind, SearchText};

/// Questions that hold a thread at once: one is answered, and one is ready behind it.
pub const AT_ONCE: usize = 2;
/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// More people search than can be answered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many searches at once")]
pub struct SearchBusy;

impl Default for BoardSearch {
    fn default() -> Self {
        Self {
            searched: Arc::default(),
            turns: FairTurns::new(AT_ONCE),
        }
    }
}

impl BoardSearch {
    fn lock(&self) -> MutexGuard<'_, Searched> {
        self.searched.lock().unwrap_or_else(|poisoned| {
            let mut searched = poisoned.into_inner();
            *searched = Searched::default();
            self.searched.clear_poison();
            searched
        })
    }

    /// Does something on a thread of its own when the turn of this address has come; whoever goes
    /// away meanwhile gives the turn back only when the work has ended.
    ///
    /// # Errors
    /// [`SearchBusy`].
    pub async fn in_turn<T: Send + 'static>(
        &self,
        asker: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SearchBusy> {
        let done = self.turns.run(asker, PATIENCE, work).await;
        done.ok_or(SearchBusy)
    }
}

impl App {
    /// The best `most` published texts for a question. Blocks: what changed is read from files.
    #[must_use]
    pub fn search_blocking(
        &self,
        query: &str,
        only: Option<SearchKind>,
        most: usize,
    ) -> SearchHits {
        self.searched(|index, now| index.find(query, only, now, most))
    }

    /// The best `most` published texts of each kind, the kind of the best first. Blocks likewise.
    #[must_use]
    pub fn search_by_kind_blocking(&self, query: &str, most: usize) -> Vec<KindHits> {
        self.searched(|index, now| index.find_by_kind(query, now, most))
    }

    /// Asks the index, once it has taken over what changed.
    fn searched<T>(&self, ask: impl FnOnce(&SearchIndex, WallMs) -> T) -> T {
        let now = self.supervisor.clock().trusted_ms();
        let mut searched = self.search.lock();
        searched.take_over(self);
        ask(&searched.index, now)
    }

    /// The same off the async threads, in turn with others than this address.
    ///
    /// # Errors
    /// [`SearchBusy`].
    pub async fn search(
        &self,
        asker: IpAddr,
        query: String,
        only: Option<SearchKind>,
        most: usize,
    ) -> Result<SearchHits, SearchBusy> {
        let app = self.clone();
        let work = move || app.search_blocking(&query, only, most);
        self.search.in_turn(asker, work).await
    }

    /// Makes the index ready, so that nobody waits for its first answer.
    pub async fn prepare_search(self) {
        let ourselves = Ipv4Addr::LOCALHOST.into();
        let _ = self.search(ourselves, String::new(), None, 0).await;
    }
}

impl Searched {
    fn take_over(&mut self, app: &App) {
        self.take_over_notices(app);
        self.take_over_procedures(app);
        self.take_over_labels(app);
        self.take_over_addresses(app);
        self.take_over_papers(app);
        self.erased = app.journal.state().erased.clone();
    }

    fn take_over_notices(&mut self, app: &App) {
        let state = app.journal.state();
        let is_erased = |notice: &Notice| state.erased.contains(&notice.text.id);
        if Arc::ptr_eq(&self.notices, &state.notices)
            && Arc::ptr_eq(&self.ended, &state.ended)
            && Arc::ptr_eq(&self.erased, &state.erased)
        {
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
            if is_erased(notice) {
                self.index.remove(SearchKind::Notice, id.as_str());
            } else if !known.is_some_and(|known| Arc::ptr_eq(known, notice)) {
                put(&mut self.index, app, notice, None);
            }
        }
        for (id, ended) in state.ended.iter().filter(|(_, ended)| ended.is_expired) {
            if is_erased(&ended.notice) {
                self.index.remove(SearchKind::Notice, id.as_str());
            } else if !self.ended.get(id).is_some_and(|e| Arc::ptr_eq(e, ended)) {
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
                body: [
                    p.code.as_str(),
                    &p.also_called,
                    &p.papers.join(" "),
                    &p.place,
                ]
                .join(" "),
                at: WallMs::default(),
                until: p.until.map(|day| calendar::day_start(day + 1)),
            };
            self.index
                .put(SearchKind::Procedure, p.code.as_str(), &text);
        }
        if !list.is_lost() {
            self.procedures = order;
        }
    }
}

impl Searched {
    /// Labels of houses that are on the map. Roads, numbers and places need no index: the map finds
    /// them itself (`VillageMap::find`).
    fn take_over_labels(&mut self, app: &App) {
        let (state, map) = (app.journal.state(), app.live.directory.get());
        let is_same_map = match &map {
            Some(map) => std::ptr::eq(self.map.as_ptr(), Arc::as_ptr(map)),
            None => self.map.strong_count() == 0,
        };
        if is_same_map && Arc::ptr_eq(&self.directory, &state.directory) {
            return;
        }
        self.index.remove_all(SearchKind::House);
        for (id, label) in &state.directory.labels {
            let house = map.as_ref().and_then(|map| {
                let house = map.house_index(id).or_else(|| map.house_formerly(id));
                Some((map, house?))
            });
            if let (Some((map, house)), Some(words)) = (house, label_text(app, label)) {
                let text = SearchText {
                    body: [
                        words.lines(Lang::Vi).join(" "),
                        address(Lang::Vi, map, house),
                    ]
                    .join(" "),
                    title: words.trade,
                    at: calendar::day_start(label.given),
                    until: None,
                };
                self.index.put(SearchKind::House, id.as_str(), &text);
            }
        }
        self.map = map.as_ref().map_or_else(Default::default, Arc::downgrade);
        self.directory = state.directory.clone();
    }

    fn take_over_addresses(&mut self, app: &App) {
        if std::mem::replace(&mut self.has_addresses, true) {
            return;
        }
        for (n, official) in app.board.official.iter().enumerate() {
            let host = official.host().unwrap_or_default();
            let phone = official.phone.as_deref().unwrap_or_default();
            let text = SearchText {
                title: official.name.clone(),
                body: [
                    &official.name_en,
                    &official.what,
                    &official.what_en,
                    &host,
                    phone,
                ]
                .join(" "),
                ..SearchText::default()
            };
            self.index.put(SearchKind::Address, &n.to_string(), &text);
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::Semaphore;

    use super::*;

    const OURSELVES: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn slow_searches_take_two_threads_and_no_more() {
        let search = BoardSearch::default();
        let (goes_on, begun) = (Arc::new(Semaphore::new(0)), mpsc::channel());
        let (tell, begun) = begun;
        let mut all = tokio::task::JoinSet::new();
        // More than the pool of the runtime has threads.
        for n in 0_u16..600 {
            let [a, b] = n.to_be_bytes();
            let asker = [10, 77, a, b].into();
            let (search, goes_on, tell) = (search.clone(), goes_on.clone(), tell.clone());
            all.spawn(async move {
                let slow = move || {
                    let _ = tell.send(());
                    while goes_on.available_permits() == 0 {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                };
                search.in_turn(asker, slow).await
            });
        }
        // While they are slow, the others who need a thread have one.
        for _ in 0..AT_ONCE {
            begun.recv_timeout(Duration::from_secs(20)).expect("begins");
        }
        let other = tokio::task::spawn_blocking(|| "a PIN is checked");
        let other = tokio::time::timeout(Duration::from_secs(20), other).await;
        assert!(matches!(other, Ok(Ok("a PIN is checked"))));
        tokio::time::sleep(PATIENCE + Duration::from_millis(500)).await;
        goes_on.add_permits(1);
        let (mut done, mut busy) = (0, 0);
        for one in all.join_all().await {
            match one {
                Ok(()) => done += 1,
                Err(SearchBusy) => busy += 1,
            }
        }
        assert_eq!((done, busy), (AT_ONCE, 600 - AT_ONCE));
        let again = search.in_turn(OURSELVES, || 7).await;
        assert_eq!(again, Ok(7), "and then it goes on");
    }

    #[tokio::test]
    async fn an_index_that_a_panic_left_is_made_anew() {
        let search = BoardSearch::default();
        search.lock().has_addresses = true;
        let broken = search.clone();
        let panics = move || {
            let _held = broken.lock();
            panic!("within the index");
        };
        let failed = search.in_turn::<()>(OURSELVES, panics).await;
        assert_eq!(failed, Err(SearchBusy));
        assert!(search.searched.is_poisoned());
        assert!(!search.lock().has_addresses, "nothing of it is left");
        assert!(!search.searched.is_poisoned());
        assert_eq!(search.turns.free(), AT_ONCE);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_visitor_with_many_questions_keeps_no_other_from_an_answer() {
        let search = BoardSearch::default();
        let (ends, end) = mpsc::channel::<()>();
        let end = Arc::new(std::sync::Mutex::new(end));
        let (tell, begun) = mpsc::channel();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..250 {
            let (search, end, tell) = (search.clone(), end.clone(), tell.clone());
            let slow = move || {
                let _ = tell.send(());
                let _ = end.lock().map(|end| end.recv());
            };
            all.spawn(async move { search.in_turn([10, 77, 0, 7].into(), slow).await });
        }
        begun.recv_timeout(Duration::from_secs(20)).expect("begins");
        // The questions of the one do not end, and others are answered all the same.
        for n in 100..120 {
            let other = search.in_turn([10, 77, 0, n].into(), move || n).await;
            assert_eq!(other, Ok(n));
        }
        assert!(begun.try_recv().is_err(), "he holds one turn and no more");
        drop(ends);
        all.shutdown().await;
    }
}
