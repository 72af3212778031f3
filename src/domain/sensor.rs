//! Sensors: their thresholds, and the alarm that is raised.
//!
//! Readings are not history (they live in `store/samples` and `live/`); crossing a threshold is.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::binary_sensor::{AlarmSeverity, severity};
use super::entity::{Entity, Kind};
use super::id::EntityId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::text::MAX_UNIT_CHARS;
use super::validation::{
    MAX_DECIMALS, MAX_THRESHOLDS, are_thresholds, check_line, check_name, check_number, is_value,
};
use crate::time::WallMs;

pub mod rules;

/// A measured value with its thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// Its entity.
    pub id: EntityId,
    /// “Mực nước kênh”.
    pub name: String,
    /// Unit as printed.
    #[serde(default)]
    pub unit: String,
    /// Readings are stored as integers with this many decimals (0 = whole units).
    #[serde(default)]
    pub decimals: u8,
    /// Rising thresholds, in the sensor's unit; crossing the n-th means alarm level n.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "marks")]
    pub thresholds: Vec<f64>,
    /// The alarm that is raised now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
}

/// An alarm: a threshold was crossed and the value has not fallen below it since.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Level: 1 = the first threshold.
    pub level: u8,
    /// The value that crossed it.
    pub value: f64,
    /// When.
    pub at: WallMs,
}

impl Sensor {
    /// A sensor as its device announces it: without thresholds.
    #[must_use]
    pub fn of(entity: &Entity) -> Self {
        Self {
            id: entity.id.clone(),
            name: entity.name.clone(),
            unit: entity.unit.clone(),
            decimals: 1,
            thresholds: Vec::new(),
            alarm: None,
        }
    }

    /// The alarm level of `value`: by the thresholds or, for a binary sensor without thresholds, by
    /// its device class.
    #[must_use]
    pub fn level(&self, entity: &Entity, value: f64) -> u8 {
        if entity.kind == Kind::BinarySensor && self.thresholds.is_empty() {
            u8::from(severity(&entity.class, value > 0.5) == AlarmSeverity::Alarm)
        } else {
            self.level_of(value)
        }
    }

    /// True when some value of `entity` raises an alarm.
    #[must_use]
    pub fn can_alarm(&self, entity: &Entity) -> bool {
        !self.thresholds.is_empty()
            || entity.kind == Kind::BinarySensor
                && [true, false]
                    .iter()
                    .any(|on| severity(&entity.class, *on) == AlarmSeverity::Alarm)
    }

    /// The alarm level of `value` by the thresholds; 0 = below the first. A raised level has a
    /// hysteresis of 2 % of its threshold, so that a value that hovers on the threshold does not
    /// raise the alarm twice a second.
    #[must_use]
    pub fn level_of(&self, value: f64) -> u8 {
        let now = self.alarm.map_or(0, |a| usize::from(a.level));
        let mut level = 0;
        for (i, mark) in self.thresholds.iter().enumerate() {
            let edge = if i < now {
                mark - mark.abs() * 0.02
            } else {
                *mark
            };
            if value >= edge {
                level = i + 1;
            }
        }
        u8::try_from(level).unwrap_or(u8::MAX)
    }
}

/// A request about sensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Declares a sensor's name, unit and thresholds.
    #[serde(rename = "DeclareSensor")]
    Declare { sensor: Sensor },
    /// A reading moved to another alarm level (0 = below every threshold).
    ReportLevel {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
}

/// Something that happened to a sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A sensor's name, unit and thresholds were declared.
    Declared { sensor: Sensor },
    /// A value crossed a threshold upwards.
    AlarmRaised {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
    /// A value fell below a threshold; `level` is the level that remains.
    AlarmLowered {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        match self {
            Self::Declared { sensor } => {
                EventProperties::in_lane(Lane::State).naming(sensor.id.as_str(), &sensor.name)
            }
            Self::AlarmRaised { sensor, .. } => {
                EventProperties::in_lane(Lane::Alarm).about(sensor.as_str())
            }
            Self::AlarmLowered { sensor, .. } => {
                EventProperties::in_lane(Lane::Log).about(sensor.as_str())
            }
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Declare { sensor } => {
            check_name("name", &sensor.name)?;
            check_line("unit", &sensor.unit, MAX_UNIT_CHARS)?;
            check_number("decimals", sensor.decimals <= MAX_DECIMALS)?;
            check_number("marks", are_thresholds(&sensor.thresholds))
        }
        Command::ReportLevel { level, value, .. } => check_number(
            "value",
            is_value(*value) && usize::from(*level) <= MAX_THRESHOLDS,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge() -> Sensor {
        Sensor {
            id: EntityId::new("cb-01.level").expect("id"),
            name: "Mực nước".into(),
            unit: "cm".into(),
            decimals: 0,
            thresholds: vec![180.0, 230.0, 260.0],
            alarm: None,
        }
    }

    #[test]
    fn a_level_needs_its_mark_and_leaves_below_it() {
        let mut s = gauge();
        assert_eq!(
            [s.level_of(179.9), s.level_of(180.0), s.level_of(261.0)],
            [0, 1, 3]
        );
        s.alarm = Some(Alarm {
            level: 1,
            value: 181.0,
            at: WallMs::new(0),
        });
        assert_eq!([s.level_of(177.0), s.level_of(176.0)], [1, 0]);
    }
}
