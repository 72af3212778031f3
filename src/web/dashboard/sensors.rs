//! Cảm biến: each reading in words, with its thresholds.

use axum::extract::State;
use axum::response::Response;

use crate::domain::binary_sensor::{self, AlarmSeverity};
use crate::domain::entity::{Entity, Kind};
use crate::domain::sensor::{Alarm, Sensor};
use crate::domain::state::VillageState;
use crate::http::render::render;
use crate::i18n::locale::Lang;
use crate::i18n::{amounts, dates};
use crate::protocol::village_status::{
    Status, StatusReason, ThingKind, ThingStatus, VillageStatus,
};
use crate::view::status_text;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{
    Banner, Fragment, ListPage, PageSection, Row, html, status_class,
};

/// The class of a row that is neither well nor in trouble.
const NEUTRAL: &str = "off";

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

/// When its last value was received, or why none is known.
pub(super) fn reading_time_text(
    app: &App,
    lang: Lang,
    sensor: &Sensor,
    thing: &ThingStatus,
) -> String {
    let now = app.supervisor.clock().wall_ms();
    match (thing.reason, app.live.latest.get(&sensor.id)) {
        (StatusReason::Unreadable | StatusReason::Expired, _) => {
            status_text::reason_text(lang, now, thing)
        }
        (_, None) => lang.t("tile-reading-none"),
        (_, Some(v)) if v.retained => lang.t("reading-kept"),
        (_, Some(v)) => lang.f("reading-at", &[("time", &dates::since(now, v.at))]),
    }
}

/// How a row shows a sensor: its words, and its class in the style sheet.
type Shown = (String, &'static str);

/// The value of a binary sensor in words, and its class.
fn binary_text(
    app: &App,
    lang: Lang,
    sensor: &Sensor,
    entity: &Entity,
    thing: &ThingStatus,
) -> Shown {
    let known =
        binary_state_text(app, lang, entity).filter(|_| thing.reason != StatusReason::Expired);
    let alarm = sensor.alarm.map(|a| {
        lang.f(
            "reading-smoke",
            &[(
                "since",
                &dates::since(app.supervisor.clock().wall_ms(), a.at),
            )],
        )
    });
    let class = match &known {
        _ if alarm.is_some() => status_class(Status::Broken),
        _ if thing.status != Status::Well => status_class(thing.status),
        Some((_, AlarmSeverity::Normal)) => status_class(Status::Well),
        Some(_) => status_class(Status::Attention),
        None => NEUTRAL,
    };
    let words: Vec<String> = known
        .map(|(words, _)| words)
        .into_iter()
        .chain(alarm)
        .collect();
    (words.join(" · "), class)
}

/// The value of a numeric sensor against its thresholds in words, and its class.
fn numeric_text(app: &App, lang: Lang, sensor: &Sensor, thing: &ThingStatus) -> Shown {
    let number = |v: f64| dates::number(lang, v, sensor.decimals);
    if let Some(a) = sensor.alarm {
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
                ("unit", &amounts::unit(lang, &sensor.unit)),
                ("level", &a.level.to_string()),
                ("since", &since),
            ],
        );
        let shown = if a.level > 1 {
            Status::Broken
        } else {
            Status::Attention
        };
        return (words, status_class(shown.max(thing.status)));
    }
    if thing.status != Status::Well {
        return (String::new(), status_class(thing.status));
    }
    match sensor.thresholds.first() {
        // Without thresholds nobody knows what would be too much: the number is no all-clear.
        None => (lang.t("reading-no-mark"), NEUTRAL),
        Some(first) => (
            lang.f(
                "reading-next",
                &[
                    ("mark", &number(*first)),
                    ("unit", &amounts::unit(lang, &sensor.unit)),
                ],
            ),
            status_class(Status::Well),
        ),
    }
}

/// A sensor as a row.
fn row(
    app: &App,
    lang: Lang,
    state: &VillageState,
    status: &VillageStatus,
    sensor: &Sensor,
) -> Fragment {
    let id = format!("sensor-{}", sensor.id);
    let Some(thing) = status.of(ThingKind::Sensor, sensor.id.as_str()) else {
        return Row {
            id,
            status_class: NEUTRAL,
            name: lang.verbatim(&sensor.name),
            words: lang.t("device-sent-away"),
            ..Row::default()
        }
        .fragment();
    };
    let entity = state.entities.get(&sensor.id);
    let asks = entity.filter(|e| e.kind == Kind::BinarySensor);
    let name = match app.live.latest.get(&sensor.id) {
        Some(v) if asks.is_none() => format!(
            "{}: {}",
            lang.verbatim(&sensor.name),
            lang.f(
                "reading",
                &[
                    ("value", &dates::number(lang, v.number, sensor.decimals)),
                    ("unit", &amounts::unit(lang, &sensor.unit))
                ]
            )
        )
        .trim_end()
        .to_owned(),
        _ => lang.verbatim(&sensor.name),
    };
    let (words, class) = asks.map_or_else(
        || numeric_text(app, lang, sensor, thing),
        |e| binary_text(app, lang, sensor, e, thing),
    );
    // The last value of an offline device is no all-clear.
    let (words, class) = if thing.reason == StatusReason::Silent {
        let key = if asks.is_some_and(|e| sensor.can_alarm(e)) {
            "reading-deaf"
        } else {
            "reading-gone"
        };
        let since = dates::since(
            app.supervisor.clock().wall_ms(),
            thing.since.unwrap_or_default(),
        );
        let gone = lang.f(key, &[("since", &since)]);
        (
            if sensor.alarm.is_some() {
                format!("{words} · {gone}")
            } else {
                gone
            },
            status_class(thing.status),
        )
    } else {
        (words, class)
    };
    let when = reading_time_text(app, lang, sensor, thing);
    let words = if words.is_empty() {
        when
    } else {
        format!("{words} · {when}")
    };
    Row {
        id,
        status_class: class,
        name,
        words,
        ..Row::default()
    }
    .fragment()
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &RequestContext, state: &VillageState) -> Vec<Fragment> {
    let status = app.status_on_page(visit.lang, state);
    state
        .sensors
        .values()
        .map(|s| row(app, visit.lang, state, &status, s))
        .collect()
}

/// The page.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.village();
    let f = app.page_context(&visit, &state, "more");
    let rows = fragments(&app, &visit, &state);
    let rows = rows.into_iter().map(|row| row.html).collect();
    let note = Banner {
        id: "sensors-note".into(),
        status_class: "info",
        title: f.t("sensor-note"),
        ..Banner::default()
    };
    let parts = vec![PageSection {
        rows,
        empty: f.t("no-sensors"),
        ..PageSection::default()
    }];
    render(&ListPage {
        title: f.t("sensors"),
        live: "/live/sensors",
        summary: html(&note),
        parts,
        links: Vec::new(),
        refresh: 0,
        f,
    })
}
