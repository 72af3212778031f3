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
use crate::domain::notice::{self, NoticeDetails};
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
        #[serde(flatten)]
        details: NoticeDetails,
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

/// The table of the events of then: each became an event of its noun, with the same fields; those
/// behind the semicolon were not there yet.
macro_rules! events_by_noun {
    ($($flat:ident => $noun:ident::$event:ident { $($field:ident),* $(; $new:ident)? })*) => {
        impl From<FlatEvent> for Event {
            fn from(old: FlatEvent) -> Self {
                match old {
                    $(FlatEvent::$flat { $($field),* } => $noun::Event::$event {
                        $($field,)*
                        $($new: None,)?
                    }
                    .into(),)*
                }
            }
        }
    };
}

events_by_noun! {
    Booted => history::Booted { boot, previous }
    ClockKnown => history::ClockKnown { offset_ms }
    HistoryTrimmed => history::Trimmed { from, to }
    HistoryDamaged => history::Damaged { epoch, from, to, lost }
    Erased => history::Erased { blob }
    CommandRefused => history::CommandRefused { reason }
    VillageDeclared => village::Declared { village }
    PlaceDeclared => place::Declared { place }
    DeviceDeclared => device::Declared { device }
    EntitiesAdopted => device::EntitiesAdopted { device, model, entities }
    EntitiesWithdrawn => device::EntitiesWithdrawn { device, entities }
    PresenceChanged => device::PresenceChanged { device, here }
    AccessGranted => account::Granted { account }
    AccessRevoked => account::Revoked { account }
    Configured => configuration::ThingsNamed { things }
    ThingPutAway => configuration::ThingPutAway { thing }
    GroupDeclared => light::GroupDeclared { group }
    LightDesired => light::Desired { light, on, group }
    LightReported => light::Reported { light, on }
    LightGivenUp => light::GivenUp { light, order }
    SensorDeclared => sensor::Declared { sensor }
    SensorAlarmRaised => sensor::AlarmRaised { sensor, level, value }
    SensorAlarmLowered => sensor::AlarmLowered { sensor, level, value }
    SpeakerDeclared => speaker::Declared { speaker }
    AnnouncementQueued => speaker::AnnouncementQueued {
        id, text, class, zone, expires_at; unreachable
    }
    PlaybackBegan => speaker::PlaybackBegan { announcement, speaker }
    PlaybackFinished => speaker::PlaybackFinished { announcement, speaker, how }
    EverythingStopped => speaker::EverythingStopped {}
    CameraDeclared => camera::Declared { camera }
    CameraRemoved => camera::Removed { camera }
    CameraChanged => camera::SignalChanged { camera, here }
    PicturesSeen => camera::Viewed { cameras }
    NoticePublished => notice::Published { id, text, details }
    NoticeTakenDown => notice::TakenDown { id }
    UserPut => user::Put { user }
    UserRenamed => user::Renamed { user, record }
    UserRemoved => user::Removed { user }
    TokenPut => token::Put { token }
    TokenRemoved => token::Removed { token }
}
