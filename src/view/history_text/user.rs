//! Users, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::user::Event;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::Put { user } => {
            let name = context.names.person_in(&user.record);
            let name = name.unwrap_or_else(|| user.id.to_string());
            Sentence::act(context.with("happened-user", &name))
        }
        Event::Renamed { user, record } => {
            let name = context.names.person_in(record);
            let name = name.unwrap_or_else(|| user.to_string());
            Sentence::act(context.with("happened-renamed", &name))
        }
        Event::Removed { user } => {
            Sentence::act(context.with("happened-user-gone", user.as_str())).marked("warn")
        }
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Put { .. } | Event::Renamed { .. } | Event::Removed { .. } => Placement::News,
    })
}
