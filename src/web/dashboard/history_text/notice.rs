//! Notices, in words.

use super::SentenceContext;
use crate::domain::notice::Event;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    match event {
        Event::Published { text, .. } => (context.quoting("happened-published", text), ""),
        Event::TakenDown { .. } => (context.lang.t("happened-taken-down"), "off"),
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Published { .. } | Event::TakenDown { .. } => true,
    }
}
