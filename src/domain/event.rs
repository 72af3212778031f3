//! Every fact. Past tense. What is written down, and in which lane it travels.
//!
//! Invariant: events are what is stored for ever (version 1 of the codec); a change of shape here
//! is a new version with an upcaster in `journal/codec`. Apply must be total: any event on any
//! state is defined.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::actor::{Actor, User};
use super::blob::BlobRef;
use super::camera::Camera;
use super::declared::Thing;
use super::device::{Account, Device};
use super::entity::Entity;
use super::id::{
    AnnouncementId, BlobId, CameraId, DeviceId, EntityId, GroupId, NoticeId, TokenId, UserId,
};
use super::light::LightGroup;
use super::notice::NoticeKind;
use super::place::Place;
use super::sensor::Sensor;
use super::speaker::{AnnouncementClass, PlaybackOutcome, Speaker};
use super::token::Token;
use super::village::Village;

/// A fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t")]
pub enum Event {
    /// The box began a boot: `boot` counts them, `previous` is the epoch before (hexadecimal).
    Booted { boot: u64, previous: String },
    /// The wall clock became trustworthy; add `offset_ms` to earlier wall times of this boot.
    ClockKnown { offset_ms: i64 },
    /// Entries `from` to `to` were let go: too old, or no room for them.
    HistoryTrimmed { from: u64, to: u64 },
    /// History behind `from` up to `to` (the last number known to have existed) could not be read.
    /// `lost` counts entries that were behind `from` in that epoch, where their numbers cannot
    /// be named: others have them now.
    HistoryDamaged {
        epoch: String,
        from: u64,
        to: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<u64>,
    },
    /// People's words are erased, for ever: whoever has them lets them go (`store::erase`).
    Erased { blob: BlobId },
    /// What the village is.
    VillageDeclared { village: Village },
    /// A place exists.
    PlaceDeclared { place: Place },
    /// A device exists.
    DeviceDeclared { device: Device },
    /// A device may speak.
    AccessGranted { account: Account },
    /// A device may no longer speak.
    AccessRevoked { account: DeviceId },
    /// A device said what it does.
    EntitiesAdopted {
        device: DeviceId,
        model: String,
        entities: Vec<Entity>,
    },
    /// A device took back what it announced.
    EntitiesWithdrawn {
        device: DeviceId,
        entities: Vec<EntityId>,
    },
    /// The configuration names these things, and did not before.
    Configured { things: Vec<Thing> },
    /// The configuration does not name this any more, and what stood on it is gone.
    ThingPutAway { thing: Thing },
    /// A device began or ceased to answer.
    PresenceChanged { device: DeviceId, here: bool },
    /// Lamps go together.
    GroupDeclared { group: LightGroup },
    /// A lamp was ordered.
    LightDesired {
        light: EntityId,
        on: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
    },
    /// A lamp said how it is.
    LightReported { light: EntityId, on: bool },
    /// A lamp never answered an order.
    LightGivenUp { light: EntityId, order: u64 },
    /// A sensor's name, unit and marks.
    SensorDeclared { sensor: Sensor },
    /// A value passed a mark upwards.
    SensorAlarmRaised {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
    /// A value fell below a mark; `level` is what remains.
    SensorAlarmLowered {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
    /// A cluster exists.
    SpeakerDeclared { speaker: Speaker },
    /// Something is to be said.
    AnnouncementQueued {
        id: AnnouncementId,
        text: BlobRef,
        class: AnnouncementClass,
        zone: Vec<DeviceId>,
        expires_at: i64,
    },
    /// A cluster plays.
    PlaybackBegan {
        announcement: AnnouncementId,
        speaker: DeviceId,
    },
    /// A cluster's play ended.
    PlaybackFinished {
        announcement: AnnouncementId,
        speaker: DeviceId,
        how: PlaybackOutcome,
    },
    /// Everything was told to be silent.
    EverythingStopped {},
    /// A camera exists.
    CameraDeclared { camera: Camera },
    /// A camera is not part of the village any more.
    CameraRemoved { camera: CameraId },
    /// A camera's picture came or went.
    CameraChanged { camera: CameraId, here: bool },
    /// Somebody looked at the pictures of these cameras: the access log.
    #[serde(rename = "PicturesSeen")]
    CamerasViewed { cameras: Vec<CameraId> },
    /// A notice went up.
    NoticePublished {
        id: NoticeId,
        text: BlobRef,
        kind: NoticeKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    /// A notice came down.
    NoticeTakenDown { id: NoticeId },
    /// A person may sign in, or their PIN or role changed.
    UserPut { user: User },
    /// A person is called otherwise; the PIN and the phones stay.
    UserRenamed { user: UserId, record: BlobRef },
    /// A person may no longer sign in.
    UserRemoved { user: UserId },
    /// A program has a token.
    TokenPut { token: Token },
    /// A program's token opens nothing any more.
    TokenRemoved { token: TokenId },
    /// A command of the commune or of a program was refused, and why.
    CommandRefused { reason: String },
}

/// Where an entry travels. Order of sending is the order here; `Local` never leaves the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Stays here: accounts, people, boots.
    Local,
    /// Alarms and what ended badly.
    Alarm,
    /// What people did and what came of it.
    Log,
    /// How things are.
    State,
}

impl Lane {
    /// All lanes in order of their number.
    pub const ALL: [Self; 4] = [Self::Local, Self::Alarm, Self::Log, Self::State];

    /// 0–3.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Local => 0,
            Self::Alarm => 1,
            Self::Log => 2,
            Self::State => 3,
        }
    }
}

