//! The status of a camera in words: whether its stream comes, is recorded, and can be viewed later.

use crate::domain::camera::Camera;
use crate::domain::id::CameraId;
use crate::domain::state::VillageState;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::village_status::{
    Status, StatusReason, ThingKind, ThingStatus, VillageStatus,
};
use crate::time::WallMs;
use crate::view::status_text;
use crate::web::kit::app::App;
use crate::web::kit::components::{Banner, Fragment, status_class};

/// A still is made every minute; one that is older than this had no successor, ms.
const STALE_STILL_MS: u64 = 300_000;
/// A recording without progress for this long counts as none, ms.
const RECORDING_STALE_MS: u64 = 90_000;

/// The status of a camera; none = it is none of the village.
pub(super) fn thing_of<'a>(status: &'a VillageStatus, c: &Camera) -> Option<&'a ThingStatus> {
    status.of(ThingKind::Camera, c.id.as_str())
}

/// The status of a camera in a short sentence. Why a recording is doubtful stands in the detail.
pub(super) fn short_text(lang: Lang, now: WallMs, thing: &ThingStatus) -> String {
    match thing.reason {
        StatusReason::NotRecorded
        | StatusReason::Unchecked
        | StatusReason::PacketLoss { .. }
        | StatusReason::SlowDisk { .. }
        | StatusReason::WrongClock => {
            let since = dates::since(now, thing.since.unwrap_or_default());
            lang.f("camera-live", &[("since", &since)])
        }
        _ => status_text::reason_text(lang, now, thing),
    }
}

/// “14:05 21/11/2026” of a still that is old; none = it is as new as stills are.
pub(super) fn stale_taken_at(now: WallMs, at: WallMs) -> Option<String> {
    (now.distance(at) > STALE_STILL_MS).then(|| format!("{} {}", dates::clock(at), dates::date(at)))
}

/// True when access units of this camera reached the disk recently.
pub(super) fn is_recording(app: &App, camera: &CameraId) -> bool {
    let recording = app
        .live
        .pictures
        .get(camera)
        .map(|p| p.recording())
        .unwrap_or_default();
    recording.until_ms > WallMs::default()
        && app
            .supervisor
            .clock()
            .mono_ms()
            .since(recording.reported_at)
            < RECORDING_STALE_MS
}

pub(super) fn camera_status(app: &App, lang: Lang, state: &VillageState, c: &Camera) -> Fragment {
    let (status, now) = (app.status(state), app.supervisor.clock().wall_ms());
    let Some(thing) = thing_of(&status, c) else {
        return Fragment::empty("camera-how");
    };
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
    } else if thing.status != Status::Waiting && is_recording(app, &c.id) {
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
        .and_then(|s| stale_taken_at(now, s.at_ms))
        .filter(|_| thing.status != Status::Broken);
    if let Some(at) = &old {
        detail.push(lang.f("camera-still-last", &[("at", at)]));
    }
    if faults.clock.is_some() {
        detail.push(lang.t("camera-clock"));
    }
    if coding {
        detail.push(lang.t("camera-coding"));
    }
    let shown = if old.is_some() {
        thing.status.max(Status::Attention)
    } else {
        thing.status
    };
    Banner {
        id: "camera-how".into(),
        status_class: status_class(shown),
        title: short_text(lang, now, thing),
        detail: detail.join(" "),
        href: "",
    }
    .fragment()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_still_bears_its_date_whichever_way_the_clock_was_set() {
        // 21 November 2026, 14:04.
        let at = WallMs::new(1_795_244_640_000);
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
