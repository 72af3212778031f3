//! Entries in words: who did it, what happened, and what came of it.
//!
//! Pages, the technician's commands and the commune's console show these sentences. Invariant: each
//! noun lists its events by name in two matches, one for the sentence and one for how the event
//! stands among rows. A new event compiles only when somebody wrote both. Names and texts come in
//! ([`HistoryNames`]): the village reads them from its state and files, the commune from its store.

mod account;
mod camera;
mod configuration;
mod device;
mod directory;
mod guest;
mod history;
mod light;
mod network;
mod notice;
mod place;
#[cfg(test)]
pub(crate) mod played_names;
mod procedure;
mod sensor;
mod speaker;
mod storm;
mod token;
mod user;
mod village;

pub use self::speaker::trouble_text;
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::event::{Entry, Event};
use crate::domain::guest::WifiRules;
use crate::domain::id::{HouseId, NoticeId, UserId};
use crate::domain::state::VillageState;
use crate::i18n::locale::{Lang, capital, noun};
use crate::i18n::verbatim::bare;
use crate::time::WallMs;

/// Names that a sentence lists before it only counts the others.
const MAX_LISTED_NAMES: usize = 3;
/// The longest delay between an order and its result that is told, ms: a longer one is a clock that
/// was set.
const MAX_DELAY_MS: i64 = 600_000;

/// Where sentences find names and texts.
pub trait HistoryNames {
    /// The village as it is now; none = only its entries are known.
    fn state(&self) -> Option<&VillageState>;
    /// The name of a thing or a light group; its id when it has no name.
    fn name(&self, id: &str) -> String;
    /// A name that an entry tells, as the reader is shown names.
    fn given(&self, name: String) -> String {
        name
    }
    /// The name with its noun, as it stands within a sentence.
    fn noun(&self, lang: Lang, id: &str) -> String;
    /// Where a house is; its id when no map tells.
    fn house(&self, _: Lang, house: &HouseId) -> String {
        house.to_string()
    }
    /// The beginning of a text that people typed.
    fn text(&self, lang: Lang, text: &BlobRef) -> String;
    /// Whether the reader may see what drafts say.
    fn shows_drafts(&self) -> bool {
        true
    }
    /// The title of a notice that was taken down; none = it is not known.
    fn notice_title(&self, lang: Lang, notice: &NoticeId) -> Option<String>;
    /// The name of a person.
    fn person(&self, lang: Lang, user: &UserId) -> String;
    /// The name in a person's record; none = it cannot be read.
    fn person_in(&self, record: &BlobRef) -> Option<String>;
    /// The rules of the free wifi that held before the entry `seq` set others; none = nobody had
    /// set any, or they are not known.
    fn rules_before(&self, _seq: u64) -> Option<&WifiRules> {
        None
    }
}

/// One sentence of history: what happened, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The words, with a capital at the beginning.
    pub words: String,
    /// The mark: `""` well, `off`, `warn`, `bad`.
    pub mark: &'static str,
    /// It tells what an actor did: the actor's name may stand before it.
    is_act: bool,
}

impl Sentence {
    /// A sentence about what an actor did.
    fn act(words: String) -> Self {
        Self {
            words: if bare(&words).starts_with(char::is_lowercase) {
                capital(&words)
            } else {
                words
            },
            mark: "",
            is_act: true,
        }
    }

    /// A sentence about what happened by itself.
    fn happened(words: String) -> Self {
        Self {
            is_act: false,
            ..Self::act(words)
        }
    }

    fn marked(self, mark: &'static str) -> Self {
        Self { mark, ..self }
    }
}

/// The results of an act, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowResult {
    /// In words.
    pub words: String,
    /// The mark of the whole row; none = that of the sentence.
    pub mark: Option<&'static str>,
    /// The results one by one, oldest first; empty = the words say everything.
    pub parts: Vec<ResultPart>,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultPart {
    /// Wall ms; none = it has no time of its own.
    pub at: Option<WallMs>,
    /// In words.
    pub words: String,
}

/// How an event stands among rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// It is history, but no news: setting up, looking, signing in.
    Routine,
    /// People want to see it on the home page.
    News,
    /// The result of another entry: it is shown in that entry's row. One without a cause is news.
    Effect,
}

/// Entries that share a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The same for all of them; their actor is the same, too.
    pub key: String,
    /// The longest time between two of them, ms.
    pub within_ms: i64,
    /// Fewer than this have a row each.
    pub least: usize,
}

