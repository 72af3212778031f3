//! Users, in words.

use super::SentenceContext;
use crate::domain::user::Event;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    let lang = context.lang;
    match event {
        Event::Put { user } => {
            let person = context.app.sessions.person(user);
            let name = person.map_or_else(|| user.id.to_string(), |p| p.name);
            (lang.f("happened-user", &[("name", &name)]), "")
        }
        Event::Renamed { user, record } => {
            let person = context.app.sessions.person_in(record);
            let name = person.map_or_else(|| user.to_string(), |p| p.name);
            (lang.f("happened-renamed", &[("name", &name)]), "")
        }
        Event::Removed { user } => (
            lang.f("happened-user-gone", &[("name", user.as_str())]),
            "warn",
        ),
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Put { .. } | Event::Renamed { .. } | Event::Removed { .. } => true,
    }
}
