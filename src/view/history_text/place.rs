//! Places, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::place::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let Event::Declared { place } = event;
    Sentence::act(context.with_given("happened-place", &place.name))
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    let Event::Declared { .. } = event;
    RowRule::of(Placement::Routine)
}
