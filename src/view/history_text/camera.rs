//! Cameras, in words.

use super::{Placement, ResultPart, RowResult, RowRule, Sentence, SentenceContext};
use crate::domain::camera::Event;
use crate::domain::event;
use crate::domain::id::CameraId;

/// Views of one person with less time between them are one look around, ms.
const VIEWS_WITHIN_MS: i64 = 600_000;
/// A stream that is lost and back again within this time is one that comes and goes, ms.
const FLAPS_WITHIN_MS: i64 = 1_800_000;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    let named = |key, camera: &CameraId| context.with(key, &context.names.name(camera.as_str()));
    match event {
        Event::Declared { camera } => {
            Sentence::act(context.with_given("happened-camera", &camera.name))
        }
        Event::Removed { camera } => Sentence::act(named("happened-camera-removed", camera)),
        Event::SignalChanged { camera, here: true } => {
            Sentence::happened(named("happened-picture", camera))
        }
        Event::SignalChanged {
            camera,
            here: false,
        } => Sentence::happened(named("happened-no-picture", camera)).marked("bad"),
        Event::Viewed { cameras } => viewed(context, &cameras.iter().collect::<Vec<_>>()),
    }
}

/// How it stands among rows.
pub(super) fn row_rule(event: &Event) -> RowRule {
    match event {
        Event::Declared { .. } | Event::Removed { .. } => RowRule::of(Placement::Routine),
        Event::SignalChanged { camera, .. } => {
            RowRule::of(Placement::News).folded(format!("signal {camera}"), FLAPS_WITHIN_MS, 3)
        }
        Event::Viewed { .. } => {
            RowRule::of(Placement::Routine).folded("viewed".to_owned(), VIEWS_WITHIN_MS, 2)
        }
    }
}

/// Several entries in one sentence; `newest` is the first of them.
pub(super) fn folded(
    context: &SentenceContext<'_>,
    newest: &Event,
    entries: &[&event::Entry],
) -> Option<Sentence> {
    match newest {
        Event::SignalChanged { camera, here } => {
            let key = if *here {
                "happened-signal-flapped-here"
            } else {
                "happened-signal-flapped-gone"
            };
            let words = context.lang.f(
                key,
                &[
                    ("name", &context.names.name(camera.as_str())),
                    ("n", &entries.len().to_string()),
                ],
            );
            Some(Sentence::happened(words).marked(if *here { "warn" } else { "bad" }))
        }
        Event::Viewed { .. } => Some(viewed(context, &looked_at(entries))),
        Event::Declared { .. } | Event::Removed { .. } => None,
    }
}

/// Which cameras were viewed, when the sentence only counts them.
pub(super) fn result(
    context: &SentenceContext<'_>,
    entries: &[&event::Entry],
) -> Option<RowResult> {
    let names: Vec<String> = looked_at(entries)
        .iter()
        .map(|c| context.names.name(c.as_str()))
        .collect();
    if names.len() < 2 {
        return None;
    }
    let words = context.listed(&names);
    let is_whole = words == names.join(", ");
    let part = |words| ResultPart { at: None, words };
    Some(RowResult {
        words,
        mark: None,
        parts: if is_whole {
            Vec::new()
        } else {
            names.into_iter().map(part).collect()
        },
    })
}

fn viewed(context: &SentenceContext<'_>, cameras: &[&CameraId]) -> Sentence {
    let words = match cameras {
        [one] => context.with("happened-seen", &context.names.name(one.as_str())),
        many => context
            .lang
            .f("happened-seen-many", &[("n", &many.len().to_string())]),
    };
    Sentence::act(words).marked("off")
}

/// The cameras of all these views, each once, in the order in which they were viewed.
fn looked_at<'a>(entries: &[&'a event::Entry]) -> Vec<&'a CameraId> {
    let mut out: Vec<&CameraId> = Vec::new();
    for entry in entries.iter().rev() {
        if let event::Event::Camera(Event::Viewed { cameras }) = &entry.event {
            for camera in cameras {
                if !out.contains(&camera) {
                    out.push(camera);
                }
            }
        }
    }
    out
}
