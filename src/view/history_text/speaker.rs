//! Speakers and announcements, in words.

use super::{Placement, ResultPart, RowResult, RowRule, Sentence, SentenceContext};
use crate::domain::event::{self, Entry};
use crate::domain::id::DeviceId;
use crate::domain::speaker::{Event, PlaybackOutcome};

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::Declared { speaker } => {
            Sentence::act(context.with("happened-speaker", &speaker.name))
        }
        Event::AnnouncementQueued { text, .. } => {
            Sentence::act(context.quoting("happened-queued", text))
        }
        Event::PlaybackBegan { speaker, .. } => {
            Sentence::fact(context.with("happened-began", &context.speaker(speaker.as_str())))
        }
        Event::PlaybackFinished { speaker, how, .. } => {
            let (key, mark) = match how {
                PlaybackOutcome::Played { .. } => ("happened-played", ""),
                PlaybackOutcome::Stopped => ("played-stopped", "off"),
                PlaybackOutcome::Missed => ("played-missed", "bad"),
                PlaybackOutcome::Unanswered => ("played-unanswered", "bad"),
                PlaybackOutcome::Failed { .. } => ("happened-not-played", "bad"),
            };
            Sentence::fact(context.with(key, &context.speaker(speaker.as_str()))).marked(mark)
        }
        Event::EverythingStopped {} => {
            Sentence::act(context.lang.t("happened-stopped")).marked("warn")
        }
    }
}

/// How it stands among rows.
pub(super) const fn row_rule(event: &Event) -> RowRule {
    RowRule::of(match event {
        Event::Declared { .. } => Placement::Routine,
        Event::AnnouncementQueued { .. } | Event::EverythingStopped {} => Placement::News,
        Event::PlaybackBegan { .. } | Event::PlaybackFinished { .. } => Placement::Effect,
    })
}

/// How an announcement went: how many clusters played it, who did not, and each cluster by itself.
pub(super) fn result(
    context: &SentenceContext<'_>,
    announcement: &Event,
    effects: &[&Entry],
) -> Option<RowResult> {
    let Event::AnnouncementQueued { id, zone, .. } = announcement else {
        return None;
    };
    let lang = context.lang;
    let ends = effects.iter().filter_map(|e| end_of(e)).collect::<Vec<_>>();
    let is_over = zone.iter().all(|s| ends.iter().any(|(of, _)| of == &s));
    let parts = parts(context, effects);
    if !is_over {
        let began = zone
            .iter()
            .filter(|s| effects.iter().any(|e| speaker_of(e) == Some(*s)))
            .count();
        let key = if began == 0 {
            "played-beginning"
        } else {
            "played-running"
        };
        return Some(RowResult {
            words: lang.f(
                key,
                &[("n", &began.to_string()), ("all", &zone.len().to_string())],
            ),
            mark: Some("warn"),
            parts,
        });
    }
    // Clusters outside the zone that did not answer: nobody near them heard it.
    let unreachable = context
        .names
        .state()
        .and_then(|state| state.announcements.get(id))
        .map_or(&[][..], |known| known.unreachable.as_slice());
    let played = ends
        .iter()
        .filter(|(_, how)| matches!(how, PlaybackOutcome::Played { .. }))
        .count();
    let stopped = ends
        .iter()
        .filter(|(_, how)| matches!(how, PlaybackOutcome::Stopped))
        .count();
    let named = |key, speaker: &DeviceId| context.with(key, &context.names.name(speaker.as_str()));
    let mut troubles: Vec<String> = ends
        .iter()
        .filter_map(|(speaker, how)| Some(named(trouble_key(how)?, speaker)))
        .collect();
    troubles.extend(unreachable.iter().map(|s| named("played-unreachable", s)));
    let all = zone.len() + unreachable.len();
    let (n, all) = (played.to_string(), all.to_string());
    let (words, mark) = if troubles.is_empty() {
        (lang.f("played-all", &[("n", &n), ("all", &all)]), "")
    } else {
        let who = troubles.join("; ") + ".";
        (
            lang.f("played-part", &[("n", &n), ("all", &all), ("who", &who)]),
            if stopped == zone.len() { "off" } else { "warn" },
        )
    };
    Some(RowResult {
        words,
        mark: Some(mark),
        parts,
    })
}

/// The results of the clusters: what began is told as long as it has not ended.
fn parts(context: &SentenceContext<'_>, effects: &[&Entry]) -> Vec<ResultPart> {
    effects
        .iter()
        .filter(|e| {
            end_of(e).is_some()
                || !effects
                    .iter()
                    .any(|other| end_of(other).is_some() && speaker_of(other) == speaker_of(e))
        })
        .map(|e| ResultPart {
            at: Some(e.wall_ms),
            words: context.event(&e.event).words,
        })
        .collect()
}

/// The cluster whose playback an entry tells about.
fn speaker_of(entry: &Entry) -> Option<&DeviceId> {
    match &entry.event {
        event::Event::Speaker(
            Event::PlaybackBegan { speaker, .. } | Event::PlaybackFinished { speaker, .. },
        ) => Some(speaker),
        _ => None,
    }
}

/// The cluster whose playback an entry ends, and how.
fn end_of(entry: &Entry) -> Option<(&DeviceId, &PlaybackOutcome)> {
    match &entry.event {
        event::Event::Speaker(Event::PlaybackFinished { speaker, how, .. }) => Some((speaker, how)),
        _ => None,
    }
}

/// Why a cluster did not play all of it; none = it did.
const fn trouble_key(how: &PlaybackOutcome) -> Option<&'static str> {
    match how {
        PlaybackOutcome::Played { .. } => None,
        PlaybackOutcome::Stopped => Some("played-stopped"),
        PlaybackOutcome::Missed => Some("played-missed"),
        PlaybackOutcome::Failed { .. } => Some("played-failed"),
        PlaybackOutcome::Unanswered => Some("played-unanswered"),
    }
}
