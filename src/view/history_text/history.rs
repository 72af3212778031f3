//! History itself, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::history::Event;
use crate::i18n::data_loss;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let lang = context.lang;
    match event {
        Event::Booted { boot, .. } => {
            Sentence::happened(lang.f("happened-booted", &[("n", &boot.to_string())]))
        }
        Event::ClockKnown { .. } => Sentence::happened(lang.t("happened-clock")),
        Event::Trimmed { from, to } => Sentence::happened(lang.f(
            "happened-trimmed",
            &[("from", &from.to_string()), ("to", &to.to_string())],
        ))
        .marked("off"),
        Event::Damaged { from, to, lost, .. } => {
            Sentence::happened(data_loss::history_loss_text(lang, *from, *to, *lost)).marked("bad")
        }
        Event::Erased { .. } => Sentence::act(lang.t("happened-erased")),
        Event::CommandRefused { .. } => {
            Sentence::happened(lang.t("happened-refused")).marked("warn")
        }
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Booted { .. }
        | Event::ClockKnown { .. }
        | Event::Trimmed { .. }
        | Event::Damaged { .. }
        | Event::Erased { .. }
        | Event::CommandRefused { .. } => Placement::News,
    })
}
