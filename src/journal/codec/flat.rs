//! Versions 1 and 2 of an entry: all events in one flat list, `{"t": "LightDesired", …}`.
//!
//! Frozen: entries of these versions decode for ever, and nothing is written in this shape any
//! more. Version 2 has the same shape as version 1, with programs as actors, tokens and renamed
//! people. The things in the events (a lamp, a camera) still have the shape of then; when the shape
//! of one changes, the old one is frozen here too.

use serde::Deserialize;

use crate::domain::account::{self, Account};
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::camera::{self, Camera};
use crate::domain::configuration::{self, Thing};
use crate::domain::device::{self, Device};
use crate::domain::entity::Entity;
use crate::domain::event::{ClockQuality, Entry, Event, Lane};
use crate::domain::history;
use crate::domain::id::{
    AnnouncementId, BlobId, CameraId, DeviceId, EntityId, GroupId, NoticeId, TokenId, UserId,
};
use crate::domain::light::{self, LightGroup};
use crate::domain::notice::{self, NoticeKind};
use crate::domain::place::{self, Place};
use crate::domain::sensor::{self, Sensor};
use crate::domain::speaker::{self, AnnouncementClass, PlaybackOutcome, Speaker};
use crate::domain::token::{self, Token};
use crate::domain::user::{self, User};
use crate::domain::village::{self, Village};
use crate::time::{MonoMs, WallMs};

/// An entry of version 1 or 2.
#[derive(Deserialize)]
pub(super) struct FlatEntry {
    seq: u64,
    mono_ms: MonoMs,
    wall_ms: WallMs,
    clock: ClockQuality,
    actor: Actor,
    #[serde(default)]
    cause: Option<u64>,
    lane: Lane,
    lane_seq: u64,
    event: FlatEvent,
}

