//! The tiles: loudspeakers, lamps, cameras, notices, gauges, the free wifi, the commune; each with
//! a number and its status.

use super::super::{sensors, wifi};
use crate::domain::sensor::Sensor;
use crate::domain::state::VillageState;
use crate::i18n::locale::Lang;
use crate::i18n::{amounts, dates};
use crate::protocol::village_status::{
    Status, StatusReason, ThingKind, ThingStatus, VillageStatus,
};
use crate::time::WallMs;
use crate::web::kit::app::App;
use crate::web::kit::components::Tile;

/// Most gauges that have a tile.
const MAX_GAUGES: usize = 2;

pub(super) fn tiles(
    app: &App,
    lang: Lang,
    state: &VillageState,
    status: &VillageStatus,
) -> Vec<Tile> {
    let now = app.supervisor.clock().wall_ms();
    let mut out = vec![
        speakers(lang, now, status),
        lights(lang, status),
        cameras(lang, status),
        notices(app, lang, state),
    ];
    let is_gauge = |s: &&std::sync::Arc<Sensor>| !s.thresholds.is_empty() && !s.unit.is_empty();
    out.extend(
        state
            .sensors
            .values()
            .filter(is_gauge)
            .filter_map(|s| Some((s, status.of(ThingKind::Sensor, s.id.as_str())?)))
            .take(MAX_GAUGES)
            .map(|(s, thing)| gauge(app, lang, now, s, thing)),
    );
    out.extend(wifi::tile(app, lang, state));
    out.push(commune(app, lang, now));
    out
}

/// The first thing of a kind with this status, the longest first.
fn first(status: &VillageStatus, kind: ThingKind, how: Status) -> Option<&ThingStatus> {
    status
        .of_kind(kind)
        .filter(|t| t.status == how)
        .min_by_key(|t| (t.since.is_none(), t.since))
}

fn n_of_all(lang: Lang, key: &str, n: usize, all: usize) -> String {
    lang.f(key, &[("n", &n.to_string()), ("all", &all.to_string())])
}

/// Names every cluster that will not be heard, as far as there is room.
fn speakers(lang: Lang, now: WallMs, status: &VillageStatus) -> Tile {
    let counts = status.speakers;
    let silent = first(status, ThingKind::Speaker, Status::Broken);
    let missing = counts.all - counts.working;
    let words = match (silent, missing) {
        (_, 0) => lang.t("tile-speakers-ok"),
        (Some(s), 1) => lang.f(
            "tile-speakers-silent",
            &[
                ("name", &s.name),
                ("since", &dates::since(now, s.since.unwrap_or_default())),
            ],
        ),
        _ if counts.working == 0 => lang.t("tile-speakers-none"),
        _ => lang.f(
            "tile-speakers-missing",
            &[
                ("n", &missing.to_string()),
                ("names", &super::super::speakers::unreachable_names(status)),
            ],
        ),
    };
    Tile {
        id: "tile-speakers".into(),
        icon: "horn",
        href: "/speakers",
        bad: silent.is_some(),
        name: n_of_all(lang, "tile-speakers", counts.working, counts.all),
        words,
    }
}

fn lights(lang: Lang, status: &VillageStatus) -> Tile {
    let counts = status.lights;
    let bad = first(status, ThingKind::Light, Status::Broken);
    let words = match (bad, counts.broken, counts.unknown) {
        (Some(l), 1, _) => lang.f("tile-lights-bad", &[("name", &l.name)]),
        (Some(_), n, _) => lang.f("lights-bad", &[("n", &n.to_string())]),
        (None, _, 0) => lang.t("tile-lights-ok"),
        (None, _, n) => match first(status, ThingKind::Light, Status::Attention) {
            Some(l) if n == 1 && l.reason == StatusReason::NeverAnswered => {
                lang.f("tile-lights-never", &[("name", &l.name)])
            }
            _ => lang.f("lights-unknown", &[("n", &n.to_string())]),
        },
    };
    Tile {
        id: "tile-lights".into(),
        icon: "lamp",
        href: "/lights",
        bad: bad.is_some(),
        name: n_of_all(lang, "tile-lights", counts.lit, counts.all),
        words,
    }
}

