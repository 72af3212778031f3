//! The networks that the box serves, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::network::{Event, Reservation};

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let words = |key: &str, reservation: &Reservation| {
        let name = context.names.given(reservation.name.clone());
        let address = reservation.v4.to_string();
        let told = [("name", &name), ("address", &address)];
        Sentence::act(context.lang.f(key, &told))
    };
    match event {
        Event::AddressReserved { reservation } => words("happened-address-reserved", reservation),
        Event::AddressReleased { reservation } => words("happened-address-released", reservation),
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::AddressReserved { .. } | Event::AddressReleased { .. } => Placement::Routine,
    })
}
