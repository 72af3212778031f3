//! The storm plan, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::storm::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::PlanSet { .. } => Sentence::act(context.lang.t("happened-storm-plan-set")),
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::PlanSet { .. } => Placement::News,
    })
}
