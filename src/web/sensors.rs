//! Cảm biến: each reading in words, with its thresholds.

use axum::extract::State;
use axum::response::Response;

use super::app::{App, RequestContext};
use super::components::{Banner, ListPage, PageSection, Row, html};
use crate::domain::binary_sensor::{self, AlarmSeverity};
use crate::domain::device::Device;
use crate::domain::entity::{Entity, Kind};
use crate::domain::id::DeviceId;
use crate::domain::sensor::{Alarm, Sensor};
use crate::domain::state::VillageState;
use crate::http::render::render;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::live::latest::Value;

/// The threshold that an alarm crossed, and whether the value is below it by now. The alarm stays
/// until the value is well below, and a person who reads both must not think that the gateway is
/// confused.
pub(super) fn crossed_threshold(app: &App, sensor: &Sensor, alarm: &Alarm) -> (f64, bool) {
    let mark = sensor
        .thresholds
        .get(usize::from(alarm.level).saturating_sub(1))
        .copied()
        .unwrap_or_default();
    (
        mark,
        app.live
            .latest
            .get(&sensor.id)
            .is_some_and(|v| v.number < mark),
    )
}

/// The device of a sensor. A sensor that only the configuration names, and no discovery message,
/// has one too: its id begins with the id of its device.
pub(super) fn device_of<'a>(state: &'a VillageState, sensor: &Sensor) -> Option<&'a Device> {
    let named = || {
        state
            .devices
            .get(&DeviceId::new(sensor.id.as_str().split('.').next()?).ok()?)
    };
    state
        .device_of(&sensor.id)
        .or_else(named)
        .map(AsRef::as_ref)
}

/// Whether the account of the sensor's device was revoked: its last value counts for nothing then.
pub(super) fn is_revoked(state: &VillageState, sensor: &Sensor) -> bool {
    device_of(state, sensor).is_some_and(|d| state.is_revoked(&d.id))
}

/// When the device of a sensor went offline; none = it is online, or its availability is unknown.
pub(super) fn offline_since(state: &VillageState, sensor: &Sensor) -> Option<i64> {
    device_of(state, sensor)?.availability.offline_since()
}

/// Whether its last value is older than the device promised (`expire_after`): the present value is
/// not known, although the device may be online.
pub(super) fn is_expired(app: &App, state: &VillageState, sensor: &Sensor) -> bool {
    let now = app.supervisor.clock().mono_ms();
    state.entities.get(&sensor.id).is_some_and(|e| {
        app.live
            .latest
            .is_expired(e, now, app.live.device_link.online_since())
    })
}

/// The state of a binary sensor, in the words of its class; none = it is not known.
pub(super) fn binary_state_text(
    app: &App,
    lang: Lang,
    entity: &Entity,
) -> Option<(String, AlarmSeverity)> {
    let on = app.live.latest.get(&entity.id)?.number > 0.5;
    Some((
        lang.t(&binary_sensor::key(&entity.class, on)),
        binary_sensor::severity(&entity.class, on),
    ))
}

/// Whether a sensor that can raise an alarm has no known value although its device is not offline:
/// it never published, or not in a form that is understood, or too long ago.
pub(super) fn is_unmonitored(app: &App, state: &VillageState, sensor: &Sensor) -> bool {
    let watches = state
        .entities
        .get(&sensor.id)
        .is_none_or(|e| sensor.can_alarm(e));
    watches
        && !is_revoked(state, sensor)
        && offline_since(state, sensor).is_none()
        && (app.live.latest.get(&sensor.id).is_none() || is_expired(app, state, sensor))
}

/// When its last value was received (in the sentence of `key`), or why none is known.
pub(super) fn reading_time_text(
    app: &App,
    lang: Lang,
    state: &VillageState,
    sensor: &Sensor,
    key: &str,
) -> String {
    let at = |v: &Value| dates::since(app.supervisor.clock().wall_ms(), v.at);
    match app.live.latest.get(&sensor.id) {
        _ if app.live.latest.is_invalid(&sensor.id) => lang.t("reading-unclear"),
        None => lang.t("tile-reading-none"),
        Some(v) if is_expired(app, state, sensor) => {
            lang.f("reading-expired", &[("time", &at(&v))])
        }
        Some(v) if v.retained => lang.t("reading-kept"),
        Some(v) => lang.f(key, &[("time", &at(&v))]),
    }
}

/// The status of a binary sensor in words, and its status class.
fn binary_status_text(
    app: &App,
    lang: Lang,
    state: &VillageState,
    sensor: &Sensor,
    entity: &Entity,
) -> (String, &'static str) {
    let is_expired = is_expired(app, state, sensor);
    let known = binary_state_text(app, lang, entity).filter(|_| !is_expired);
    let alarm = sensor.alarm.map(|a| {
        lang.f(
            "reading-smoke",
            &[(
                "since",
                &dates::since(app.supervisor.clock().wall_ms(), a.at),
            )],
        )
    });
    let mark = match (&known, app.live.latest.is_invalid(&entity.id)) {
        _ if alarm.is_some() => "bad",
        (_, true) => "warn",
        _ if is_expired && sensor.can_alarm(entity) => "warn",
        (None, false) => "off",
        (Some((_, AlarmSeverity::Normal)), false) => "",
        (Some(_), false) => "warn",
    };
    let words: Vec<String> = known
        .map(|(words, _)| words)
        .into_iter()
        .chain(alarm)
        .collect();
    (words.join(" · "), mark)
}

