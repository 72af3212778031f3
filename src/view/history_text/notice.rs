//! Notices, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::notice::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let lang = context.lang;
    match event {
        Event::Published { text, .. } => Sentence::act(context.quoting("happened-published", text)),
        Event::TakenDown { id } => Sentence::act(context.names.notice_title(lang, id).map_or_else(
            || lang.t("happened-taken-down"),
            |title| lang.f("happened-taken-down-one", &[("text", &title)]),
        ))
        .marked("off"),
        Event::Restored { id } => Sentence::act(context.names.notice_title(lang, id).map_or_else(
            || lang.t("happened-restored"),
            |title| lang.f("happened-restored-one", &[("text", &title)]),
        )),
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Published { .. } | Event::TakenDown { .. } | Event::Restored { .. } => {
            Placement::News
        }
    })
}
