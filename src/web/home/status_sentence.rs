//! One sentence about what is broken since when, what is unknown, and what is lost.

use super::super::app::App;
use super::super::components::{Banner, html};
use super::super::{cameras, sensors};
use crate::domain::device::{Availability, Device};
use crate::domain::sensor::Sensor;
use crate::domain::state::VillageState;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::supervisor::health::HealthStatus;

/// Most names in the sentence about what is broken.
const MAX_NAMES: usize = 4;

/// Things that do not work: name and since when (wall ms), longest first.
fn broken_things(lang: Lang, state: &VillageState) -> Vec<(String, i64)> {
    let mut out: Vec<(String, i64)> = state
        .offline_devices()
        .map(|(device, since)| (device.name.clone(), since))
        .collect();
    for light in state.lights.values() {
        let gone = state
            .device_of(&light.id)
            .is_some_and(|d| d.availability.is_offline());
        if let Some(desired) = light.desired.filter(|_| light.is_unanswered() && !gone) {
            out.push((
                lang.f("tile-lights-bad", &[("name", &light.name)]),
                desired.at,
            ));
        }
    }
    for camera in state.cameras.values() {
        if let Some(since) = camera.signal.offline_since() {
            out.push((format!("camera {}", camera.name), since));
        }
    }
    out.sort_by_key(|(_, since)| *since);
    out
}

/// Devices and cameras that never answered, sensors that should watch and have no known value, and
/// cameras whose recordings are doubtful: not broken, and not well either.
pub(in crate::web) fn never_answered(app: &App, state: &VillageState) -> Option<Vec<String>> {
    let never = |d: &Device| {
        d.availability == Availability::Unknown
            && app.live.latest.last_seen(&d.id).is_none()
            && state.accounts.contains_key(&d.id)
    };
    let devices = state
        .devices
        .values()
        .filter(|d| never(d))
        .map(|d| d.name.clone());
    let cameras = state
        .cameras
        .values()
        .filter(|c| c.signal == Availability::Unknown)
        .map(|c| format!("camera {}", c.name));
    // Each thing is named once: a device that never answered stands for its sensors.
    let told = |s: &Sensor| sensors::device_of(state, s).is_some_and(never);
    let blind = state
        .sensors
        .values()
        .filter(|s| sensors::is_unmonitored(app, state, s) && !told(s))
        .map(|s| s.name.clone());
    let unseen = cameras::unviewable(app, state)
        .chain(cameras::unverified(app, state))
        .map(|c| format!("camera {}", c.name));
    let all: Vec<String> = devices.chain(cameras).chain(blind).chain(unseen).collect();
    (!all.is_empty()).then_some(all)
}

fn never_answered_text(lang: Lang, all: &[String]) -> String {
    let mut names = all
        .iter()
        .take(MAX_NAMES)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > MAX_NAMES {
        names.push('…');
    }
    lang.f(
        "unheard-things",
        &[("n", &all.len().to_string()), ("names", &names)],
    )
}

/// Losses of stored data; none = nothing is lost.
fn loss_text(app: &App, lang: Lang) -> Option<String> {
    let parts = app.supervisor.health().parts();
    let is_lost = |part: &&str| {
        parts
            .get(*part)
            .is_some_and(|c| c.status == HealthStatus::Amber)
    };
    let words: Vec<String> = ["history", "ledger", "people", "commune"]
        .iter()
        .filter(|p| is_lost(p))
        .map(|p| lang.t(&format!("lost-{p}")))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

pub(super) fn status_sentence(app: &App, lang: Lang, state: &VillageState) -> String {
    let now = app.supervisor.clock().wall_ms();
    let things = broken_things(lang, state);
    // People read words, not the names of parts; each word once.
    let part = |name: &str| match name {
        "queues" => "part-queues",
        "broker" | "south" => "part-broker",
        "journal" => "part-journal",
        "keys" => "part-keys",
        _ => "part-other",
    };
    let red: Vec<String> = app
        .supervisor
        .health()
        .parts()
        .into_iter()
        .filter(|(_, c)| c.status == HealthStatus::Red)
        .map(|(name, _)| name)
        .collect();
    // While storage takes nothing, the recorded status of devices cannot be kept up to date.
    let grave = red.iter().any(|name| name == "journal");
    let trouble: std::collections::BTreeSet<String> =
        red.iter().map(|name| lang.t(part(name))).collect();
    let trouble: Vec<String> = trouble.into_iter().collect();
    let lost = loss_text(app, lang);
    let say = if let Some((oldest, since)) = things.first().filter(|_| !grave) {
        let mut names = things
            .iter()
            .take(MAX_NAMES)
            .map(|(n, _)| n.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        if things.len() > MAX_NAMES {
            names.push('…');
        }
        Banner {
            id: "broken".into(),
            status_class: "bad",
            title: lang.f(
                "broken-things",
                &[("n", &things.len().to_string()), ("names", &names)],
            ),
            detail: [
                Some(lang.f(
                    "broken-oldest",
                    &[("name", oldest), ("since", &dates::since(now, *since))],
                )),
                never_answered(app, state).map(|names| never_answered_text(lang, &names)),
                lost,
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
        }
    } else if !trouble.is_empty() {
        Banner {
            id: "broken".into(),
            status_class: "warn",
            title: lang.f("machine-trouble", &[("what", &trouble.join(", "))]),
            detail: lang.t("machine-trouble-do"),
        }
    } else if let Some(lost) = lost {
        Banner {
            id: "broken".into(),
            status_class: "warn",
            title: lost,
            detail: lang.t("lost-do"),
        }
    } else if state.devices.is_empty() {
        Banner {
            id: "broken".into(),
            status_class: "info",
            title: lang.t("nothing-yet"),
            detail: lang.t("nothing-yet-do"),
        }
    } else if let Some(names) = never_answered(app, state) {
        Banner {
            id: "broken".into(),
            status_class: "warn",
            title: never_answered_text(lang, &names),
            detail: String::new(),
        }
    } else {
        Banner {
            id: "broken".into(),
            status_class: "",
            title: lang.t("all-well"),
            detail: String::new(),
        }
    };
    html(&say)
}
