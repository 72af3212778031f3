//! History in rows: a page of entries is read, each with what it led to, and becomes rows.
//!
//! Invariant: what one page costs is bounded, however long history is
//! ([`crate::journal::index::Selected`]). Which entries share a row, and their words, are in
//! [`crate::view::history_rows`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use super::history_names::{HistoryReader, VillageNames};
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::event::{Entry, Event};
use crate::domain::guest;
use crate::domain::id::NoticeId;
use crate::domain::notice;
use crate::domain::state::VillageState;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::journal::StoredEntry;
use crate::journal::index::{EntryQuery, Selected};
use crate::view::history_rows::{HistoryRow, Story, is_effect, row, stories};
use crate::web::kit::app::App;
use crate::web::kit::components::Row;

/// Most taken-down notices whose texts are remembered, so that open pages do not search history
/// each second.
const MAX_CACHED_TITLES: usize = 500;
/// Entries that are read at once at least: most of them may have no row.
const MIN_ENTRIES: usize = 50;
/// Entries about one notice that are searched for its text: it may have been taken down and put up
/// again before.
const MAX_NOTICE_ENTRIES: usize = 20;
/// Most entries that one page of rows is made from.
const MAX_ENTRIES: usize = 1_000;

/// A page of rows.
#[derive(Debug, Default)]
pub(in crate::web) struct HistoryPage {
    /// The rows, newest first.
    pub rows: Vec<HistoryRow>,
    /// Their entries, newest first, and the results of those.
    pub entries: Vec<Arc<StoredEntry>>,
    /// The next page is before this entry; none = there is nothing more.
    pub next: Option<u64>,
}

impl App {
    /// The actor, in words.
    #[must_use]
    pub fn actor_text(&self, lang: Lang, state: &Arc<VillageState>, actor: &Actor) -> String {
        let reader = HistoryReader {
            lang,
            shows_drafts: false,
        };
        VillageNames::new(self, reader, state.clone())
            .context()
            .actor(actor)
    }

    /// A page of the rows of entries that are asked for and that `keep` accepts, before the entry
    /// `before`: about `count` rows. None = the index could not be read, which is not “nothing
    /// happened”.
    pub(in crate::web) async fn history_page(
        &self,
        reader: HistoryReader,
        query: &EntryQuery,
        keep: fn(&Entry) -> bool,
        before: u64,
        count: usize,
    ) -> Option<HistoryPage> {
        let (mut entries, mut at, mut read) = (Vec::new(), before, 0);
        let next = loop {
            let page = self
                .select(query.clone(), at, count.max(MIN_ENTRIES))
                .await?;
            read += page.entries.len();
            entries.extend(page.entries.into_iter().filter(|s| keep(&s.entry)));
            let own: Vec<&Entry> = entries
                .iter()
                .map(|s| &s.entry)
                .filter(|e| !is_effect(e))
                .collect();
            match page.next {
                Some(next) if stories(&own, &[]).len() < count && read < MAX_ENTRIES => at = next,
                next => break next,
            }
        };
        let effects = self.effects_of(&entries).await;
        let rows = self
            .rows_of(reader, &entries, &effects, |cause| {
                query.takes(cause) && keep(cause)
            })
            .await;
        let known: BTreeSet<u64> = entries.iter().map(|s| s.entry.seq).collect();
        entries.extend(
            effects
                .into_iter()
                .filter(|s| !known.contains(&s.entry.seq)),
        );
        entries.sort_by_key(|s| std::cmp::Reverse(s.entry.seq));
        Some(HistoryPage {
            rows,
            entries,
            next,
        })
    }

    async fn select(&self, query: EntryQuery, before: u64, limit: usize) -> Option<Selected> {
        let (index, history) = (self.index.clone(), self.journal.history());
        let page =
            tokio::task::spawn_blocking(move || index.select(&history, &query, before, limit));
        match page.await {
            Ok(Ok(page)) => Some(page),
            Ok(Err(cause)) => {
                tracing::warn!(%cause, "index query failed");
                None
            }
            Err(_) => None,
        }
    }

