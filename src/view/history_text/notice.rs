//! Notices, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::id::NoticeId;
use crate::domain::notice::Event;
use crate::i18n::dates;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let lang = context.lang;
    match event {
        Event::Published { text, .. } => Sentence::act(context.quoting("happened-published", text)),
        Event::Corrected { text, .. } => Sentence::act(context.quoting("happened-corrected", text)),
        // Others than chiefs learn it when it is published, or not at all.
        Event::DraftSaved { .. } if !context.names.shows_drafts() => {
            Sentence::act(lang.t("happened-draft-saved-plain"))
        }
        Event::Scheduled { .. } if !context.names.shows_drafts() => {
            Sentence::act(lang.t("happened-scheduled-plain"))
        }
        Event::DraftRemoved { .. } if !context.names.shows_drafts() => {
            Sentence::act(lang.t("happened-draft-removed")).marked("off")
        }
        Event::DraftSaved { text, .. } => {
            Sentence::act(context.quoting("happened-draft-saved", text))
        }
        Event::Scheduled {
            text, publish_at, ..
        } => {
            let text = context.names.text(lang, text);
            let when = dates::moment(lang, *publish_at);
            Sentence::act(lang.f("happened-scheduled", &[("text", &text), ("when", &when)]))
        }
        Event::DraftRemoved { id } => Sentence::act(named(
            context,
            id,
            ("happened-draft-removed", "happened-draft-removed-one"),
        ))
        .marked("off"),
        Event::Expired { id } => Sentence::happened(named(
            context,
            id,
            ("happened-expired", "happened-expired-one"),
        ))
        .marked("off"),
        Event::TakenDown { id } => Sentence::act(named(
            context,
            id,
            ("happened-taken-down", "happened-taken-down-one"),
        ))
        .marked("off"),
        Event::Restored { id } => Sentence::act(named(
            context,
            id,
            ("happened-restored", "happened-restored-one"),
        )),
    }
}

/// A sentence about a notice, by its title where that is known.
fn named(context: &SentenceContext<'_>, id: &NoticeId, (plain, titled): (&str, &str)) -> String {
    context.names.notice_title(context.lang, id).map_or_else(
        || context.lang.t(plain),
        |title| context.lang.f(titled, &[("text", &title)]),
    )
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Published { .. }
        | Event::Corrected { .. }
        | Event::TakenDown { .. }
        | Event::Restored { .. } => Placement::News,
        Event::DraftSaved { .. }
        | Event::Scheduled { .. }
        | Event::DraftRemoved { .. }
        | Event::Expired { .. } => Placement::Routine,
    })
}
