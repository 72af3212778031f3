//! The things of the configuration, in words.

use super::SentenceContext;
use crate::domain::configuration::Event;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    let lang = context.lang;
    match event {
        Event::ThingsNamed { things } => (
            lang.f("happened-configured", &[("n", &things.len().to_string())]),
            "",
        ),
        Event::ThingPutAway { thing } => {
            (lang.f("happened-put-away", &[("name", thing.id())]), "off")
        }
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::ThingsNamed { .. } => false,
        Event::ThingPutAway { .. } => true,
    }
}
