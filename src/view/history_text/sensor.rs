//! Sensors, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::entity::Kind;
use crate::domain::event::{self, Entry};
use crate::domain::id::EntityId;
use crate::domain::sensor::Event;
use crate::domain::state::VillageState;
use crate::i18n::locale::Lang;
use crate::i18n::{amounts, dates};

/// A value that crosses a threshold again within this time swings about it, ms.
const SWINGS_WITHIN_MS: i64 = 600_000;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::Declared { sensor } => {
            Sentence::act(context.with_given("happened-sensor", &sensor.name))
        }
        Event::AlarmRaised { sensor, value, .. } => {
            Sentence::happened(crossing(context, event, sensor, *value)).marked("warn")
        }
        Event::AlarmLowered { sensor, value, .. } => {
            Sentence::happened(crossing(context, event, sensor, *value))
        }
    }
}

/// How it stands among rows.
pub(super) fn row_rule(event: &Event) -> RowRule {
    match event {
        Event::Declared { .. } => RowRule::of(Placement::Routine),
        Event::AlarmRaised { sensor, .. } | Event::AlarmLowered { sensor, .. } => {
            let key = format!("alarm {sensor} {}", threshold_number(event));
            RowRule::of(Placement::News).folded(key, SWINGS_WITHIN_MS, 3)
        }
    }
}

/// Several crossings of one threshold in one sentence; `newest` is the first of them.
pub(super) fn folded(
    context: &SentenceContext<'_>,
    newest: &Event,
    entries: &[&Entry],
) -> Option<Sentence> {
    let (sensor, is_over) = match newest {
        Event::AlarmRaised { sensor, .. } => (sensor, true),
        Event::AlarmLowered { sensor, .. } => (sensor, false),
        Event::Declared { .. } => return None,
    };
    let (first, last) = (entries.last()?, entries.first()?);
    let minutes = (last.wall_ms.since(first.wall_ms).max(0) + 59_999) / 60_000;
    let mark = context
        .names
        .state()
        .filter(|state| !is_yes_no(state, sensor))
        .and_then(|state| threshold_text(context.lang, state, newest, sensor));
    let crossings = entries
        .iter()
        .filter(|e| matches!(e.event, event::Event::Sensor(_)))
        .count();
    let key = match (mark.is_some(), is_over) {
        (true, true) => "happened-swung-over",
        (true, false) => "happened-swung-under",
        (false, true) => "happened-swung-alarm",
        (false, false) => "happened-swung-no-alarm",
    };
    let words = context.lang.f(
        key,
        &[
            ("name", &context.names.name(sensor.as_str())),
            ("mark", &mark.unwrap_or_default()),
            ("n", &crossings.to_string()),
            ("minutes", &minutes.max(1).to_string()),
        ],
    );
    Some(Sentence::happened(words).marked(if is_over { "warn" } else { "" }))
}

/// The number of the threshold that was crossed, from 1.
const fn threshold_number(event: &Event) -> u8 {
    match event {
        Event::Declared { .. } => 0,
        Event::AlarmRaised { level, .. } => *level,
        Event::AlarmLowered { level, .. } => level.saturating_add(1),
    }
}

fn is_yes_no(state: &VillageState, sensor: &EntityId) -> bool {
    state
        .entities
        .get(sensor)
        .is_some_and(|e| e.kind == Kind::BinarySensor)
}

/// A value with the unit of its sensor.
fn value_text(lang: Lang, state: &VillageState, sensor: &EntityId, value: f64) -> String {
    let (unit, decimals) = state.sensors.get(sensor).map_or((String::new(), 1), |s| {
        (amounts::unit(lang, &s.unit), s.decimals.max(1))
    });
    format!("{} {unit}", dates::number(lang, value, decimals))
        .trim()
        .to_owned()
}

/// The threshold that was crossed, with its unit; none = the sensor has no such threshold now.
fn threshold_text(
    lang: Lang,
    state: &VillageState,
    event: &Event,
    sensor: &EntityId,
) -> Option<String> {
    let number = usize::from(threshold_number(event)).checked_sub(1)?;
    let threshold = *state.sensors.get(sensor)?.thresholds.get(number)?;
    Some(value_text(lang, state, sensor, threshold))
}

/// A crossed threshold, upwards or downwards: which threshold, and the measured value.
fn crossing(context: &SentenceContext<'_>, event: &Event, sensor: &EntityId, value: f64) -> String {
    let lang = context.lang;
    let is_up = matches!(event, Event::AlarmRaised { .. });
    let name = context.names.name(sensor.as_str());
    let Some(state) = context.names.state() else {
        let key = if is_up {
            "commune-raised"
        } else {
            "commune-lowered"
        };
        return lang.f(
            key,
            &[("name", &name), ("value", &dates::number(lang, value, 1))],
        );
    };
    if !is_up
        && state
            .device_of(sensor)
            .is_none_or(|d| state.is_revoked(&d.id))
    {
        // Nobody reported that the danger is over: the sensor has no device any more, or the
        // device's account was revoked.
        return context.with("happened-alarm-dropped", &name);
    }
    if is_yes_no(state, sensor) {
        let key = if is_up {
            "happened-alarm"
        } else {
            "happened-alarm-over"
        };
        return context.with(key, &name);
    }
    let key = if is_up {
        "happened-raised"
    } else {
        "happened-lowered"
    };
    lang.f(
        key,
        &[
            ("name", &name),
            (
                "mark",
                &threshold_text(lang, state, event, sensor).unwrap_or_default(),
            ),
            ("value", &value_text(lang, state, sensor, value)),
        ],
    )
}
