//! Tokens of programs, in words.

use super::SentenceContext;
use crate::domain::token::Event;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    match event {
        Event::Put { token } => {
            let scopes: Vec<&str> = token.scopes.iter().map(|s| s.name()).collect();
            let words = context.lang.f(
                "happened-token",
                &[("name", token.id.as_str()), ("scopes", &scopes.join(", "))],
            );
            (words, "")
        }
        Event::Removed { token } => (
            context
                .lang
                .f("happened-token-gone", &[("name", token.as_str())]),
            "warn",
        ),
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Put { .. } | Event::Removed { .. } => true,
    }
}