    /// Entries (newest first) as rows, with their results, of which `effects` has those that are
    /// not among them. A result whose cause is not among them is left out when the cause
    /// `is_listed` elsewhere.
    pub(in crate::web) async fn rows_of(
        &self,
        reader: HistoryReader,
        entries: &[Arc<StoredEntry>],
        effects: &[Arc<StoredEntry>],
        is_listed: impl Fn(&Entry) -> bool,
    ) -> Vec<HistoryRow> {
        let causes = self.causes_of(entries).await;
        let shown: Vec<&Entry> = entries
            .iter()
            .map(|s| &s.entry)
            .filter(|e| {
                !is_effect(e)
                    || !e
                        .cause
                        .and_then(|seq| causes.get(&seq))
                        .is_some_and(|cause| is_listed(&cause.entry))
            })
            .collect();
        let results: Vec<&Entry> = effects.iter().map(|s| &s.entry).collect();
        let stories = stories(&shown, &results);
        let titles = self.taken_down_titles(&stories).await;
        let names = VillageNames::new(self, reader, self.village())
            .with_titles(titles)
            .with_rules(self.rules_before(&stories).await);
        let context = names.context();
        stories
            .iter()
            .map(|story| {
                let cause = story.first().and_then(|e| e.cause);
                let cause = cause.and_then(|seq| {
                    let here = shown.iter().find(|e| e.seq == seq).copied();
                    here.or_else(|| causes.get(&seq).map(|s| &s.entry))
                });
                row(&context, story, cause)
            })
            .collect()
    }

    /// The causes of entries, as far as they are not among them, read from history.
    async fn causes_of(&self, entries: &[Arc<StoredEntry>]) -> BTreeMap<u64, Arc<StoredEntry>> {
        let there: BTreeSet<u64> = entries.iter().map(|s| s.entry.seq).collect();
        let wanted: BTreeSet<u64> = entries
            .iter()
            .filter_map(|s| s.entry.cause)
            .filter(|seq| !there.contains(seq))
            .collect();
        if wanted.is_empty() {
            return BTreeMap::new();
        }
        let history = self.journal.history();
        tokio::task::spawn_blocking(move || {
            wanted
                .into_iter()
                .filter_map(|seq| Some((seq, history.get(seq)?)))
                .collect()
        })
        .await
        .unwrap_or_default()
    }

    /// The entries that these caused. When the index cannot be read, the rows stand without them.
    async fn effects_of(&self, entries: &[Arc<StoredEntry>]) -> Vec<Arc<StoredEntry>> {
        let causes: BTreeSet<u64> = entries.iter().map(|s| s.entry.seq).collect();
        let (index, history) = (self.index.clone(), self.journal.history());
        match tokio::task::spawn_blocking(move || index.effects(&history, &causes)).await {
            Ok(Ok(found)) => found,
            Ok(Err(cause)) => {
                tracing::warn!(%cause, "index query failed");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    /// A row as HTML.
    pub(super) fn history_row_html(&self, lang: Lang, row: HistoryRow) -> String {
        let now = self.supervisor.clock().wall_ms();
        Row {
            id: format!("e{}", row.seq),
            status_class: row.mark,
            name: row.what,
            words: row.detail,
            side: dates::since(now, row.at),
            parts: row
                .parts
                .into_iter()
                .map(|part| match part.at {
                    Some(at) => format!("{} · {}", part.words, dates::clock(at)),
                    None => part.words,
                })
                .collect(),
            parts_label: lang.t("history-parts"),
            ..Row::default()
        }
        .html()
    }

    /// The texts of the notices that these rows say were taken down or put up again, as they were
    /// published.
    async fn taken_down_titles(&self, stories: &[Story<'_>]) -> BTreeMap<NoticeId, BlobRef> {
        let mut titles = BTreeMap::new();
        for entry in stories.iter().filter_map(Story::first) {
            if let Event::Notice(
                notice::Event::TakenDown { id }
                | notice::Event::Restored { id }
                | notice::Event::DraftRemoved { id }
                | notice::Event::Expired { id },
            ) = &entry.event
                && let Some(text) = self.text_before(id.as_str(), entry.seq).await
            {
                titles.insert(id.clone(), text);
            }
        }
        titles
    }

    /// The rules of the free wifi before each of these rows set others.
    async fn rules_before(&self, stories: &[Story<'_>]) -> BTreeMap<u64, Arc<guest::Event>> {
        let mut rules = BTreeMap::new();
        for entry in stories.iter().filter_map(Story::first) {
            if matches!(&entry.event, Event::Guest(guest::Event::RulesSet { .. })) {
                self.find_guest_before_entry(entry).await;
                let before = self.guest_before(entry.seq);
                rules.extend(before.map(|before| (entry.seq, before)));
            }
        }
        rules
    }

    /// The text of a notice as it was published before the entry `seq`.
    async fn text_before(&self, notice: &str, seq: u64) -> Option<BlobRef> {
        let known = self
            .taken_down_titles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&seq)
            .cloned();
        if let Some(text) = known {
            return text;
        }
        // A query that failed is not remembered as “no text”.
        let entries = self.about(notice, seq, MAX_NOTICE_ENTRIES).await?;
        let text = entries.iter().find_map(|s| {
            if let Event::Notice(event) = &s.entry.event {
                event.text().cloned()
            } else {
                None
            }
        });
        let mut titles = self
            .taken_down_titles
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if titles.len() >= MAX_CACHED_TITLES {
            titles.pop_first();
        }
        titles.insert(seq, text.clone());
        text
    }
}
