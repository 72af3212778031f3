//! The free wifi as the village decided it: when it is open, how much a device may use, and the
//! devices that are let in always or never.
//!
//! Invariants: a device stands here by a keyed hash of its hardware address, never by the address;
//! only devices on which a person decided stand here. Deliberately absent: sessions. The visits of
//! the wifi are no history of the village, which keeps for ever: it is a row that is deleted after
//! [`WifiRules::keep_days`].

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

pub use self::device_code::DeviceCodes;
pub use self::garden::PROBES;
use self::garden::{is_host_name, opens_probes};
pub use self::wifi_name::{GATEWAY_NAME, wifi_name};
use super::id::GuestId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::things::Things;
use super::validation::{check_name, check_number};

pub mod admission;
mod device_code;
mod garden;
pub mod rules;
mod wifi_name;

/// Most devices on which a person may decide.
pub const MAX_DECIDED: usize = 500;
/// Most names in the walled garden.
pub const MAX_GARDEN_NAMES: usize = 100;
/// Most devices at a time; more have no slot in the kernel's rules.
pub const MAX_DEVICES: u16 = 500;
/// The most that may be allowed a day, MB.
pub const MOST_DAY_MB: u32 = 10_000_000;
/// The most that may be allowed a day on metered uplinks, MB.
pub const MOST_METERED_MB: u32 = 1_000_000;
/// The least and the most speed that may be set, kbit/s.
pub const SPEEDS_KBIT: std::ops::RangeInclusive<u32> = 128..=10_000_000;
/// For how long rows of sessions may be kept, days.
pub const KEEP_DAYS: [u16; 4] = [0, 30, 90, 365];

/// From when until when the wifi is open each day, minutes after midnight by the village's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenHours {
    /// The first minute.
    pub from: u16,
    /// The minute at which it closes; before `from` = on the next day.
    pub until: u16,
}

impl OpenHours {
    /// Whether a day of the calendar begins while it is open.
    #[must_use]
    pub fn is_open_at_midnight(self) -> bool {
        self.from == 0 || (self.until > 0 && self.from >= self.until)
    }
}

/// The rules of the free wifi.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WifiRules {
    /// Off = the portal and its notices only.
    pub is_on: bool,
    /// None = day and night.
    pub hours: Option<OpenHours>,
    /// How long a device is in after one tap, minutes; none = until it closes, at most a day. No
    /// session goes on after closing time.
    pub session_minutes: Option<u16>,
    /// The most that a device may use in a day, MB of both directions; none = no bound.
    pub device_mb: Option<u32>,
    /// The most that all devices may use in a day together, MB.
    pub house_mb: Option<u32>,
    /// Speed of one device, kbit/s.
    pub device_kbit: Option<u32>,
    /// Speed of all together, kbit/s.
    pub house_kbit: Option<u32>,
    /// Devices at a time, without those that are let in always.
    pub most_devices: u16,
    /// The most that guests may use in a day on a metered uplink, MB; 0 = portal and garden only.
    pub metered_mb: u32,
    /// For how many days rows of sessions are kept: one of [`KEEP_DAYS`].
    pub keep_days: u16,
    /// Names that need no tap and are not counted; each with all names below it. None of them is a
    /// host by which phones find the portal.
    pub garden: Vec<String>,
    /// Whether names of the block list are not answered.
    pub block_list: bool,
}

impl Default for WifiRules {
    fn default() -> Self {
        Self {
            is_on: true,
            hours: Some(OpenHours {
                from: 5 * 60,
                until: 22 * 60,
            }),
            session_minutes: None,
            device_mb: Some(1_024),
            house_mb: None,
            device_kbit: Some(5_000),
            house_kbit: None,
            most_devices: 60,
            metered_mb: 0,
            keep_days: 30,
            garden: Vec::new(),
            block_list: false,
        }
    }
}

impl WifiRules {
    /// Whether the walled garden is another one than with these rules.
    #[must_use]
    pub fn has_other_garden(&self, before: &Self) -> bool {
        (self.is_on, &self.garden) != (before.is_on, &before.garden)
    }

    /// The first name in the garden that is no name of a host.
    #[must_use]
    pub fn wrong_garden_name(&self) -> Option<&str> {
        let mut names = self.garden.iter().map(String::as_str);
        names.find(|name| !is_host_name(name))
    }

