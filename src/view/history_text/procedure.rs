//! The list of procedures, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::procedure::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let Event::Replaced { count, .. } = event;
    let told = [("n", u64::from(*count))];
    Sentence::act(context.lang.f("happened-procedures-replaced", &told))
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Replaced { .. } => Placement::News,
    })
}
