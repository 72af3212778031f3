//! One entry in words: its actor, and what happened, with its status class.
//!
//! Each noun lists its events by name: a new event compiles only when somebody wrote its sentence
//! and decided whether it is news.

mod account;
mod camera;
mod configuration;
mod device;
mod history;
mod light;
mod notice;
mod place;
mod sensor;
mod speaker;
mod token;
mod user;
mod village;

use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::event::Event;
use crate::domain::state::VillageState;
use crate::i18n::locale::{Lang, capital};
use crate::web::kit::app::App;
use crate::web::kit::names::noun_of;

/// Most characters of a text that a sentence quotes.
const MAX_QUOTED_CHARS: usize = 60;

/// What the sentence of an event is made from: the language, and the names as they are now.
struct SentenceContext<'a> {
    app: &'a App,
    lang: Lang,
    state: &'a VillageState,
}

impl SentenceContext<'_> {
    /// The name of a thing with its noun, as it stands within a sentence.
    fn noun(&self, id: &str) -> String {
        noun_of(self.lang, self.state, id)
    }

    /// A sentence about one thing.
    fn named(&self, key: &str, id: &str) -> String {
        capital(&self.lang.f(key, &[("name", &self.noun(id))]))
    }

    /// A sentence that quotes a text.
    fn quoting(&self, key: &str, text: &BlobRef) -> String {
        let quoted = self.app.text_of(self.lang, text, MAX_QUOTED_CHARS);
        self.lang.f(key, &[("text", &quoted)])
    }
}

impl App {
    /// The actor, in words.
    #[must_use]
    pub fn actor_text(&self, lang: Lang, state: &VillageState, actor: &Actor) -> String {
        match actor {
            Actor::System => lang.t("by-house"),
            Actor::Commune => lang.t("by-commune"),
            Actor::LocalAdmin => lang.t("by-console"),
            Actor::Device { .. } => lang.t("by-device"),
            Actor::Program { id } => lang.f("by-program", &[("name", id.as_str())]),
            Actor::User { id } => state
                .users
                .get(id)
                .and_then(|u| self.sessions.person(u))
                .map_or_else(|| id.to_string(), |p| p.name),
        }
    }

    /// The event in words, and its status class.
    #[must_use]
    pub fn event_text(
        &self,
        lang: Lang,
        state: &VillageState,
        event: &Event,
    ) -> (String, &'static str) {
        let context = SentenceContext {
            app: self,
            lang,
            state,
        };
        match event {
            Event::History(e) => history::text(&context, e),
            Event::Village(e) => village::text(&context, e),
            Event::Place(e) => place::text(&context, e),
            Event::Device(e) => device::text(&context, e),
            Event::Account(e) => account::text(&context, e),
            Event::Configuration(e) => configuration::text(&context, e),
            Event::Light(e) => light::text(&context, e),
            Event::Sensor(e) => sensor::text(&context, e),
            Event::Speaker(e) => speaker::text(&context, e),
            Event::Camera(e) => camera::text(&context, e),
            Event::Notice(e) => notice::text(&context, e),
            Event::User(e) => user::text(&context, e),
            Event::Token(e) => token::text(&context, e),
        }
    }
}

/// True for events that people want to see on the home page; setting up is no news.
#[must_use]
pub const fn is_news(event: &Event) -> bool {
    match event {
        Event::History(e) => history::is_news(e),
        Event::Village(e) => village::is_news(e),
        Event::Place(e) => place::is_news(e),
        Event::Device(e) => device::is_news(e),
        Event::Account(e) => account::is_news(e),
        Event::Configuration(e) => configuration::is_news(e),
        Event::Light(e) => light::is_news(e),
        Event::Sensor(e) => sensor::is_news(e),
        Event::Speaker(e) => speaker::is_news(e),
        Event::Camera(e) => camera::is_news(e),
        Event::Notice(e) => notice::is_news(e),
        Event::User(e) => user::is_news(e),
        Event::Token(e) => token::is_news(e),
    }
}
