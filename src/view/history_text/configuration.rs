//! The things of the configuration, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::configuration::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::ThingsNamed { things } => Sentence::happened(
            context
                .lang
                .f("happened-configured", &[("n", &things.len().to_string())]),
        ),
        Event::ThingPutAway { thing } => {
            Sentence::happened(context.with("happened-put-away", thing.id())).marked("off")
        }
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::ThingsNamed { .. } => Placement::Routine,
        Event::ThingPutAway { .. } => Placement::News,
    })
}
