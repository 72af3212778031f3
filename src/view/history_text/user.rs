//! Users and their sign-ins, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::event::{self, Entry};
use crate::domain::id::UserId;
use crate::domain::user::Event;

/// Sign-ins of one person with less time between them share a row, ms.
const SIGN_INS_WITHIN_MS: i64 = 3_600_000;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let lang = context.lang;
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
        Event::SignedIn { is_known_phone, .. } => Sentence::act(lang.t(if *is_known_phone {
            "happened-signed-in"
        } else {
            "happened-signed-in-new"
        })),
        Event::SignedOut { .. } => Sentence::act(lang.t("happened-signed-out")),
        Event::PhonesSignedOut { phones, .. } => {
            Sentence::act(lang.f("happened-phones-out", &[("n", *phones)])).marked("warn")
        }
        Event::WrongPinsTried {
            user,
            count,
            is_locked,
        } => wrong_pins(context, user, *count, *is_locked),
    }
}

/// How it stands among rows.
pub(super) fn row_rule(event: &Event) -> RowRule {
    match event {
        Event::Put { .. }
        | Event::Renamed { .. }
        | Event::Removed { .. }
        | Event::PhonesSignedOut { .. } => RowRule::of(Placement::News),
        Event::SignedIn {
            user,
            is_known_phone: true,
        } => RowRule::of(Placement::Routine).folded(
            format!("signed in {user}"),
            SIGN_INS_WITHIN_MS,
            2,
        ),
        // A phone that was never signed in before has a row to itself.
        Event::SignedIn {
            is_known_phone: false,
            ..
        }
        | Event::SignedOut { .. } => RowRule::of(Placement::Routine),
        Event::WrongPinsTried { user, .. } => {
            RowRule::of(Placement::News).folded(format!("wrong pins {user}"), SIGN_INS_WITHIN_MS, 2)
        }
    }
}

/// Several entries in one sentence; `newest` is the first of them.
pub(super) fn folded(
    context: &SentenceContext<'_>,
    newest: &Event,
    entries: &[&Entry],
) -> Option<Sentence> {
    match newest {
        Event::SignedIn { .. } => Some(Sentence::act(
            context
                .lang
                .f("happened-signed-in-n", &[("n", entries.len())]),
        )),
        Event::WrongPinsTried { user, .. } => {
            let (mut all, mut was_locked) = (0_u64, false);
            for entry in entries {
                if let event::Event::User(Event::WrongPinsTried {
                    count, is_locked, ..
                }) = &entry.event
                {
                    all = all.saturating_add(*count);
                    was_locked |= *is_locked;
                }
            }
            Some(wrong_pins(context, user, all, was_locked))
        }
        Event::Put { .. }
        | Event::Renamed { .. }
        | Event::Removed { .. }
        | Event::SignedOut { .. }
        | Event::PhonesSignedOut { .. } => None,
    }
}

/// Wrong PINs for a person.
fn wrong_pins(
    context: &SentenceContext<'_>,
    user: &UserId,
    count: u64,
    is_locked: bool,
) -> Sentence {
    let key = if is_locked {
        "happened-pins-locked"
    } else {
        "happened-pins-wrong"
    };
    let words = context.lang.f(
        key,
        &[
            ("name", &context.names.person(context.lang, user)),
            ("n", &count.to_string()),
        ],
    );
    Sentence::happened(words).marked("warn")
}