fn cameras(lang: Lang, status: &VillageStatus) -> Tile {
    let counts = status.cameras;
    let bad = first(status, ThingKind::Camera, Status::Broken);
    let words = match bad {
        Some(c) if c.reason == StatusReason::StreamLost => {
            lang.f("tile-cameras-bad", &[("name", &c.name)])
        }
        Some(c) => lang.f("tile-cameras-unseen", &[("name", &c.name)]),
        None if counts.working == 0 => lang.t("tile-cameras-none"),
        None if counts.working < counts.all => lang.f(
            "tile-cameras-unheard",
            &[("n", &(counts.all - counts.working).to_string())],
        ),
        None => lang.t("tile-cameras-ok"),
    };
    Tile {
        id: "tile-cameras".into(),
        icon: "camera",
        href: "/cameras",
        bad: bad.is_some(),
        name: n_of_all(lang, "tile-cameras", counts.working, counts.all),
        words,
    }
}

/// Notices that are up, and what waits to be: for its hour, or else for a person.
fn notices(app: &App, lang: Lang, state: &VillageState) -> Tile {
    let now = app.supervisor.clock().trusted_ms();
    let up = state.notices.values().filter(|n| !n.details.is_over(now));
    let waiting = state.drafts.values().filter(|d| d.publish_at.is_some());
    let (waiting, drafts) = (waiting.count(), state.drafts.len());
    let counted = |key, n: usize| lang.f(key, &[("n", &n.to_string())]);
    Tile {
        id: "tile-notices".into(),
        icon: "notice",
        href: "/notices",
        bad: false,
        name: counted("tile-notices", up.count()),
        words: match (waiting, drafts) {
            (0, 0) => lang.t("tile-notices-up"),
            (0, n) => counted("tile-notices-drafts", n),
            (n, _) => counted("tile-notices-waiting", n),
        },
    }
}

fn gauge(app: &App, lang: Lang, now: WallMs, sensor: &Sensor, thing: &ThingStatus) -> Tile {
    let latest = app.live.latest.get(&sensor.id);
    let name = lang.verbatim(&sensor.name);
    let name = latest.map_or_else(
        || name.clone(),
        |v| {
            format!(
                "{name} {} {}",
                dates::number(lang, v.number, sensor.decimals),
                amounts::unit(lang, &sensor.unit)
            )
        },
    );
    let is_silent = thing.reason == StatusReason::Silent;
    let words = if is_silent {
        let since = dates::since(now, thing.since.unwrap_or_default());
        lang.f("tile-reading-gone", &[("since", &since)])
    } else {
        sensors::reading_time_text(app, lang, sensor, thing)
    };
    Tile {
        id: format!("tile-{}", sensor.id),
        icon: if sensor.unit == "°C" {
            "warmth"
        } else {
            "water"
        },
        href: "/sensors",
        bad: sensor.alarm.is_some() || is_silent,
        name,
        words,
    }
}

fn commune(app: &App, lang: Lang, now: WallMs) -> Tile {
    let link = app.live.uplink.get();
    let waiting = link.waiting;
    let (name, words, bad) = if !link.configured {
        (lang.t("tile-sync-none"), lang.t("tile-sync-none-do"), false)
    } else if !link.up {
        (
            lang.t("tile-sync-down"),
            lang.f("tile-sync-down-do", &[("n", waiting)]),
            true,
        )
    } else if link.waiting > 0 {
        (
            lang.f("tile-sync-waiting", &[("n", waiting)]),
            lang.t("tile-sync-waiting-do"),
            false,
        )
    } else {
        (
            lang.f(
                "tile-sync-ok",
                &[("time", &dates::since(now, link.received_at))],
            ),
            lang.t("tile-sync-ok-do"),
            false,
        )
    };
    Tile {
        id: "tile-sync".into(),
        icon: "link",
        href: "/history",
        bad,
        name,
        words,
    }
}
