//! Devices, in words.

use super::SentenceContext;
use crate::domain::device::Event;
use crate::domain::id::EntityId;
use crate::i18n::locale::capital;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    match event {
        Event::Declared { device } => (
            context.lang.f("happened-device", &[("name", &device.name)]),
            "",
        ),
        Event::EntitiesAdopted { device, .. } => {
            (context.named("happened-adopted", device.as_str()), "")
        }
        Event::EntitiesWithdrawn { device, entities } => (
            capital(&context.lang.f(
                "happened-withdrawn",
                &[
                    ("name", &context.noun(device.as_str())),
                    ("things", &object_names(entities)),
                ],
            )),
            "off",
        ),
        Event::PresenceChanged { device, here: true } => {
            (context.named("happened-here", device.as_str()), "")
        }
        Event::PresenceChanged {
            device,
            here: false,
        } => (context.named("happened-gone", device.as_str()), "bad"),
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Declared { .. } | Event::EntitiesAdopted { .. } => false,
        Event::EntitiesWithdrawn { .. } | Event::PresenceChanged { .. } => true,
    }
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
