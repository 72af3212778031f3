//! Speakers and announcements, in words.

use super::SentenceContext;
use crate::domain::speaker::{Event, PlaybackOutcome};

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    match event {
        Event::Declared { speaker } => (
            context
                .lang
                .f("happened-speaker", &[("name", &speaker.name)]),
            "",
        ),
        Event::AnnouncementQueued { text, .. } => (context.quoting("happened-queued", text), ""),
        Event::PlaybackBegan { speaker, .. } => {
            (context.named("happened-began", speaker.as_str()), "")
        }
        Event::PlaybackFinished { speaker, how, .. } => {
            let (key, status) = match how {
                PlaybackOutcome::Played { .. } => ("happened-played", ""),
                PlaybackOutcome::Stopped => ("played-stopped", "off"),
                PlaybackOutcome::Unanswered
                | PlaybackOutcome::Missed
                | PlaybackOutcome::Failed { .. } => ("happened-not-played", "bad"),
            };
            (context.named(key, speaker.as_str()), status)
        }
        Event::EverythingStopped {} => (context.lang.t("happened-stopped"), "warn"),
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Declared { .. } | Event::PlaybackBegan { .. } => false,
        Event::AnnouncementQueued { .. }
        | Event::PlaybackFinished { .. }
        | Event::EverythingStopped {} => true,
    }
}