/// How an event stands among rows, and with which others it shares one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRule {
    /// Its placement.
    pub placement: Placement,
    /// The others; none = it has a row to itself.
    pub fold: Option<Fold>,
}

impl RowRule {
    const fn of(placement: Placement) -> Self {
        Self {
            placement,
            fold: None,
        }
    }

    fn folded(self, key: String, within_ms: i64, least: usize) -> Self {
        Self {
            fold: Some(Fold {
                key,
                within_ms,
                least,
            }),
            ..self
        }
    }
}

/// The language and the names that sentences are made from.
#[derive(Clone, Copy)]
pub struct SentenceContext<'a> {
    /// The reader's language.
    pub lang: Lang,
    /// The names.
    pub names: &'a dyn HistoryNames,
}

impl SentenceContext<'_> {
    fn noun(&self, id: &str) -> String {
        self.names.noun(self.lang, id)
    }

    fn light(&self, id: &str) -> String {
        noun(self.lang, "a-light", &self.names.name(id))
    }

    fn speaker(&self, id: &str) -> String {
        noun(self.lang, "a-speaker", &self.names.name(id))
    }

    /// A sentence about one name.
    fn with(&self, key: &str, name: &str) -> String {
        self.lang.f(key, &[("name", name)])
    }

    /// A sentence about a name that the entry itself tells.
    fn with_given(&self, key: &str, name: &str) -> String {
        self.with(key, &self.names.given(name.to_owned()))
    }

    /// A sentence that quotes a text.
    fn quoting(&self, key: &str, text: &BlobRef) -> String {
        let quoted = self.names.text(self.lang, text);
        self.lang.f(key, &[("text", &quoted)])
    }

    /// The first names, and how many more there are.
    fn listed(&self, names: &[String]) -> String {
        let shown = names.len().min(MAX_LISTED_NAMES);
        // “And 1 more” is as long as the name.
        let shown = if names.len() == shown + 1 {
            names.len()
        } else {
            shown
        };
        let first = names[..shown].join(", ");
        match names.len() - shown {
            0 => first,
            more => self.lang.f(
                "names-and-more",
                &[("names", &first), ("n", &more.to_string())],
            ),
        }
    }

    /// The actor as the subject of a sentence; none = the gateway or a device.
    #[must_use]
    pub fn subject(&self, actor: &Actor) -> Option<String> {
        match actor {
            Actor::System | Actor::Device { .. } => None,
            Actor::Commune => Some(self.lang.t("actor-commune")),
            Actor::LocalAdmin => Some(self.lang.t("actor-console")),
            Actor::Program { id } => Some(self.with("actor-program", id.as_str())),
            Actor::User { id } => Some(self.names.person(self.lang, id)),
        }
    }

    /// The actor, in words that stand by themselves.
    #[must_use]
    pub fn actor(&self, actor: &Actor) -> String {
        match actor {
            Actor::System => self.lang.t("by-house"),
            Actor::Commune => self.lang.t("by-commune"),
            Actor::LocalAdmin => self.lang.t("by-console"),
            Actor::Device { .. } => self.lang.t("by-device"),
            Actor::Program { id } => self.with("by-program", id.as_str()),
            Actor::User { id } => self.names.person(self.lang, id),
        }
    }

    /// A sentence with the actor as its subject, when it tells an act of somebody; whether it names
    /// the actor.
    #[must_use]
    pub fn with_subject(&self, sentence: &Sentence, actor: &Actor) -> (String, bool) {
        match self.subject(actor).filter(|_| sentence.is_act) {
            Some(subject) => (format!("{subject} {}", uncapital(&sentence.words)), true),
            None => (sentence.words.clone(), false),
        }
    }

    /// An entry as one sentence, with its actor when it is an act of somebody.
    #[must_use]
    pub fn entry(&self, entry: &Entry) -> String {
        self.with_subject(&self.event(entry), &entry.actor).0
    }

    /// The event of an entry in words.
    #[must_use]
    pub fn event(&self, entry: &Entry) -> Sentence {
        match &entry.event {
            Event::History(e) => history::sentence(self, e),
            Event::Village(e) => village::sentence(self, e),
            Event::Place(e) => place::sentence(self, e),
            Event::Device(e) => device::sentence(self, e),
            Event::Account(e) => account::sentence(self, e),
            Event::Configuration(e) => configuration::sentence(self, e),
            Event::Light(e) => light::sentence(self, e),
            Event::Sensor(e) => sensor::sentence(self, e),
            Event::Speaker(e) => speaker::sentence(self, e),
            Event::Camera(e) => camera::sentence(self, e),
            Event::Notice(e) => notice::sentence(self, e),
            Event::User(e) => user::sentence(self, e),
            Event::Token(e) => token::sentence(self, e),
            Event::Guest(e) => guest::sentence(self, entry.seq, e),
            Event::Network(e) => network::sentence(self, e),
            Event::Directory(e) => directory::sentence(self, e),
            Event::Procedure(e) => procedure::sentence(self, e),
            Event::Storm(e) => storm::sentence(self, e),
        }
    }

    /// Several entries of one fold in one sentence; the newest comes first. None = the oldest
    /// stands for all.
    pub(super) fn folded(&self, entries: &[&Entry]) -> Option<Sentence> {
        let newest = entries.first().filter(|_| entries.len() > 1)?;
        match &newest.event {
            Event::Device(e) => device::folded(self, e, entries.len()),
            Event::Sensor(e) => sensor::folded(self, e, entries),
            Event::Camera(e) => camera::folded(self, e, entries),
            Event::User(e) => user::folded(self, e, entries),
            Event::Guest(e) => guest::folded(self, e, entries.len()),
            Event::History(_)
            | Event::Village(_)
            | Event::Place(_)
            | Event::Account(_)
            | Event::Configuration(_)
            | Event::Light(_)
            | Event::Speaker(_)
            | Event::Notice(_)
            | Event::Token(_)
            | Event::Network(_)
            | Event::Directory(_)
            | Event::Procedure(_)
            | Event::Storm(_) => None,
        }
    }

    /// The result of the entries of one row; `effects` are oldest first. None = there is nothing to
    /// tell.
    pub(super) fn result(&self, entries: &[&Entry], effects: &[&Entry]) -> Option<RowResult> {
        match &entries.first()?.event {
            Event::Light(_) => light::result(self, entries, effects),
            Event::Speaker(e) => speaker::result(self, e, effects),
            Event::Camera(_) => camera::result(self, entries),
            Event::History(_)
            | Event::Village(_)
            | Event::Place(_)
            | Event::Device(_)
            | Event::Account(_)
            | Event::Configuration(_)
            | Event::Sensor(_)
            | Event::Notice(_)
            | Event::User(_)
            | Event::Token(_)
            | Event::Guest(_)
            | Event::Network(_)
            | Event::Directory(_)
            | Event::Procedure(_)
            | Event::Storm(_) => None,
        }
    }
}

