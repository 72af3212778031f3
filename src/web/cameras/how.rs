//! How a camera is, in words: whether its picture comes, is kept, and can be seen later.

use super::super::app::App;
use super::super::rows::{Say, html};
use crate::domain::camera::Camera;
use crate::domain::device::Presence;
use crate::domain::id::CameraId;
use crate::domain::state::State as Village;
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::live::pictures::Pull;

/// A still that is older was not followed by another although one is made every minute, ms.
const OLD_MS: u64 = 300_000;
/// A recording that told nothing for so long is none, ms.
const KEPT_MS: u64 = 90_000;

/// Cameras whose pictures come, and of which nothing can be seen later: they cannot be decoded, or
/// the disk does not take them.
pub(in crate::web) fn unseen<'a>(
    app: &'a App,
    state: &'a Village,
) -> impl Iterator<Item = &'a Camera> {
    let is_unseen = |c: &Camera| {
        app.live
            .pictures
            .get(&c.id)
            .is_some_and(|p| p.faults().undecodable.is_some() || !p.recording().trouble.is_empty())
    };
    state
        .cameras
        .values()
        .filter(move |c| matches!(c.signal, Presence::Here { .. }) && is_unseen(c))
        .map(AsRef::as_ref)
}

/// Cameras whose pictures come and are kept, of which nobody knows whether they can be seen later,
/// or of which many are missing.
pub(in crate::web) fn unsure<'a>(
    app: &'a App,
    state: &'a Village,
) -> impl Iterator<Item = &'a Camera> {
    let is_unsure = |c: &Camera| {
        app.live
            .pictures
            .get(&c.id)
            .map(|p| p.faults())
            .is_some_and(|f| {
                f.undecodable.is_none()
                    && (f.unchecked.is_some() || f.loss.is_some() || f.missed.is_some())
            })
    };
    state
        .cameras
        .values()
        .filter(move |c| matches!(c.signal, Presence::Here { .. }) && is_unsure(c))
        .map(AsRef::as_ref)
}

/// How a camera's picture is, in words, with its mark.
pub(super) fn words(app: &App, lang: Lang, c: &Camera) -> (String, &'static str) {
    let now = app.house.clock().wall_ms();
    let pull = app
        .live
        .pictures
        .get(&c.id)
        .map(|p| p.pull())
        .unwrap_or_default();
    match (c.signal, pull) {
        (_, Pull::NoAddress) => (lang.t("camera-no-address"), "off"),
        (Presence::Gone { since }, _) => (
            lang.f("camera-lost", &[("since", &dates::since(now, since))]),
            "bad",
        ),
        (Presence::Here { .. }, Pull::Live)
            if app
                .live
                .pictures
                .get(&c.id)
                .is_some_and(|p| p.faults().undecodable.is_some()) =>
        {
            (lang.t("camera-unseen"), "bad")
        }
        (Presence::Here { since }, Pull::Live) => (
            lang.f("camera-live", &[("since", &dates::since(now, since))]),
            "",
        ),
        // It was well a moment ago, or the house has only just begun.
        _ => (lang.t("camera-calling"), "warn"),
    }
}

/// “14:05 21/11/2026” of a still that is old; none = it is as new as stills are.
pub(super) fn taken(now: i64, at: i64) -> Option<String> {
    (now.abs_diff(at) > OLD_MS).then(|| format!("{} {}", dates::clock(at), dates::date(at)))
}

/// True when pictures of this camera reached the disk lately.
pub(super) fn is_kept(app: &App, camera: &CameraId) -> bool {
    let recording = app
        .live
        .pictures
        .get(camera)
        .map(|p| p.recording())
        .unwrap_or_default();
    recording.until_ms > 0
        && app
            .house
            .clock()
            .mono_ms()
            .saturating_sub(recording.told_mono)
            < KEPT_MS
}

pub(super) fn how(app: &App, lang: Lang, c: &Camera) -> String {
    let (title, mark) = words(app, lang, c);
    let picture = app.live.pictures.get(&c.id);
    let recording = picture.as_ref().map(|p| p.recording()).unwrap_or_default();
    let faults = picture.as_ref().map(|p| p.faults()).unwrap_or_default();
    let coding = picture
        .as_ref()
        .and_then(|p| p.keyframe())
        .is_some_and(|f| !f.format.plays_in_browsers());
    let mut detail = Vec::new();
    if c.signal.is_gone() {
        detail.push(lang.t("camera-lost-do"));
    } else if !recording.trouble.is_empty() {
        detail.push(lang.t("camera-not-recorded"));
    } else if faults.undecodable.is_some() {
        detail.push(lang.t("camera-undecodable"));
    } else if mark.is_empty() && is_kept(app, &c.id) {
        detail.push(lang.f("camera-kept", &[("days", &app.keep_days.to_string())]));
    }
    if faults.undecodable.is_none() && faults.unchecked.is_some() {
        detail.push(lang.t("camera-unchecked"));
    }
    if let Some(percent) = faults.loss {
        detail.push(lang.f("camera-loss", &[("n", &percent.to_string())]));
    }
    if let Some(percent) = faults.missed {
        detail.push(lang.f("camera-missed", &[("n", &percent.to_string())]));
    }
    // Who has no player sees the still: without a word it would pass for new.
    let old = picture
        .as_ref()
        .and_then(|p| p.still())
        .and_then(|s| taken(app.house.clock().wall_ms(), s.at_ms))
        .filter(|_| mark.is_empty() || mark == "warn");
    if let Some(at) = &old {
        detail.push(lang.f("camera-still-last", &[("at", at)]));
    }
    if faults.clock.is_some() {
        detail.push(lang.t("camera-clock"));
    }
    if coding {
        detail.push(lang.t("camera-coding"));
    }
    let kind = match mark {
        "" if !recording.trouble.is_empty() || faults.undecodable.is_some() => "bad",
        "" if faults.clock.is_some()
            || faults.unchecked.is_some()
            || faults.loss.is_some()
            || faults.missed.is_some()
            || old.is_some() =>
        {
            "warn"
        }
        "" => "",
        "off" => "info",
        other => other,
    };
    html(&Say {
        id: "camera-how".into(),
        kind,
        title,
        detail: detail.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_still_bears_its_date_whichever_way_the_clock_was_set() {
        // 21 November 2026, 14:04.
        let at = 1_795_244_640_000;
        assert_eq!(
            (taken(at + 120_000, at), taken(at - 1_000, at)),
            (None, None)
        );
        for now in [at + 301_000, at + 9 * 86_400_000, at - 3_600_000] {
            assert_eq!(
                taken(now, at).as_deref(),
                Some(&*format!("{} {}", dates::clock(at), dates::date(at)))
            );
        }
        assert!(taken(at + 301_000, at).expect("old").ends_with("/11/2026"));
    }
}
