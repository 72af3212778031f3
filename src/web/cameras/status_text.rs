//! The status of a camera in words: whether its stream comes, is recorded, and can be viewed later.

use super::super::app::App;
use super::super::components::{Banner, html};
use crate::domain::camera::Camera;
use crate::domain::device::Availability;
use crate::domain::id::CameraId;
use crate::domain::state::VillageState;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::live::pictures::SourceStatus;

/// A still is made every minute; one that is older than this had no successor, ms.
const STALE_STILL_MS: u64 = 300_000;
/// A recording without progress for this long counts as none, ms.
const RECORDING_STALE_MS: u64 = 90_000;

/// Cameras whose stream comes, but cannot be viewed later: it cannot be decoded, or the disk does
/// not take it.
pub(in crate::web) fn unviewable<'a>(
    app: &'a App,
    state: &'a VillageState,
) -> impl Iterator<Item = &'a Camera> {
    let is_unseen = |c: &Camera| {
        app.live
            .pictures
            .get(&c.id)
            .is_some_and(|p| p.faults().undecodable.is_some() || !p.recording().error.is_empty())
    };
    state
        .cameras
        .values()
        .filter(move |c| matches!(c.signal, Availability::Online { .. }) && is_unseen(c))
        .map(AsRef::as_ref)
}

/// Cameras whose stream comes and is recorded, but it is unknown whether it can be viewed later, or
/// many access units are missing.
pub(in crate::web) fn unverified<'a>(
    app: &'a App,
    state: &'a VillageState,
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
        .filter(move |c| matches!(c.signal, Availability::Online { .. }) && is_unsure(c))
        .map(AsRef::as_ref)
}

/// The status of a camera in words, with its status class.
pub(super) fn status_text(app: &App, lang: Lang, c: &Camera) -> (String, &'static str) {
    let now = app.supervisor.clock().wall_ms();
    let pull = app
        .live
        .pictures
        .get(&c.id)
        .map(|p| p.source_status())
        .unwrap_or_default();
    match (c.signal, pull) {
        (_, SourceStatus::NoAddress) => (lang.t("camera-no-address"), "off"),
        (Availability::Offline { since }, _) => (
            lang.f("camera-lost", &[("since", &dates::since(now, since))]),
            "bad",
        ),
        (Availability::Online { .. }, SourceStatus::Live)
            if app
                .live
                .pictures
                .get(&c.id)
                .is_some_and(|p| p.faults().undecodable.is_some()) =>
        {
            (lang.t("camera-unseen"), "bad")
        }
        (Availability::Online { since }, SourceStatus::Live) => (
            lang.f("camera-live", &[("since", &dates::since(now, since))]),
            "",
        ),
        // The stream was live a moment ago, or the gateway has only just started.
        _ => (lang.t("camera-calling"), "warn"),
    }
}

/// “14:05 21/11/2026” of a still that is old; none = it is as new as stills are.
pub(super) fn stale_taken_at(now: i64, at: i64) -> Option<String> {
    (now.abs_diff(at) > STALE_STILL_MS).then(|| format!("{} {}", dates::clock(at), dates::date(at)))
}

/// True when access units of this camera reached the disk recently.
pub(super) fn is_recording(app: &App, camera: &CameraId) -> bool {
    let recording = app
        .live
        .pictures
        .get(camera)
        .map(|p| p.recording())
        .unwrap_or_default();
    recording.until_ms > 0
        && app
            .supervisor
            .clock()
            .mono_ms()
            .saturating_sub(recording.reported_mono_ms)
            < RECORDING_STALE_MS
}

pub(super) fn camera_status(app: &App, lang: Lang, c: &Camera) -> String {
    let (title, mark) = status_text(app, lang, c);
    let picture = app.live.pictures.get(&c.id);
    let recording = picture.as_ref().map(|p| p.recording()).unwrap_or_default();
    let faults = picture.as_ref().map(|p| p.faults()).unwrap_or_default();
    let coding = picture
        .as_ref()
        .and_then(|p| p.keyframe())
        .is_some_and(|f| !f.format.plays_in_browsers());
    let mut detail = Vec::new();
    if c.signal.is_offline() {
        detail.push(lang.t("camera-lost-do"));
    } else if !recording.error.is_empty() {
        detail.push(lang.t("camera-not-recorded"));
    } else if faults.undecodable.is_some() {
        detail.push(lang.t("camera-undecodable"));
    } else if mark.is_empty() && is_recording(app, &c.id) {
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
    // A browser without a player shows the still: without this sentence an old still would pass for
    // new.
    let old = picture
        .as_ref()
        .and_then(|p| p.still())
        .and_then(|s| stale_taken_at(app.supervisor.clock().wall_ms(), s.at_ms))
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
        "" if !recording.error.is_empty() || faults.undecodable.is_some() => "bad",
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
    html(&Banner {
        id: "camera-how".into(),
        status_class: kind,
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
            (
                stale_taken_at(at + 120_000, at),
                stale_taken_at(at - 1_000, at)
            ),
            (None, None)
        );
        for now in [at + 301_000, at + 9 * 86_400_000, at - 3_600_000] {
            assert_eq!(
                stale_taken_at(now, at).as_deref(),
                Some(&*format!("{} {}", dates::clock(at), dates::date(at)))
            );
        }
        assert!(
            stale_taken_at(at + 301_000, at)
                .expect("old")
                .ends_with("/11/2026")
        );
    }
}
