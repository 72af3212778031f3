//! Tokens of programs, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::token::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::Put { token } => {
            let scopes: Vec<&str> = token.scopes.iter().map(|s| s.name()).collect();
            Sentence::act(context.lang.f(
                "happened-token",
                &[("name", token.id.as_str()), ("scopes", &scopes.join(", "))],
            ))
        }
        Event::Removed { token } => {
            Sentence::act(context.with("happened-token-gone", token.as_str())).marked("warn")
        }
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Put { .. } | Event::Removed { .. } => Placement::News,
    })
}
