//! The village itself, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::village::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let Event::Declared { .. } = event;
    Sentence::act(context.lang.t("happened-village"))
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    let Event::Declared { .. } = event;
    RowRule::of(Placement::Routine)
}
