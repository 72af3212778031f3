//! What a yes or no is about: Home Assistant's device classes of binary sensors, and how grave a
//! “yes” is here.
//!
//! Source: <https://www.home-assistant.io/integrations/binary_sensor/#device-class>. The words are in the locale files
//! (`state-<class>-on`, `state-<class>-off`); a class that is not known is on or off, and never
//! well.

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Either is as good: a door, a motion.
    Plain,
    /// Somebody should look after it: an empty battery.
    Care,
    /// People may be in danger: an alarm without configuration.
    Alarm,
}

/// Classes, with the weight of “on” and of “off”.
///
/// An alarm are those where “on” itself means danger: smoke, gas, carbon monoxide, water where none
/// should be, heat of a fire detector, an unsafe state, and a box that is being broken open. A
/// problem is not: devices call a full dust filter so. Doors, motion and the like alarm only where
/// a `[[sensor]]` table gives them a mark.
const CLASSES: [(&str, Weight, Weight); 28] = {
    use Weight::{Alarm, Care, Plain};
    [
        ("battery", Care, Plain),
        ("battery_charging", Plain, Plain),
        ("carbon_monoxide", Alarm, Plain),
        ("cold", Care, Plain),
        ("connectivity", Plain, Care),
        ("door", Plain, Plain),
        ("garage_door", Plain, Plain),
        ("gas", Alarm, Plain),
        ("heat", Alarm, Plain),
        ("light", Plain, Plain),
        ("lock", Plain, Plain),
        ("moisture", Alarm, Plain),
        ("motion", Plain, Plain),
        ("moving", Plain, Plain),
        ("occupancy", Plain, Plain),
        ("opening", Plain, Plain),
        ("plug", Plain, Plain),
        ("power", Plain, Plain),
        ("presence", Plain, Plain),
        ("problem", Care, Plain),
        ("running", Plain, Plain),
        ("safety", Alarm, Plain),
        ("smoke", Alarm, Plain),
        ("sound", Plain, Plain),
        ("tamper", Alarm, Plain),
        ("update", Plain, Plain),
        ("vibration", Plain, Plain),
        ("window", Plain, Plain),
    ]
};

/// How grave it is that something of this class is on or off.
#[must_use]
pub fn weight(class: &str, on: bool) -> Weight {
    CLASSES
        .iter()
        .find(|(name, ..)| *name == class)
        .map_or(Weight::Plain, |(_, yes, no)| if on { *yes } else { *no })
}

/// Key of the words for it in the locale files.
#[must_use]
pub fn key(class: &str, on: bool) -> String {
    let known = CLASSES
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
    CLASSES
        .iter()
        .map(|(name, ..)| *name)
        .chain([""])
        .flat_map(|class| [key(class, true), key(class, false)])
}
