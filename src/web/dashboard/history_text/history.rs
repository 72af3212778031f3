//! History itself, in words.

use super::SentenceContext;
use crate::domain::history::Event;
use crate::i18n::data_loss;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    let lang = context.lang;
    match event {
        Event::Booted { boot, .. } => (lang.f("happened-booted", &[("n", &boot.to_string())]), ""),
        Event::ClockKnown { .. } => (lang.t("happened-clock"), ""),
        Event::Trimmed { from, to } => (
            lang.f(
                "happened-trimmed",
                &[("from", &from.to_string()), ("to", &to.to_string())],
            ),
            "off",
        ),
        Event::Damaged { from, to, lost, .. } => {
            (data_loss::history_loss_text(lang, *from, *to, *lost), "bad")
        }
        Event::Erased { .. } => (lang.t("happened-erased"), ""),
        Event::CommandRefused { .. } => (lang.t("happened-refused"), "warn"),
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Booted { .. }
        | Event::ClockKnown { .. }
        | Event::Trimmed { .. }
        | Event::Damaged { .. }
        | Event::Erased { .. }
        | Event::CommandRefused { .. } => true,
    }
}
