//! The status of the village as values: every thing with its status, its reason and since when;
//! counts; common causes; and the summary from which the one sentence is worded.
//!
//! The gateway computes it (`view::village_status`). Pages, the control socket, the technician's
//! commands and the commune's console show it. Deliberately absent: words (`view::status_text`).

use serde::{Deserialize, Serialize};

use crate::time::WallMs;

/// Most names that a sentence gives; the rest is a number.
pub const MAX_NAMES: usize = 4;
/// Most common causes of a summary.
const MAX_CAUSES: usize = 8;
/// Longest name of a summary, bytes.
const MAX_NAME_BYTES: usize = 1_024;

/// How well a thing works, from best to worst.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It works.
    #[default]
    Well,
    /// Something is under way: an order waits for its answer, a camera is being called.
    Waiting,
    /// It is not known to work, or not all of it does: somebody should check.
    Attention,
    /// It does not work.
    Broken,
}

impl Status {
    /// The exit code of a command that shows this status: 0, or 2 when something is broken.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        if matches!(self, Self::Broken) { 2 } else { 0 }
    }
}

/// Kind of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThingKind {
    /// A device.
    Device,
    /// A lamp, or a switch shown among the lamps.
    Light,
    /// A speaker cluster.
    Speaker,
    /// A camera.
    Camera,
    /// A sensor.
    Sensor,
}

/// Why a thing has its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum StatusReason {
    /// It answers, reports or streams.
    Works,
    /// It publishes, but does not report when it loses its connection.
    Unmonitored,
    /// Nothing was ever received from it.
    NeverAnswered,
    /// Its group names it, and its device never announced it.
    NotAnnounced,
    /// Its device is offline.
    Silent,
    /// An order waits for its answer.
    OrderPending {
        /// The order.
        on: bool,
    },
    /// An order was never answered.
    OrderUnanswered {
        /// The order.
        on: bool,
    },
    /// Its last message is no valid value.
    Unreadable,
    /// Its last value is older than its device promised.
    Expired,
    /// Its device is online, and it never published a value.
    NoReading,
    /// Only a retained value is known, of an unknown age.
    OnlyRetained,
    /// It announced things that cannot be used.
    UnusableDiscovery {
        /// How many.
        count: usize,
    },
    /// The camera has no address.
    NoAddress,
    /// The camera is being called.
    Connecting,
    /// The camera's stream was lost.
    StreamLost,
    /// The stream is recorded and cannot be decoded.
    Undecodable,
    /// The stream comes and is not recorded.
    NotRecorded,
    /// It could not be checked whether the recording can be decoded.
    Unchecked,
    /// Packets are lost on the way.
    PacketLoss {
        /// Percentage of access units of the last minute.
        percent: u8,
    },
    /// The disk is too slow.
    SlowDisk {
        /// Percentage of access units of the last minute that were not recorded.
        percent: u8,
    },
    /// The camera's clock is not trusted.
    WrongClock,
}

/// One thing with its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThingStatus {
    /// Its kind.
    pub kind: ThingKind,
    /// Its id.
    pub id: String,
    /// Its name, as people call it.
    pub name: String,
    /// Name of the place where it hangs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How well it works.
    pub status: Status,
    /// Why.
    pub reason: StatusReason,
    /// Since when; none = it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<WallMs>,
    /// Of a lamp: whether it is on by its last report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    /// The device whose own status explains this one: the thing is counted and named with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_by: Option<String>,
}

impl ThingStatus {
    /// True for a thing that counts by itself: no device explains its status.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.explained_by.is_none()
    }

    /// Its kind, name and time, as sentences name it.
    #[must_use]
    pub fn named(&self) -> NamedThing {
        NamedThing {
            kind: self.kind,
            name: self.name.clone(),
            since: self.since,
        }
    }
}

/// A thing as a sentence names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedThing {
    /// Its kind.
    pub kind: ThingKind,
    /// Its name.
    pub name: String,
    /// Since when; none = it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<WallMs>,
}

/// The thing that several lost things have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum CauseKind {
    /// All devices and cameras of the village.
    Everything,
    /// All devices of one place.
    Place {
        /// Its name.
        name: String,
    },
    /// They were lost at the same moment.
    SameMoment,
}

impl CauseKind {
    fn rename(&mut self, rename: impl Fn(&str) -> String) {
        if let Self::Place { name } = self {
            *name = rename(name);
        }
    }
}

/// Things that were lost together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonCause {
    /// Their common cause.
    pub kind: CauseKind,
    /// Since when.
    pub since: WallMs,
    /// The things.
    pub things: Vec<NamedThing>,
}

/// A part of the gateway that does not work, as people are told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayTrouble {
    /// The journal takes nothing.
    Journal,
    /// The broker, or the gateway's own link to it.
    Broker,
    /// The broker's persistence log takes nothing.
    Queues,
    /// Keys are missing or damaged.
    Keys,
    /// Any other part.
    Other,
}

/// Stored data that was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostData {
    /// A part of history.
    History,
    /// A part of what the broker stores.
    Broker,
    /// Texts and names of people.
    Texts,
    /// The commune's copy of history differs.
    Commune,
}

/// Devices by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCounts {
    /// All but those whose account was revoked.
    pub all: usize,
    /// Those that answer.
    pub answering: usize,
    /// Those that are offline.
    pub offline: usize,
    /// Those that never answered.
    pub never_answered: usize,
}

/// Lamps by status; each lamp is in one of the numbers besides `all`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LightCounts {
    /// All lamps, also those that only their group names.
    pub all: usize,
    /// Lit, by their own report.
    pub lit: usize,
    /// Off, by their own report.
    pub off: usize,
    /// An order waits for its answer.
    pub waiting: usize,
    /// It is not known how they are; most never answered.
    pub unknown: usize,
    /// Broken.
    pub broken: usize,
}

