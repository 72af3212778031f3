//! Sensors, in words.

use super::SentenceContext;
use crate::domain::entity::Kind;
use crate::domain::id::EntityId;
use crate::domain::sensor::Event;
use crate::i18n::dates;
use crate::web::kit::names::name_of;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    match event {
        Event::Declared { sensor } => (
            context.lang.f("happened-sensor", &[("name", &sensor.name)]),
            "",
        ),
        Event::AlarmRaised {
            sensor,
            level,
            value,
        } => (
            threshold_text(context, sensor, *level, *value, true),
            "warn",
        ),
        Event::AlarmLowered {
            sensor,
            level,
            value,
        } => {
            let left = level.saturating_add(1);
            (threshold_text(context, sensor, left, *value, false), "")
        }
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Declared { .. } => false,
        Event::AlarmRaised { .. } | Event::AlarmLowered { .. } => true,
    }
}

/// A crossed threshold, upwards or downwards: which threshold, and the measured value.
fn threshold_text(
    context: &SentenceContext<'_>,
    sensor: &EntityId,
    level: u8,
    value: f64,
    up: bool,
) -> String {
    let (lang, state) = (context.lang, context.state);
    let name = name_of(state, sensor.as_str());
    if !up
        && state
            .device_of(sensor)
            .is_none_or(|d| state.is_revoked(&d.id))
    {
        // Nobody reported that the danger is over: the sensor has no device any more, or the
        // device's account was revoked.
        return lang.f("happened-alarm-dropped", &[("name", &name)]);
    }
    if state
        .entities
        .get(sensor)
        .is_some_and(|e| e.kind == Kind::BinarySensor)
    {
        return lang.f(
            if up {
                "happened-alarm"
            } else {
                "happened-alarm-over"
            },
            &[("name", &name)],
        );
    }
    let known = state.sensors.get(sensor);
    let (unit, decimals) =
        known.map_or((String::new(), 1), |s| (s.unit.clone(), s.decimals.max(1)));
    let with_unit = |v: f64| {
        format!("{} {unit}", dates::number(v, decimals))
            .trim()
            .to_owned()
    };
    let mark = known
        .and_then(|s| s.thresholds.get(usize::from(level).saturating_sub(1)))
        .map(|m| with_unit(*m))
        .unwrap_or_default();
    lang.f(
        if up {
            "happened-raised"
        } else {
            "happened-lowered"
        },
        &[
            ("name", &name),
            ("mark", &mark),
            ("value", &with_unit(value)),
        ],
    )
}