impl Event {
    /// The lane this event travels in.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::AccessGranted { .. }
            | Self::AccessRevoked { .. }
            | Self::UserPut { .. }
            | Self::UserRenamed { .. }
            | Self::UserRemoved { .. }
            | Self::TokenPut { .. }
            | Self::TokenRemoved { .. }
            | Self::Configured { .. } => Lane::Local,
            Self::HistoryDamaged { .. }
            | Self::SensorAlarmRaised { .. }
            | Self::LightGivenUp { .. } => Lane::Alarm,
            Self::Booted { .. }
            | Self::ClockKnown { .. }
            | Self::HistoryTrimmed { .. }
            | Self::Erased { .. }
            | Self::LightDesired { .. }
            | Self::SensorAlarmLowered { .. }
            | Self::AnnouncementQueued { .. }
            | Self::PlaybackBegan { .. }
            | Self::PlaybackFinished { .. }
            | Self::EverythingStopped {}
            | Self::CamerasViewed { .. }
            | Self::NoticePublished { .. }
            | Self::NoticeTakenDown { .. }
            | Self::CommandRefused { .. } => Lane::Log,
            Self::VillageDeclared { .. }
            | Self::PlaceDeclared { .. }
            | Self::DeviceDeclared { .. }
            | Self::EntitiesAdopted { .. }
            | Self::EntitiesWithdrawn { .. }
            | Self::ThingPutAway { .. }
            | Self::PresenceChanged { .. }
            | Self::GroupDeclared { .. }
            | Self::LightReported { .. }
            | Self::SensorDeclared { .. }
            | Self::SpeakerDeclared { .. }
            | Self::CameraDeclared { .. }
            | Self::CameraRemoved { .. }
            | Self::CameraChanged { .. } => Lane::State,
        }
    }

    /// The file of people's words that this event names, if any.
    #[must_use]
    pub const fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::AnnouncementQueued { text, .. } | Self::NoticePublished { text, .. } => {
                Some(text)
            }
            Self::UserPut { user } => Some(&user.record),
            Self::UserRenamed { record, .. } => Some(record),
            _ => None,
        }
    }

    /// What people call things, where this event tells it: their ids and names.
    #[must_use]
    pub fn names(&self) -> Vec<(&str, &str)> {
        match self {
            Self::DeviceDeclared { device } => vec![(device.id.as_str(), &device.name)],
            Self::SensorDeclared { sensor } => vec![(sensor.id.as_str(), &sensor.name)],
            Self::SpeakerDeclared { speaker } => vec![(speaker.id.as_str(), &speaker.name)],
            Self::CameraDeclared { camera } => vec![(camera.id.as_str(), &camera.name)],
            Self::EntitiesAdopted { entities, .. } => entities
                .iter()
                .map(|e| (e.id.as_str(), e.name.as_str()))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The thing this event is about, as one id; used by the index “by entity”.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        Some(match self {
            Self::DeviceDeclared { device } => device.id.as_str(),
            Self::AccessGranted { account } => account.name.as_str(),
            Self::AccessRevoked { account } => account.as_str(),
            Self::ThingPutAway { thing } => thing.id(),
            Self::EntitiesAdopted { device, .. }
            | Self::EntitiesWithdrawn { device, .. }
            | Self::PresenceChanged { device, .. } => device.as_str(),
            Self::GroupDeclared { group } => group.id.as_str(),
            Self::LightDesired { light, .. }
            | Self::LightReported { light, .. }
            | Self::LightGivenUp { light, .. } => light.as_str(),
            Self::SensorDeclared { sensor } => sensor.id.as_str(),
            Self::SensorAlarmRaised { sensor, .. } | Self::SensorAlarmLowered { sensor, .. } => {
                sensor.as_str()
            }
            Self::SpeakerDeclared { speaker } => speaker.id.as_str(),
            Self::AnnouncementQueued { id, .. } => id.as_str(),
            Self::PlaybackBegan { announcement, .. }
            | Self::PlaybackFinished { announcement, .. } => announcement.as_str(),
            Self::CameraDeclared { camera } => camera.id.as_str(),
            Self::CameraRemoved { camera } | Self::CameraChanged { camera, .. } => camera.as_str(),
            Self::NoticePublished { id, .. } | Self::NoticeTakenDown { id } => id.as_str(),
            Self::UserPut { user } => user.id.as_str(),
            Self::TokenPut { token } => token.id.as_str(),
            Self::TokenRemoved { token } => token.as_str(),
            Self::UserRenamed { user, .. } | Self::UserRemoved { user } => user.as_str(),
            _ => return None,
        })
    }
}

/// How far a wall time may be believed: the box has no battery-backed clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockQuality {
    /// Nobody told the box the time.
    #[default]
    None,
    /// Carried over from before the power cut.
    Restored,
    /// Agreed with a time source.
    Synced,
}

/// One numbered fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// One order for the house, counted across boots, from 1.
    pub seq: u64,
    /// Milliseconds since this boot.
    pub mono_ms: u64,
    /// Wall time, ms since 1970 UTC, as the box believed it.
    pub wall_ms: i64,
    /// How far to believe it.
    pub clock: ClockQuality,
    /// Who.
    pub actor: Actor,
    /// The entry that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// Lane on the wire.
    pub lane: Lane,
    /// Dense number per epoch and lane, from 1.
    pub lane_seq: u64,
    /// What happened.
    pub event: Event,
}
