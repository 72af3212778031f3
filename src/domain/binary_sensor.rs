//! Device classes of binary sensors, as in Home Assistant, and how severe “on” and “off” are for
//! each.
//!
//! Source: <https://www.home-assistant.io/integrations/binary_sensor/#device-class>. The texts are
//! in the locale files (`state-<class>-on`, `state-<class>-off`). An unknown class is shown as
//! plain on or off, never as well.

/// How severe a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmSeverity {
    /// Neither state is better than the other: a door, motion.
    Normal,
    /// A person should see to it: an empty battery.
    Warning,
    /// People may be in danger: raises an alarm without any configuration.
    Alarm,
}

/// Device classes with the severity of “on” and of “off”.
///
/// The severity is `Alarm` where “on” itself means danger: smoke, gas, carbon monoxide, water where
/// none should be, heat of a fire detector, an unsafe state, and a box that is being broken open.
/// `problem` is a `Warning`: devices report a full dust filter with it. Doors, motion and the like
/// raise an alarm only where a `[[sensor]]` table gives them a threshold (`marks`).
const DEVICE_CLASSES: [(&str, AlarmSeverity, AlarmSeverity); 28] = {
    use AlarmSeverity::{Alarm, Normal, Warning};
    [
        ("battery", Warning, Normal),
        ("battery_charging", Normal, Normal),
        ("carbon_monoxide", Alarm, Normal),
        ("cold", Warning, Normal),
        ("connectivity", Normal, Warning),
        ("door", Normal, Normal),
        ("garage_door", Normal, Normal),
        ("gas", Alarm, Normal),
        ("heat", Alarm, Normal),
        ("light", Normal, Normal),
        ("lock", Normal, Normal),
        ("moisture", Alarm, Normal),
        ("motion", Normal, Normal),
        ("moving", Normal, Normal),
        ("occupancy", Normal, Normal),
        ("opening", Normal, Normal),
        ("plug", Normal, Normal),
        ("power", Normal, Normal),
        ("presence", Normal, Normal),
        ("problem", Warning, Normal),
        ("running", Normal, Normal),
        ("safety", Alarm, Normal),
        ("smoke", Alarm, Normal),
        ("sound", Normal, Normal),
        ("tamper", Alarm, Normal),
        ("update", Normal, Normal),
        ("vibration", Normal, Normal),
        ("window", Normal, Normal),
    ]
};

/// How severe it is that a sensor of this class is on or off.
#[must_use]
pub fn severity(class: &str, on: bool) -> AlarmSeverity {
    DEVICE_CLASSES
        .iter()
        .find(|(name, ..)| *name == class)
        .map_or(
            AlarmSeverity::Normal,
            |(_, yes, no)| if on { *yes } else { *no },
        )
}

/// Key of its text in the locale files.
#[must_use]
pub fn key(class: &str, on: bool) -> String {
    let known = DEVICE_CLASSES
        .iter()
        .find(|(name, ..)| *name == class)
        .map_or("other", |(name, ..)| *name);
    format!(
        "state-{}-{}",
        known.replace('_', "-"),
        if on { "on" } else { "off" }
    )
}

/// All keys of texts that [`key`] can return.
pub fn keys() -> impl Iterator<Item = String> {
    DEVICE_CLASSES
        .iter()
        .map(|(name, ..)| *name)
        .chain([""])
        .flat_map(|class| [key(class, true), key(class, false)])
}