    /// The first name in the garden that would open a host by which phones find the portal.
    #[must_use]
    pub fn probing_garden_name(&self) -> Option<&str> {
        let mut names = self.garden.iter().map(String::as_str);
        names.find(|name| opens_probes(name))
    }
}

/// The subject of entries about the rules; no thing has such an id.
pub const RULES_SUBJECT: &str = "wifi rules";

/// The decision of a person about a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is let in without a tap: a hall's television, a printer. It takes no place among the most
    /// devices. Opening hours, quotas and speeds hold for it as for all: a closed wifi is closed.
    AlwaysIn,
    /// It is not let in.
    Blocked,
}

/// A device on which a person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedDevice {
    /// The device.
    pub id: GuestId,
    /// Its name on the list: “Ti vi hội trường”. History has this name for ever.
    pub name: String,
    /// The decision.
    pub standing: Standing,
}

/// The free wifi as it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wifi {
    /// Its rules.
    #[serde(default)]
    pub rules: WifiRules,
    /// Devices on which a person decided.
    #[serde(default)]
    pub decided: Things<GuestId, DecidedDevice>,
}

/// A request about the free wifi.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Sets the rules.
    #[serde(rename = "SetWifiRules")]
    SetRules { rules: WifiRules },
    /// Lets a device in always, or never.
    #[serde(rename = "DecideGuest")]
    Decide { device: DecidedDevice },
    /// Takes the decision back: the device is a guest as all are.
    #[serde(rename = "ForgetGuest")]
    Forget { device: GuestId },
    /// Ends the session of a device now; its next tap begins another.
    #[serde(rename = "CutGuest")]
    Cut { device: GuestId },
}

/// Something that was decided about the free wifi.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// The rules changed.
    RulesSet { rules: WifiRules },
    /// A device is let in always or never.
    Decided { device: DecidedDevice },
    /// The decision was taken back.
    Forgotten { device: GuestId, name: String },
    /// A session was ended by a person.
    Cut { device: GuestId },
}

impl Event {
    /// The device on which this event decides; none = it decides on none.
    #[must_use]
    pub const fn decided(&self) -> Option<&GuestId> {
        match self {
            Self::Decided { device } => Some(&device.id),
            Self::Forgotten { device, .. } => Some(device),
            Self::RulesSet { .. } | Self::Cut { .. } => None,
        }
    }

    /// How this event is filed. The identity of a guest's device stays in the house.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        match self {
            Self::RulesSet { .. } => EventProperties::in_lane(Lane::State).about(RULES_SUBJECT),
            Self::Decided { device } => EventProperties::in_lane(Lane::Local)
                .about(device.id.as_str())
                .naming(device.id.as_str(), &device.name),
            Self::Forgotten { device, .. } | Self::Cut { device } => {
                EventProperties::in_lane(Lane::Local).about(device.as_str())
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
        Command::SetRules { rules } => validate_rules(rules),
        Command::Decide { device } => check_name("name", &device.name),
        // An id only.
        Command::Forget { .. } | Command::Cut { .. } => Ok(()),
    }
}

fn validate_rules(rules: &WifiRules) -> Result<(), Rejection> {
    let is_minute = |minute: u16| minute < 24 * 60;
    let hours = rules
        .hours
        .is_none_or(|h| is_minute(h.from) && is_minute(h.until) && h.from != h.until);
    check_number("hours", hours)?;
    let session = rules
        .session_minutes
        .is_none_or(|m| (5..=1_440).contains(&m));
    check_number("session", session)?;
    let quotas = [rules.device_mb, rules.house_mb];
    let quotas = quotas
        .iter()
        .flatten()
        .all(|mb| (1..=MOST_DAY_MB).contains(mb));
    check_number("quota", quotas && rules.metered_mb <= MOST_METERED_MB)?;
    let speeds = [rules.device_kbit, rules.house_kbit];
    let speeds = speeds
        .iter()
        .flatten()
        .all(|kbit| SPEEDS_KBIT.contains(kbit));
    check_number("speed", speeds)?;
    let devices = (1..=MAX_DEVICES).contains(&rules.most_devices);
    check_number("devices", devices)?;
    check_number("keep-days", KEEP_DAYS.contains(&rules.keep_days))?;
    let has_room = rules.garden.len() <= MAX_GARDEN_NAMES;
    check_number("garden", has_room && rules.wrong_garden_name().is_none())?;
    check_number("garden-probe", rules.probing_garden_name().is_none())
}
