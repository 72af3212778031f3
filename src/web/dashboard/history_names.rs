//! Names and texts for the sentences of history, as the village has them now.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::blob::BlobRef;
use crate::domain::guest::{self, WifiRules};
use crate::domain::id::{HouseId, NoticeId, UserId};
use crate::domain::state::VillageState;
use crate::i18n::locale::Lang;
use crate::view::directory_text::address;
use crate::view::history_text::{HistoryNames, SentenceContext};
use crate::view::status_text::uncapital;
use crate::web::kit::app::App;
use crate::web::kit::names::{name_of, noun_of};

/// Most characters of a text that a sentence quotes.
const MAX_QUOTED_CHARS: usize = 60;

/// The reader of history.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct HistoryReader {
    /// The language.
    pub lang: Lang,
    /// The reader may see what drafts say.
    pub shows_drafts: bool,
}

/// The village's names and texts at one moment.
pub(in crate::web) struct VillageNames {
    app: App,
    state: Arc<VillageState>,
    /// Texts of notices that were taken down.
    titles: BTreeMap<NoticeId, BlobRef>,
    /// The settings of the wifi's rules before those of an entry.
    rules: BTreeMap<u64, Arc<guest::Event>>,
    /// The reader of the page that shows them.
    reader: HistoryReader,
}

impl VillageNames {
    /// The names of now, as a page for this reader shows them.
    pub(super) fn new(app: &App, reader: HistoryReader, state: Arc<VillageState>) -> Self {
        Self {
            app: app.clone(),
            state,
            titles: BTreeMap::new(),
            rules: BTreeMap::new(),
            reader,
        }
    }

    /// The same with the texts of notices that were taken down.
    pub(super) fn with_titles(self, titles: BTreeMap<NoticeId, BlobRef>) -> Self {
        Self { titles, ..self }
    }

    /// The same with the rules of the wifi before those that entries set.
    pub(super) fn with_rules(self, rules: BTreeMap<u64, Arc<guest::Event>>) -> Self {
        Self { rules, ..self }
    }

    /// The language and these names, from which sentences are made.
    pub(super) fn context(&self) -> SentenceContext<'_> {
        SentenceContext {
            lang: self.reader.lang,
            names: self,
        }
    }
}

impl HistoryNames for VillageNames {
    fn state(&self) -> Option<&VillageState> {
        Some(&self.state)
    }

    fn name(&self, id: &str) -> String {
        let group = self.state.groups.iter().find(|(k, _)| k.as_str() == id);
        let name = group.map_or_else(|| name_of(&self.state, id), |(_, g)| g.name.clone());
        self.given(name)
    }

    fn noun(&self, lang: Lang, id: &str) -> String {
        noun_of(lang, &self.state, id, &self.given(name_of(&self.state, id)))
    }

    fn house(&self, lang: Lang, house: &HouseId) -> String {
        let map = self.app.live.directory.get();
        let known = map.and_then(|map| Some(address(lang, &map, map.house_index(house)?)));
        known.map_or_else(|| house.to_string(), |address| uncapital(&address))
    }

    fn given(&self, name: String) -> String {
        self.reader.lang.verbatim(&name)
    }

    fn shows_drafts(&self) -> bool {
        self.reader.shows_drafts
    }

    fn text(&self, lang: Lang, text: &BlobRef) -> String {
        self.app.text_on_page(lang, text, MAX_QUOTED_CHARS)
    }

    fn notice_title(&self, lang: Lang, notice: &NoticeId) -> Option<String> {
        self.titles.get(notice).map(|text| self.text(lang, text))
    }

    fn person(&self, _: Lang, user: &UserId) -> String {
        let person = self.state.users.get(user);
        let person = person.and_then(|u| self.app.sessions.person(u));
        self.given(person.map_or_else(|| user.to_string(), |p| p.name))
    }

    fn person_in(&self, record: &BlobRef) -> Option<String> {
        let person = self.app.sessions.person_in(record)?;
        Some(self.given(person.name))
    }

    fn rules_before(&self, seq: u64) -> Option<&WifiRules> {
        match self.rules.get(&seq).map(|event| &**event) {
            Some(guest::Event::RulesSet { rules }) => Some(rules),
            _ => None,
        }
    }
}