/// How an event stands among rows.
#[must_use]
pub fn row_rule(event: &Event) -> RowRule {
    match event {
        Event::History(e) => history::row_rule(e),
        Event::Village(e) => village::row_rule(e),
        Event::Place(e) => place::row_rule(e),
        Event::Device(e) => device::row_rule(e),
        Event::Account(e) => account::row_rule(e),
        Event::Configuration(e) => configuration::row_rule(e),
        Event::Light(e) => light::row_rule(e),
        Event::Sensor(e) => sensor::row_rule(e),
        Event::Speaker(e) => speaker::row_rule(e),
        Event::Camera(e) => camera::row_rule(e),
        Event::Notice(e) => notice::row_rule(e),
        Event::User(e) => user::row_rule(e),
        Event::Token(e) => token::row_rule(e),
        Event::Guest(e) => guest::row_rule(e),
        Event::Network(e) => network::row_rule(e),
        Event::Directory(e) => directory::row_rule(e),
        Event::Procedure(e) => procedure::row_rule(e),
        Event::Storm(e) => storm::row_rule(e),
    }
}

/// The sentence with a small letter at its beginning, to stand behind its subject.
#[must_use]
pub fn uncapital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters
        .next()
        .map_or_else(String::new, |c| c.to_lowercase().chain(letters).collect())
}

/// Seconds between an order and its result; none = the clock was set in between.
fn delay_s(order: &Entry, result: &Entry) -> Option<i64> {
    let ms = result.wall_ms.since(order.wall_ms);
    (0..MAX_DELAY_MS)
        .contains(&ms)
        .then_some(((ms + 999) / 1000).max(1))
}