/// The status of a numeric sensor in words, and its status class.
fn numeric_status_text(
    app: &App,
    lang: Lang,
    state: &VillageState,
    sensor: &Sensor,
) -> (String, &'static str) {
    let number = |v: f64| dates::number(v, sensor.decimals);
    match (sensor.alarm, app.live.latest.get(&sensor.id)) {
        (Some(a), _) => {
            let (mark, is_falling) = crossed_threshold(app, sensor, &a);
            let key = if is_falling {
                "reading-falling"
            } else {
                "reading-level"
            };
            let since = dates::since(app.supervisor.clock().wall_ms(), a.at);
            let words = lang.f(
                key,
                &[
                    ("mark", &number(mark)),
                    ("unit", &sensor.unit),
                    ("level", &a.level.to_string()),
                    ("since", &since),
                ],
            );
            (words, if a.level > 1 { "bad" } else { "warn" })
        }
        (None, Some(_)) if is_expired(app, state, sensor) => (
            String::new(),
            if sensor.thresholds.is_empty() {
                "off"
            } else {
                "warn"
            },
        ),
        // Without thresholds nobody knows what would be too much: the number is no all-clear.
        (None, Some(_)) if sensor.thresholds.is_empty() => (lang.t("reading-no-mark"), "off"),
        (None, Some(_)) => (
            lang.f(
                "reading-next",
                &[
                    (
                        "mark",
                        &number(sensor.thresholds.first().copied().unwrap_or_default()),
                    ),
                    ("unit", &sensor.unit),
                ],
            ),
            "",
        ),
        (None, None) => (
            String::new(),
            if app.live.latest.is_invalid(&sensor.id) {
                "warn"
            } else {
                "off"
            },
        ),
    }
}

/// A sensor as a row.
pub(super) fn row(app: &App, lang: Lang, state: &VillageState, sensor: &Sensor) -> String {
    let id = format!("sensor-{}", sensor.id);
    if is_revoked(state, sensor) {
        return Row {
            id,
            status_class: "off",
            name: sensor.name.clone(),
            words: lang.t("device-sent-away"),
            ..Row::default()
        }
        .html();
    }
    let entity = state.entities.get(&sensor.id);
    let asks = entity.filter(|e| e.kind == Kind::BinarySensor);
    let name = match app.live.latest.get(&sensor.id) {
        Some(v) if asks.is_none() => format!(
            "{}: {}",
            sensor.name,
            lang.f(
                "reading",
                &[
                    ("value", &dates::number(v.number, sensor.decimals)),
                    ("unit", &sensor.unit)
                ]
            )
        )
        .trim_end()
        .to_owned(),
        _ => sensor.name.clone(),
    };
    let (words, mark) = asks.map_or_else(
        || numeric_status_text(app, lang, state, sensor),
        |e| binary_status_text(app, lang, state, sensor, e),
    );
    // The last value of an offline device is no all-clear.
    let (words, mark) = match offline_since(state, sensor) {
        None => (words, mark),
        Some(since) => {
            let key = if entity.is_some_and(|e| e.kind == Kind::BinarySensor && sensor.can_alarm(e))
            {
                "reading-deaf"
            } else {
                "reading-gone"
            };
            let gone = lang.f(
                key,
                &[(
                    "since",
                    &dates::since(app.supervisor.clock().wall_ms(), since),
                )],
            );
            (
                if sensor.alarm.is_some() {
                    format!("{words} · {gone}")
                } else {
                    gone
                },
                "bad",
            )
        }
    };
    let when = reading_time_text(app, lang, state, sensor, "reading-at");
    let words = if words.is_empty() {
        when
    } else {
        format!("{words} · {when}")
    };
    Row {
        id,
        status_class: mark,
        name,
        words,
        side: String::new(),
        href: String::new(),
    }
    .html()
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<String> {
    state
        .sensors
        .values()
        .map(|s| row(app, visit.lang, state, s))
        .collect()
}

/// The page.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let rows = fragments(&app, &visit, &state);
    let summary = html(&Banner {
        id: "sensors-note".into(),
        status_class: "info",
        title: f.t("sensor-note"),
        detail: String::new(),
    });
    let parts = vec![PageSection {
        rows,
        empty: f.t("no-sensors"),
        ..PageSection::default()
    }];
    render(&ListPage {
        title: f.t("sensors"),
        live: "/live/sensors",
        summary,
        parts,
        links: Vec::new(),
        refresh: 0,
        f,
    })
}
