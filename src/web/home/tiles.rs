//! The tiles: loudspeakers, lamps, cameras, gauges, the commune; each with a number and its status.

use super::super::app::App;
use super::super::components::Tile;
use super::super::{cameras, lights, sensors};
use crate::domain::device::Availability;
use crate::domain::state::VillageState;
use crate::i18n::dates;
use crate::i18n::locale::Lang;

#[expect(clippy::too_many_lines, reason = "one tile after another")]
pub(super) fn tiles(app: &App, lang: Lang, state: &VillageState) -> Vec<Tile> {
    let now = app.supervisor.clock().wall_ms();
    let presence = |id| {
        state
            .devices
            .get(id)
            .map(|d| d.availability)
            .unwrap_or_default()
    };
    let mut out = Vec::new();
    // A speaker cluster whose account was revoked does not count: it is neither well nor missing.
    let ours: Vec<_> = state
        .speakers
        .values()
        .filter(|s| !state.is_revoked(&s.id))
        .collect();
    let here = ours
        .iter()
        .filter(|s| matches!(presence(&s.id), Availability::Online { .. }))
        .count();
    let none = if here == ours.len() {
        lang.t("tile-speakers-ok")
    } else {
        lang.f("tile-unheard", &[("n", &(ours.len() - here).to_string())])
    };
    let silent = ours
        .iter()
        .find_map(|s| Some((s.name.clone(), presence(&s.id).offline_since()?)));
    let words = silent.as_ref().map_or(none, |(name, since)| {
        lang.f(
            "tile-speakers-silent",
            &[("name", name), ("since", &dates::since(now, *since))],
        )
    });
    out.push(Tile {
        id: "tile-speakers".into(),
        icon: "horn",
        href: "/speakers",
        bad: silent.is_some(),
        name: lang.f(
            "tile-speakers",
            &[("n", &here.to_string()), ("all", &ours.len().to_string())],
        ),
        words,
    });
    let bad = state
        .lights
        .values()
        .find(|l| lights::status_text(app, lang, state, l).1 == "bad");
    let on = state
        .lights
        .values()
        .filter(|l| lights::status_text(app, lang, state, l).1.is_empty())
        .count();
    let never = lights::never_answered(state);
    let words = match (bad, never.first()) {
        (Some(l), _) => lang.f("tile-lights-bad", &[("name", &l.name)]),
        (None, Some(name)) => lang.f("tile-lights-never", &[("name", name)]),
        (None, None) => lang.t("tile-lights-ok"),
    };
    out.push(Tile {
        id: "tile-lights".into(),
        icon: "lamp",
        href: "/lights",
        bad: bad.is_some(),
        name: lang.f(
            "tile-lights",
            &[
                ("n", &on.to_string()),
                ("all", &lights::lamp_count(state).to_string()),
            ],
        ),
        words,
    });
    let seen = state
        .cameras
        .values()
        .filter(|c| matches!(c.signal, Availability::Online { .. }))
        .count();
    let lost = state.cameras.values().find(|c| c.signal.is_offline());
    let unseen = cameras::unviewable(app, state).next();
    let words = match lost {
        Some(c) => lang.f("tile-cameras-bad", &[("name", &c.name)]),
        None if seen == 0 => lang.t("tile-cameras-none"),
        None if unseen.is_some() => lang.f(
            "tile-cameras-unseen",
            &[("name", &unseen.map(|c| c.name.clone()).unwrap_or_default())],
        ),
        None if seen < state.cameras.len() => lang.f(
            "tile-cameras-unheard",
            &[("n", &(state.cameras.len() - seen).to_string())],
        ),
        None => lang.t("tile-cameras-ok"),
    };
    out.push(Tile {
        id: "tile-cameras".into(),
        icon: "camera",
        href: "/cameras",
        bad: lost.is_some() || unseen.is_some(),
        name: lang.f(
            "tile-cameras",
            &[
                ("n", &seen.to_string()),
                ("all", &state.cameras.len().to_string()),
            ],
        ),
        words,
    });
    for sensor in state
        .sensors
        .values()
        .filter(|s| {
            !s.thresholds.is_empty() && !s.unit.is_empty() && !sensors::is_revoked(state, s)
        })
        .take(2)
    {
        let latest = app.live.latest.get(&sensor.id);
        let name = latest.map_or_else(
            || sensor.name.clone(),
            |v| {
                format!(
                    "{} {} {}",
                    sensor.name,
                    dates::number(v.number, sensor.decimals),
                    sensor.unit
                )
            },
        );
        let words = sensors::reading_time_text(app, lang, state, sensor, "tile-reading-time");
        let silent = sensors::offline_since(state, sensor);
        let words = silent.map_or(words, |since| {
            lang.f("tile-reading-gone", &[("since", &dates::since(now, since))])
        });
        let icon = if sensor.unit == "°C" {
            "warmth"
        } else {
            "water"
        };
        out.push(Tile {
            id: format!("tile-{}", sensor.id),
            icon,
            href: "/sensors",
            bad: sensor.alarm.is_some() || silent.is_some(),
            name,
            words,
        });
    }
    let link = app.live.uplink.get();
    let (name, words, bad) = if !link.configured {
        (lang.t("tile-sync-none"), lang.t("tile-sync-none-do"), false)
    } else if !link.up {
        (
            lang.t("tile-sync-down"),
            lang.f("tile-sync-down-do", &[("n", &link.waiting.to_string())]),
            true,
        )
    } else if link.waiting > 0 {
        (
            lang.f("tile-sync-waiting", &[("n", &link.waiting.to_string())]),
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
    out.push(Tile {
        id: "tile-sync".into(),
        icon: "link",
        href: "/history",
        bad,
        name,
        words,
    });
    out
}
