//! The village itself, in words.

use super::SentenceContext;
use crate::domain::village::Event;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    let Event::Declared { .. } = event;
    (context.lang.t("happened-village"), "")
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    let Event::Declared { .. } = event;
    false
}
