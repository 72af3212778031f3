//! Devices, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::device::Event;
use crate::domain::id::EntityId;

/// A bridge sends a discovery message for each of its sensors, ms.
const ADOPTED_WITHIN_MS: i64 = 60_000;
/// A device on a bad link goes offline and online all day, ms.
const FLAPS_WITHIN_MS: i64 = 1_800_000;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::Declared { device } => {
            Sentence::act(context.with_given("happened-device", &device.name))
        }
        Event::EntitiesAdopted { device, .. } => {
            Sentence::happened(context.with("happened-adopted", &context.noun(device.as_str())))
        }
        Event::EntitiesWithdrawn { device, entities } => Sentence::happened(context.lang.f(
            "happened-withdrawn",
            &[
                ("name", &context.noun(device.as_str())),
                ("things", &object_names(entities)),
            ],
        ))
        .marked("off"),
        Event::PresenceChanged { device, here: true } => {
            Sentence::happened(context.with("happened-here", &context.noun(device.as_str())))
        }
        Event::PresenceChanged {
            device,
            here: false,
        } => Sentence::happened(context.with("happened-gone", &context.noun(device.as_str())))
            .marked("bad"),
    }
}

/// How it stands among rows.
pub(super) fn row_rule(event: &Event) -> RowRule {
    match event {
        Event::Declared { .. } => RowRule::of(Placement::Routine),
        Event::EntitiesAdopted { device, .. } => RowRule::of(Placement::Routine).folded(
            format!("adopted {device}"),
            ADOPTED_WITHIN_MS,
            2,
        ),
        Event::EntitiesWithdrawn { .. } => RowRule::of(Placement::News),
        Event::PresenceChanged { device, .. } => {
            RowRule::of(Placement::News).folded(format!("presence {device}"), FLAPS_WITHIN_MS, 3)
        }
    }
}

/// `n` entries in one sentence; `newest` is the first of them.
pub(super) fn folded(context: &SentenceContext<'_>, newest: &Event, n: usize) -> Option<Sentence> {
    let Event::PresenceChanged { device, here } = newest else {
        return None;
    };
    let key = if *here {
        "happened-flapped-here"
    } else {
        "happened-flapped-gone"
    };
    let words = context.lang.f(
        key,
        &[
            ("name", &context.noun(device.as_str())),
            ("n", &n.to_string()),
        ],
    );
    Some(Sentence::happened(words).marked(if *here { "warn" } else { "bad" }))
}

/// Names of withdrawn entities, as the device calls them in its topics.
fn object_names(entities: &[EntityId]) -> String {
    entities
        .iter()
        .map(|e| {
            e.as_str()
                .split_once('.')
                .map_or(e.as_str(), |(_, object)| object)
        })
        .collect::<Vec<_>>()
        .join(", ")
}
