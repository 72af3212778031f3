//! Lamps, in words.

use super::SentenceContext;
use crate::domain::light::Event;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    match event {
        Event::GroupDeclared { group } => (
            context.lang.f("happened-group", &[("name", &group.name)]),
            "",
        ),
        Event::Desired {
            on,
            group: Some(group),
            ..
        } => {
            let key = if *on {
                "happened-group-on"
            } else {
                "happened-group-off"
            };
            let known = context.state.groups.get(group);
            let name = known.map_or_else(|| group.to_string(), |g| g.name.clone());
            (context.lang.f(key, &[("name", &name)]), "")
        }
        Event::Desired { light, on, .. } => {
            let key = if *on {
                "happened-wanted-on"
            } else {
                "happened-wanted-off"
            };
            (context.named(key, light.as_str()), "")
        }
        Event::Reported { light, on: true } => (context.named("happened-lit", light.as_str()), ""),
        Event::Reported { light, on: false } => {
            (context.named("happened-dark", light.as_str()), "off")
        }
        Event::GivenUp { light, .. } => (context.named("happened-gave-up", light.as_str()), "bad"),
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::GroupDeclared { .. } | Event::Desired { .. } => false,
        Event::Reported { .. } | Event::GivenUp { .. } => true,
    }
}
