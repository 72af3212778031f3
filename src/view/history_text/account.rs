//! Accounts, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::account::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::Granted { account } => {
            let name = context.noun(account.name.as_str());
            Sentence::act(context.with("happened-access", &name))
        }
        Event::Revoked { account } => {
            let name = context.noun(account.as_str());
            Sentence::act(context.with("happened-revoked", &name)).marked("warn")
        }
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Granted { .. } => Placement::Routine,
        Event::Revoked { .. } => Placement::News,
    })
}
