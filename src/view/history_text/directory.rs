//! Roads and houses, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::directory::Event;
use crate::i18n::locale::Arg;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let lang = context.lang;
    match event {
        Event::Replaced { roads, houses, .. } => Sentence::act(lang.f(
            "happened-map",
            &[("roads", Arg::from(*roads)), ("houses", Arg::from(*houses))],
        )),
        Event::Labelled { label } => {
            let house = context.names.house(lang, &label.house);
            Sentence::act(context.with("happened-house-label", &house))
        }
        Event::LabelWithdrawn { house } => {
            let house = context.names.house(lang, house);
            Sentence::act(context.with("happened-house-label-gone", &house)).marked("off")
        }
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Replaced { .. } | Event::Labelled { .. } | Event::LabelWithdrawn { .. } => {
            Placement::Routine
        }
    })
}
