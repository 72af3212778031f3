//! What a yes or no is about: Home Assistant's device classes of binary sensors, and how grave a
//! “yes” is here.
//!
//! Source: <https://www.home-assistant.io/integrations/binary_sensor/#device-class>. The words are in the locale files
//! (`state-<class>-on`, `state-<class>-off`); a class that is not known is on or off, and never
//! well.

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmSeverity {
    /// Either is as good: a door, a motion.
    Normal,
    /// Somebody should look after it: an empty battery.
    Warning,
    /// People may be in danger: an alarm without configuration.
    Alarm,
}

/// Classes, with the weight of “on” and of “off”.
///
/// An alarm are those where “on” itself means danger: smoke, gas, carbon monoxide, water where none
/// should be, heat of a fire detector, an unsafe state, and a box that is being broken open. A
/// problem is not: devices call a full dust filter so. Doors, motion and the like alarm only where
/// a `[[sensor]]` table gives them a mark.
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

/// How grave it is that something of this class is on or off.
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

/// Key of the words for it in the locale files.
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

/// All keys of words.
pub fn keys() -> impl Iterator<Item = String> {
    DEVICE_CLASSES
        .iter()
        .map(|(name, ..)| *name)
        .chain([""])
        .flat_map(|class| [key(class, true), key(class, false)])
}
