//! Cameras, in words.

use super::SentenceContext;
use crate::domain::camera::Event;
use crate::web::kit::names::name_of;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    match event {
        Event::Declared { camera } => (
            context.lang.f("happened-camera", &[("name", &camera.name)]),
            "",
        ),
        Event::Removed { camera } => (
            context.named("happened-camera-removed", camera.as_str()),
            "",
        ),
        Event::SignalChanged { camera, here: true } => {
            (context.named("happened-picture", camera.as_str()), "")
        }
        Event::SignalChanged {
            camera,
            here: false,
        } => (context.named("happened-no-picture", camera.as_str()), "bad"),
        Event::Viewed { cameras } => {
            let words = match cameras.as_slice() {
                [one] => {
                    let name = name_of(context.state, one.as_str());
                    context.lang.f("happened-seen", &[("name", &name)])
                }
                many => context
                    .lang
                    .f("happened-seen-many", &[("n", &many.len().to_string())]),
            };
            (words, "off")
        }
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Declared { .. } | Event::Removed { .. } | Event::Viewed { .. } => false,
        Event::SignalChanged { .. } => true,
    }
}
