//! All events, in the past tense; entries, and the lane of each event.
//!
//! Invariant: events are stored for ever (version 1 of the codec). A change of shape here is a new
//! version with an upcaster in `journal/codec`. `apply` must be total: any event on any state is
//! defined.

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

/// Something that happened to the village.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t")]
pub enum Event {
    /// The gateway's machine booted: `boot` counts its boots, `previous` is the epoch before
    /// (hexadecimal).
    Booted { boot: u64, previous: String },
    /// The wall clock became trustworthy; add `offset_ms` to earlier wall times of this boot.
    ClockKnown { offset_ms: i64 },
    /// Entries `from` to `to` were removed: they were too old, or there was no space for them.
    HistoryTrimmed { from: u64, to: u64 },
    /// History behind `from` up to `to` (the last number known to have existed) could not be read.
    /// `lost` counts the entries that were behind `from` in that epoch. It is set where their
    /// numbers cannot name them, because other entries have those numbers now.
    HistoryDamaged {
        epoch: String,
        from: u64,
        to: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<u64>,
    },
    /// A blob was erased for ever: every part of the gateway that has a copy deletes it
    /// (`store::erase`).
    Erased { blob: BlobId },
    /// The name and the position of the village were declared.
    VillageDeclared { village: Village },
    /// A place was declared.
    PlaceDeclared { place: Place },
    /// A device was declared.
    DeviceDeclared { device: Device },
    /// An account was granted.
    AccessGranted { account: Account },
    /// An account was revoked.
    AccessRevoked { account: DeviceId },
    /// A device announced new or changed entities.
    EntitiesAdopted {
        device: DeviceId,
        model: String,
        entities: Vec<Entity>,
    },
    /// A device withdrew entities.
    EntitiesWithdrawn {
        device: DeviceId,
        entities: Vec<EntityId>,
    },
    /// The configuration names these things, and did not before.
    Configured { things: Vec<Thing> },
    /// The configuration does not name this thing any more; it was removed with everything that
    /// depended on it.
    ThingPutAway { thing: Thing },
    /// A device went online or offline.
    PresenceChanged { device: DeviceId, here: bool },
    /// A light group was declared.
    GroupDeclared { group: LightGroup },
    /// A lamp was ordered on or off.
    LightDesired {
        light: EntityId,
        on: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
    },
    /// A lamp reported that it is on or off.
    LightReported { light: EntityId, on: bool },
    /// The gateway stopped repeating an order that the lamp did not answer.
    LightGivenUp { light: EntityId, order: u64 },
    /// A sensor's name, unit and thresholds were declared.
    SensorDeclared { sensor: Sensor },
    /// A value crossed a threshold upwards.
    SensorAlarmRaised {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
    /// A value fell below a threshold; `level` is the level that remains.
    SensorAlarmLowered {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
    /// A speaker cluster was declared.
    SpeakerDeclared { speaker: Speaker },
    /// An announcement was queued.
    AnnouncementQueued {
        id: AnnouncementId,
        text: BlobRef,
        class: AnnouncementClass,
        zone: Vec<DeviceId>,
        expires_at: i64,
    },
    /// A cluster began to play.
    PlaybackBegan {
        announcement: AnnouncementId,
        speaker: DeviceId,
    },
    /// A cluster's playback ended.
    PlaybackFinished {
        announcement: AnnouncementId,
        speaker: DeviceId,
        how: PlaybackOutcome,
    },
    /// “Dừng tất cả” was pressed.
    EverythingStopped {},
    /// A camera was declared.
    CameraDeclared { camera: Camera },
    /// A camera was removed from the village.
    CameraRemoved { camera: CameraId },
    /// The stream of a camera began or was lost.
    CameraChanged { camera: CameraId, here: bool },
    /// The actor viewed these cameras; these entries are the access log.
    #[serde(rename = "PicturesSeen")]
    CamerasViewed { cameras: Vec<CameraId> },
    /// A notice was published.
    NoticePublished {
        id: NoticeId,
        text: BlobRef,
        kind: NoticeKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    /// A notice was taken down.
    NoticeTakenDown { id: NoticeId },
    /// A user was added, or their PIN or role changed.
    UserPut { user: User },
    /// A user was renamed; the PIN and the sign-ins stay.
    UserRenamed { user: UserId, record: BlobRef },
    /// A user was removed.
    UserRemoved { user: UserId },
    /// A program was given a token.
    TokenPut { token: Token },
    /// A program's token was revoked.
    TokenRemoved { token: TokenId },
    /// A command of the commune or of a program was rejected, with the reason.
    CommandRefused { reason: String },
}

/// The lane of an entry. The commune is sent the lanes in this order; `Local` never leaves the
/// gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Stays here: accounts, users, tokens.
    Local,
    /// Alarms and failures.
    Alarm,
    /// The actions of people and their results.
    Log,
    /// The state of things.
    State,
}

impl Lane {
    /// All lanes in order of their number.
    pub const ALL: [Self; 4] = [Self::Local, Self::Alarm, Self::Log, Self::State];

    /// The number of the lane, 0–3.
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
    /// The lane of this event.
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

    /// The blob that this event names, if any.
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

    /// The ids and names of the things that this event names.
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

    /// The thing that this event is about, as one id; used by the index “by entity”.
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

/// How far a wall time can be trusted: the machine has no battery-backed clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockQuality {
    /// No time source has set the clock.
    #[default]
    None,
    /// Carried over from before the power cut.
    Restored,
    /// Agrees with a time source.
    Synced,
}

/// One numbered event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number: one order for the whole village, counted across boots from 1.
    pub seq: u64,
    /// Milliseconds since this boot.
    pub mono_ms: u64,
    /// Wall time, ms since 1970 UTC, as the gateway's clock showed it.
    pub wall_ms: i64,
    /// How far `wall_ms` can be trusted.
    pub clock: ClockQuality,
    /// The actor.
    pub actor: Actor,
    /// The seq of the entry that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The lane in which it is sent to the commune.
    pub lane: Lane,
    /// Dense number per epoch and lane, from 1.
    pub lane_seq: u64,
    /// The event.
    pub event: Event,
}
