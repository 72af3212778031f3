//! Speakers and announcements, in words.

use super::{Placement, ResultPart, RowResult, RowRule, Sentence, SentenceContext};
use crate::domain::event::{self, Entry};
use crate::domain::id::DeviceId;
use crate::domain::speaker::{Event, PlaybackOutcome};
use crate::domain::text;
use crate::i18n::locale::Lang;
use crate::protocol::speaker::FailureReason;

/// Most characters of a receiver's own words that are shown.
const MAX_OWN_WORDS_CHARS: usize = 80;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::Declared { speaker } => {
            Sentence::act(context.with_given("happened-speaker", &speaker.name))
        }
        Event::AnnouncementQueued { text, .. } => {
            Sentence::act(context.quoting("happened-queued", text))
        }
        Event::PlaybackBegan { speaker, .. } => {
            Sentence::happened(context.with("happened-began", &context.speaker(speaker.as_str())))
        }
        Event::PlaybackFinished { speaker, how, .. } => {
            let name = context.speaker(speaker.as_str());
            let words = trouble_text(context.lang, &name, how)
                .unwrap_or_else(|| context.with("happened-played", &name));
            let mark = match how {
                PlaybackOutcome::Played { .. } => "",
                PlaybackOutcome::Stopped => "off",
                PlaybackOutcome::Missed
                | PlaybackOutcome::Unanswered
                | PlaybackOutcome::Failed { .. } => "bad",
            };
            Sentence::happened(words).marked(mark)
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
    let Event::AnnouncementQueued {
        id,
        zone,
        unreachable,
        ..
    } = announcement
    else {
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
    // Clusters outside the zone that would not have been heard: nobody near them heard it. An older
    // entry does not name them; the state does as long as it holds the announcement.
    let unreachable = unreachable
        .as_ref()
        .or_else(|| {
            let known = context.names.state()?.announcements.get(id)?;
            Some(&known.unreachable)
        })
        .map_or(&[][..], Vec::as_slice);
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
        .filter_map(|(speaker, how)| trouble_text(lang, &context.names.name(speaker.as_str()), how))
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
            words: context.event(e).words,
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

/// Why a cluster did not play all of it, with its name; none = it did.
#[must_use]
pub fn trouble_text(lang: Lang, name: &str, how: &PlaybackOutcome) -> Option<String> {
    let key = match how {
        PlaybackOutcome::Played { .. } => return None,
        PlaybackOutcome::Stopped => "played-stopped",
        PlaybackOutcome::Missed => "played-missed",
        PlaybackOutcome::Unanswered => "played-unanswered",
        PlaybackOutcome::Failed { why } => return Some(failure_text(lang, name, why)),
    };
    Some(lang.f(key, &[("name", name)]))
}

/// The sentence that a cluster failed, and why: in the reader's language as far as the reason is a
/// known one, or else the receiver's own words, marked as such.
fn failure_text(lang: Lang, name: &str, why: &str) -> String {
    if let Some(reason) = FailureReason::read(why) {
        let why = lang.t(reason.key());
        return lang.f("played-failed-because", &[("name", name), ("why", &why)]);
    }
    // The words stand between quotation marks: none of theirs may seem to end them.
    let own = text::line(why, MAX_OWN_WORDS_CHARS + 1).replace(['“', '”', '"'], "'");
    if own.is_empty() {
        return lang.f("played-failed", &[("name", name)]);
    }
    let own = if own.chars().count() > MAX_OWN_WORDS_CHARS {
        format!("{}…", text::line(&own, MAX_OWN_WORDS_CHARS))
    } else {
        own
    };
    lang.f("played-failed-own-words", &[("name", name), ("why", &own)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(lang: Lang, why: &str) -> String {
        let how = PlaybackOutcome::Failed { why: why.into() };
        trouble_text(lang, "Xóm Đình", &how).expect("it did not play")
    }

    #[test]
    fn a_known_reason_is_told_in_the_readers_language() {
        assert_eq!(
            [Lang::Vi, Lang::En].map(|lang| failed(lang, "the sound could not be fetched")),
            [
                "Xóm Đình không phát được: không tải được tiếng từ máy nhà văn hóa",
                "Xóm Đình could not play: it could not fetch the sound from the box",
            ]
        );
        for (key, details) in FailureReason::KEYS {
            assert!(details.is_empty(), "{key}");
            let [vietnamese, english] = [Lang::Vi, Lang::En].map(|lang| lang.t(key));
            assert!(vietnamese != *key && english != *key && vietnamese != english);
        }
    }

    #[test]
    fn a_foreign_receivers_own_words_are_bounded_and_marked_as_its_own() {
        assert_eq!(
            failed(Lang::Vi, "amp” <b>fault</b>\u{202e}\n 7"),
            "Xóm Đình không phát được; thiết bị tự báo: “amp' <b>fault</b> 7”"
        );
        let long = failed(Lang::Vi, &"x".repeat(500));
        assert!(
            long.ends_with(&format!(": “{}…”", "x".repeat(80))),
            "{long}"
        );
        assert_eq!(failed(Lang::Vi, " \u{200b}"), "Xóm Đình không phát được");
    }
}