#[derive(Deserialize)]
#[serde(tag = "t")]
enum FlatEvent {
    Booted {
        boot: u64,
        previous: String,
    },
    ClockKnown {
        offset_ms: i64,
    },
    HistoryTrimmed {
        from: u64,
        to: u64,
    },
    HistoryDamaged {
        epoch: String,
        from: u64,
        to: u64,
        #[serde(default)]
        lost: Option<u64>,
    },
    Erased {
        blob: BlobId,
    },
    VillageDeclared {
        village: Village,
    },
    PlaceDeclared {
        place: Place,
    },
    DeviceDeclared {
        device: Device,
    },
    AccessGranted {
        account: Account,
    },
    AccessRevoked {
        account: DeviceId,
    },
    EntitiesAdopted {
        device: DeviceId,
        model: String,
        entities: Vec<Entity>,
    },
    EntitiesWithdrawn {
        device: DeviceId,
        entities: Vec<EntityId>,
    },
    Configured {
        things: Vec<Thing>,
    },
    ThingPutAway {
        thing: Thing,
    },
    PresenceChanged {
        device: DeviceId,
        here: bool,
    },
    GroupDeclared {
        group: LightGroup,
    },
    LightDesired {
        light: EntityId,
        on: bool,
        #[serde(default)]
        group: Option<GroupId>,
    },
    LightReported {
        light: EntityId,
        on: bool,
    },
    LightGivenUp {
        light: EntityId,
        order: u64,
    },
    SensorDeclared {
        sensor: Sensor,
    },
    SensorAlarmRaised {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
    SensorAlarmLowered {
        sensor: EntityId,
        level: u8,
        value: f64,
    },
    SpeakerDeclared {
        speaker: Speaker,
    },
    AnnouncementQueued {
        id: AnnouncementId,
        text: BlobRef,
        class: AnnouncementClass,
        zone: Vec<DeviceId>,
        expires_at: WallMs,
    },
    PlaybackBegan {
        announcement: AnnouncementId,
        speaker: DeviceId,
    },
    PlaybackFinished {
        announcement: AnnouncementId,
        speaker: DeviceId,
        how: PlaybackOutcome,
    },
    EverythingStopped {},
    CameraDeclared {
        camera: Camera,
    },
    CameraRemoved {
        camera: CameraId,
    },
    CameraChanged {
        camera: CameraId,
        here: bool,
    },
    PicturesSeen {
        cameras: Vec<CameraId>,
    },
    NoticePublished {
        id: NoticeId,
        text: BlobRef,
        kind: NoticeKind,
        #[serde(default)]
        until: Option<WallMs>,
    },
    NoticeTakenDown {
        id: NoticeId,
    },
    UserPut {
        user: User,
    },
    UserRenamed {
        user: UserId,
        record: BlobRef,
    },
    UserRemoved {
        user: UserId,
    },
    TokenPut {
        token: Token,
    },
    TokenRemoved {
        token: TokenId,
    },
    CommandRefused {
        reason: String,
    },
}

impl From<FlatEntry> for Entry {
    fn from(old: FlatEntry) -> Self {
        Self {
            seq: old.seq,
            mono_ms: old.mono_ms,
            wall_ms: old.wall_ms,
            clock: old.clock,
            actor: old.actor,
            cause: old.cause,
            lane: old.lane,
            lane_seq: old.lane_seq,
            event: old.event.into(),
        }
    }
}

impl From<FlatEvent> for Event {
    #[expect(
        clippy::too_many_lines,
        reason = "one table, an arm for each event of then"
    )]
    fn from(old: FlatEvent) -> Self {
        match old {
            FlatEvent::Booted { boot, previous } => {
                history::Event::Booted { boot, previous }.into()
            }
            FlatEvent::ClockKnown { offset_ms } => history::Event::ClockKnown { offset_ms }.into(),
            FlatEvent::HistoryTrimmed { from, to } => history::Event::Trimmed { from, to }.into(),
            FlatEvent::HistoryDamaged {
                epoch,
                from,
                to,
                lost,
            } => history::Event::Damaged {
                epoch,
                from,
                to,
                lost,
            }
            .into(),
            FlatEvent::Erased { blob } => history::Event::Erased { blob }.into(),
            FlatEvent::CommandRefused { reason } => {
                history::Event::CommandRefused { reason }.into()
            }
            FlatEvent::VillageDeclared { village } => village::Event::Declared { village }.into(),
            FlatEvent::PlaceDeclared { place } => place::Event::Declared { place }.into(),
            FlatEvent::DeviceDeclared { device } => device::Event::Declared { device }.into(),
            FlatEvent::EntitiesAdopted {
                device,
                model,
                entities,
            } => device::Event::EntitiesAdopted {
                device,
                model,
                entities,
            }
            .into(),
            FlatEvent::EntitiesWithdrawn { device, entities } => {
                device::Event::EntitiesWithdrawn { device, entities }.into()
            }
            FlatEvent::PresenceChanged { device, here } => {
                device::Event::PresenceChanged { device, here }.into()
            }
            FlatEvent::AccessGranted { account } => account::Event::Granted { account }.into(),
            FlatEvent::AccessRevoked { account } => account::Event::Revoked { account }.into(),
            FlatEvent::Configured { things } => configuration::Event::ThingsNamed { things }.into(),
            FlatEvent::ThingPutAway { thing } => {
                configuration::Event::ThingPutAway { thing }.into()
            }
            FlatEvent::GroupDeclared { group } => light::Event::GroupDeclared { group }.into(),
            FlatEvent::LightDesired { light, on, group } => {
                light::Event::Desired { light, on, group }.into()
            }
            FlatEvent::LightReported { light, on } => light::Event::Reported { light, on }.into(),
            FlatEvent::LightGivenUp { light, order } => {
                light::Event::GivenUp { light, order }.into()
            }
            FlatEvent::SensorDeclared { sensor } => sensor::Event::Declared { sensor }.into(),
            FlatEvent::SensorAlarmRaised {
                sensor,
                level,
                value,
            } => sensor::Event::AlarmRaised {
                sensor,
                level,
                value,
            }
            .into(),
            FlatEvent::SensorAlarmLowered {
                sensor,
                level,
                value,
            } => sensor::Event::AlarmLowered {
                sensor,
                level,
                value,
            }
            .into(),
            FlatEvent::SpeakerDeclared { speaker } => speaker::Event::Declared { speaker }.into(),
            FlatEvent::AnnouncementQueued {
                id,
                text,
                class,
                zone,
                expires_at,
            } => speaker::Event::AnnouncementQueued {
                id,
                text,
                class,
                zone,
                expires_at,
            }
            .into(),
            FlatEvent::PlaybackBegan {
                announcement,
                speaker,
            } => speaker::Event::PlaybackBegan {
                announcement,
                speaker,
            }
            .into(),
            FlatEvent::PlaybackFinished {
                announcement,
                speaker,
                how,
            } => speaker::Event::PlaybackFinished {
                announcement,
                speaker,
                how,
            }
            .into(),
            FlatEvent::EverythingStopped {} => speaker::Event::EverythingStopped {}.into(),
            FlatEvent::CameraDeclared { camera } => camera::Event::Declared { camera }.into(),
            FlatEvent::CameraRemoved { camera } => camera::Event::Removed { camera }.into(),
            FlatEvent::CameraChanged { camera, here } => {
                camera::Event::SignalChanged { camera, here }.into()
            }
            FlatEvent::PicturesSeen { cameras } => camera::Event::Viewed { cameras }.into(),
            FlatEvent::NoticePublished {
                id,
                text,
                kind,
                until,
            } => notice::Event::Published {
                id,
                text,
                kind,
                until,
            }
            .into(),
            FlatEvent::NoticeTakenDown { id } => notice::Event::TakenDown { id }.into(),
            FlatEvent::UserPut { user } => user::Event::Put { user }.into(),
            FlatEvent::UserRenamed { user, record } => user::Event::Renamed { user, record }.into(),
            FlatEvent::UserRemoved { user } => user::Event::Removed { user }.into(),
            FlatEvent::TokenPut { token } => token::Event::Put { token }.into(),
            FlatEvent::TokenRemoved { token } => token::Event::Removed { token }.into(),
        }
    }
}