/// Things of another kind by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThingCounts {
    /// All.
    pub all: usize,
    /// Speakers that will be heard; cameras whose stream comes; sensors whose value is known.
    pub working: usize,
    /// Broken.
    pub broken: usize,
}

/// The status of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageStatus {
    /// Every thing but those whose account was revoked, by kind and id.
    pub things: Vec<ThingStatus>,
    /// Devices.
    pub devices: DeviceCounts,
    /// Lamps.
    pub lights: LightCounts,
    /// Speaker clusters.
    pub speakers: ThingCounts,
    /// Cameras.
    pub cameras: ThingCounts,
    /// Sensors.
    pub sensors: ThingCounts,
    /// Things that were lost together.
    pub causes: Vec<CommonCause>,
    /// The values of which the one sentence is made.
    pub summary: StatusSummary,
}

/// Names of some things; the rest is a number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedThings {
    /// How many.
    pub count: usize,
    /// The first of them, at most [`MAX_NAMES`].
    pub first: Vec<NamedThing>,
}

impl NamedThings {
    /// The first names of `things`.
    #[must_use]
    pub fn of(things: impl IntoIterator<Item = NamedThing>) -> Self {
        let mut out = Self::default();
        for thing in things {
            out.count += 1;
            if out.first.len() < MAX_NAMES {
                out.first.push(thing);
            }
        }
        out
    }

    fn rename(&mut self, name: impl Fn(&str) -> String) {
        for thing in &mut self.first {
            thing.name = name(&thing.name);
        }
    }

    fn is_bounded(&self) -> bool {
        self.first.len() <= MAX_NAMES && self.first.iter().all(|t| t.name.len() <= MAX_NAME_BYTES)
    }
}

/// Things that were lost together, as a sentence names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseSummary {
    /// Their common cause.
    pub kind: CauseKind,
    /// Since when.
    pub since: WallMs,
    /// The things.
    pub things: NamedThings,
}

/// The values of which the one sentence is made; small enough to be sent to the commune whenever it
/// changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusSummary {
    /// The worst status of all things, and of the gateway.
    pub status: Status,
    /// There is no device and no camera yet.
    #[serde(default)]
    pub empty: bool,
    /// Parts of the gateway that do not work.
    #[serde(default)]
    pub gateway: Vec<GatewayTrouble>,
    /// How many things are broken, each counted once.
    #[serde(default)]
    pub broken_count: usize,
    /// Things that were lost together.
    #[serde(default)]
    pub causes: Vec<CauseSummary>,
    /// Broken things that have no common cause, longest first.
    #[serde(default)]
    pub broken: NamedThings,
    /// Things that are not known to work.
    #[serde(default)]
    pub unknown: NamedThings,
    /// Stored data that was lost.
    #[serde(default)]
    pub losses: Vec<LostData>,
}

impl StatusSummary {
    /// True while the gateway cannot receive what devices publish, or cannot record it: the status
    /// of every thing is as old as that fault.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.gateway
            .iter()
            .any(|t| matches!(t, GatewayTrouble::Journal | GatewayTrouble::Broker))
    }

    /// The causes as a summary holds them.
    #[must_use]
    pub fn causes_of(causes: &[CommonCause]) -> Vec<CauseSummary> {
        causes
            .iter()
            .take(MAX_CAUSES)
            .map(|c| CauseSummary {
                kind: c.kind.clone(),
                since: c.since,
                things: NamedThings::of(c.things.iter().cloned()),
            })
            .collect()
    }

    /// The same with every name as `name` gives it.
    #[must_use]
    pub fn with_names(mut self, name: impl Fn(&str) -> String + Copy) -> Self {
        for cause in &mut self.causes {
            cause.kind.rename(name);
            cause.things.rename(name);
        }
        self.broken.rename(name);
        self.unknown.rename(name);
        self
    }

    /// True when it is no larger than the gateway makes it; a peer's may be.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let place = |kind: &CauseKind| match kind {
            CauseKind::Place { name } => name.len() <= MAX_NAME_BYTES,
            CauseKind::Everything | CauseKind::SameMoment => true,
        };
        self.gateway.len() <= 8
            && self.losses.len() <= 8
            && self.causes.len() <= MAX_CAUSES
            && self
                .causes
                .iter()
                .all(|c| place(&c.kind) && c.things.is_bounded())
            && self.broken.is_bounded()
            && self.unknown.is_bounded()
    }
}

impl VillageStatus {
    /// The status of one thing; none = there is no such thing, or its account was revoked.
    #[must_use]
    pub fn of(&self, kind: ThingKind, id: &str) -> Option<&ThingStatus> {
        self.things
            .binary_search_by(|t| (t.kind, t.id.as_str()).cmp(&(kind, id)))
            .ok()
            .and_then(|at| self.things.get(at))
    }

    /// The same with every name as `name` gives it.
    #[must_use]
    pub fn with_names(mut self, name: impl Fn(&str) -> String + Copy) -> Self {
        for thing in &mut self.things {
            thing.name = name(&thing.name);
            thing.place = thing.place.as_deref().map(name);
        }
        for cause in &mut self.causes {
            cause.kind.rename(name);
            for thing in &mut cause.things {
                thing.name = name(&thing.name);
            }
        }
        self.summary = self.summary.with_names(name);
        self
    }

    /// All things of one kind.
    pub fn of_kind(&self, kind: ThingKind) -> impl Iterator<Item = &ThingStatus> {
        self.things.iter().filter(move |t| t.kind == kind)
    }

    /// The worst status of all, as exit codes show it.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.summary.status.exit_code()
    }
}
