//! Cảm biến: each reading in words, with its marks.

use axum::extract::State;
use axum::response::Response;

use super::app::{App, Visit};
use super::rows::{ListPage, Part, Row, Say, html};
use crate::domain::sensor::{Alarm, Sensor};
use crate::domain::state::State as Village;
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::doors::page::show;

/// The mark that an alarm passed, and whether the value is below it by now: the alarm stays until it is well below, and
/// who reads both must not think that the box is confused.
pub(super) fn passed(app: &App, sensor: &Sensor, alarm: &Alarm) -> (f64, bool) {
    let mark = sensor.marks.get(usize::from(alarm.level).saturating_sub(1)).copied().unwrap_or_default();
    (mark, app.live.latest.get(&sensor.id).is_some_and(|v| v.number < mark))
}

/// The device of a sensor was sent away: what it said last is nobody's word.
pub(super) fn is_sent_away(state: &Village, sensor: &Sensor) -> bool {
    state.device_of(&sensor.id).is_some_and(|d| state.is_sent_away(&d.id))
}

/// When the device of a sensor fell silent; none = it is heard, or never was.
pub(super) fn silent_since(state: &Village, sensor: &Sensor) -> Option<i64> {
    state.device_of(&sensor.id)?.presence.gone_since()
}

/// A sensor as a row.
pub(super) fn row(app: &App, lang: Lang, state: &Village, sensor: &Sensor) -> String {
    let id = format!("sensor-{}", sensor.id);
    if is_sent_away(state, sensor) {
        return Row { id, mark: "off", name: sensor.name.clone(), words: lang.t("device-sent-away"), ..Row::default() }.html();
    }
    let now = app.house.clock().wall_ms();
    let latest = app.live.latest.get(&sensor.id);
    let number = |v: f64| dates::number(v, sensor.decimals);
    let is_yes_no = state.entities.get(&sensor.id).is_some_and(|e| e.kind == crate::domain::entity::Kind::BinarySensor);
    let name = match latest {
        Some(v) if !is_yes_no => format!("{}: {}", sensor.name, lang.f("reading", &[("value", &number(v.number)), ("unit", &sensor.unit)])).trim_end().to_owned(),
        _ => sensor.name.clone(),
    };
    let (state_words, mark) = match (sensor.alarm, latest) {
        (Some(a), _) if is_yes_no => (lang.f("reading-smoke", &[("since", &dates::since(now, a.at))]), "bad"),
        (Some(a), _) => {
            let (mark, is_falling) = passed(app, sensor, &a);
            let key = if is_falling { "reading-falling" } else { "reading-level" };
            let words = lang.f(key, &[("mark", &number(mark)), ("unit", &sensor.unit), ("level", &a.level.to_string()), ("since", &dates::since(now, a.at))]);
            (words, if a.level > 1 { "bad" } else { "warn" })
        }
        (None, Some(_)) if is_yes_no || sensor.marks.is_empty() => (lang.t("reading-ok"), ""),
        (None, Some(_)) => (lang.f("reading-next", &[("mark", &number(sensor.marks.first().copied().unwrap_or_default())), ("unit", &sensor.unit)]), ""),
        (None, None) => (String::new(), "off"),
    };
    // What a silent device said last is no comfort.
    let (state_words, mark) = match (silent_since(state, sensor), sensor.alarm) {
        (None, _) => (state_words, mark),
        (Some(since), alarm) => {
            let gone = lang.f(if is_yes_no { "reading-deaf" } else { "reading-gone" }, &[("since", &dates::since(now, since))]);
            (if alarm.is_some() { format!("{state_words} · {gone}") } else { gone }, "bad")
        }
    };
    let when = latest.map_or_else(|| lang.t("tile-reading-none"), |v| lang.f("reading-at", &[("time", &dates::since(now, v.at))]));
    let words = if state_words.is_empty() { when } else { format!("{state_words} · {when}") };
    Row { id, mark, name, words, side: String::new(), href: String::new() }.html()
}

/// The fragments of this page.
pub fn fragments(app: &App, visit: &Visit, state: &Village) -> Vec<String> {
    state.sensors.values().map(|s| row(app, visit.lang, state, s)).collect()
}

/// The page.
pub async fn page(State(app): State<App>, visit: Visit) -> Response {
    let state = app.journal.state();
    let f = app.frame(&visit, &state, "more");
    let rows = fragments(&app, &visit, &state);
    let summary = html(&Say { id: "sensors-note".into(), kind: "info", title: f.t("sensor-note"), detail: String::new() });
    let parts = vec![Part { rows, empty: f.t("no-sensors"), ..Part::default() }];
    show(&ListPage { title: f.t("sensors"), live: "/live/sensors", summary, parts, links: Vec::new(), refresh: 0, f })
}
