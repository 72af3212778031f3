//! Every intent. Imperative, grouped by noun.
//!
//! A command is a wish: `decide` turns it into events or refuses it. `Declare…` commands state how
//! a thing should be and change nothing when it is so already. Commands are never stored; events
//! are.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::actor::User;
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

/// An intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do")]
pub enum Command {
    // --- the house
    /// Say what the village is.
    DeclareVillage { village: Village },
    /// Say that a place exists.
    DeclarePlace { place: Place },
    /// The wall clock became trustworthy: `offset_ms` is to be added to earlier wall times of this
    /// boot.
    NoteClock { offset_ms: i64 },
    /// History between two sequence numbers could not be read, or so much of an epoch behind the
    /// first of them.
    NoteDamage {
        epoch: String,
        from: u64,
        to: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<u64>,
    },
    /// Say that entries `from` to `to` go, before they go.
    NoteTrim { from: u64, to: u64 },
    /// Words of people are to be erased, on request.
    EraseBlob { blob: BlobId },

    // --- devices
    /// Say that a device exists.
    DeclareDevice { device: Device },
    /// Give a device an account, or change it.
    GrantAccess { account: Account },
    /// Take a device's account away.
    RevokeAccess { account: DeviceId },
    /// A device announced itself and what it does.
    AdoptEntities {
        device: DeviceId,
        model: String,
        entities: Vec<Entity>,
    },
    /// A device took back what it announced.
    WithdrawEntities {
        device: DeviceId,
        entities: Vec<EntityId>,
    },
    /// The configuration names these things.
    NoteConfigured { things: Vec<Thing> },
    /// The configuration does not name this any more.
    PutAway { thing: Thing },
    /// A lasting change of presence.
    ReportPresence { device: DeviceId, here: bool },

    // --- lights
    /// Say which lamps go together.
    DeclareGroup { group: LightGroup },
    /// Switch one lamp.
    SwitchLight { light: EntityId, on: bool },
    /// Switch a group.
    SwitchGroup { group: GroupId, on: bool },
    /// A lamp said how it is.
    ReportLight { light: EntityId, on: bool },
    /// Stop repeating an order that nothing answers.
    GiveUpLight { light: EntityId, order: u64 },

    // --- sensors
    /// Say a sensor's name, unit and marks.
    DeclareSensor { sensor: Sensor },
    /// A value moved to another level (0 = below every mark).
    ReportLevel {
        sensor: EntityId,
        level: u8,
        value: f64,
    },

    // --- speakers
    /// Say that a cluster exists.
    DeclareSpeaker { speaker: Speaker },
    /// Say something on the horns.
    QueueAnnouncement {
        id: AnnouncementId,
        text: BlobRef,
        class: AnnouncementClass,
        zone: Vec<DeviceId>,
        expires_in_ms: i64,
    },
    /// A cluster says that it plays.
    BeginPlayback {
        announcement: AnnouncementId,
        speaker: DeviceId,
    },
    /// A cluster's play ended.
    FinishPlayback {
        announcement: AnnouncementId,
        speaker: DeviceId,
        how: PlaybackOutcome,
    },
    /// Dừng tất cả.
    StopEverything,

    // --- cameras
    /// Say that a camera exists.
    DeclareCamera { camera: Camera },
    /// A camera is not part of the village any more; what was recorded of it stays as long as it
    /// may.
    RemoveCamera { camera: CameraId },
    /// A lasting change of a camera's signal.
    ReportCamera { camera: CameraId, here: bool },
    /// Somebody looks at the pictures of these cameras.
    #[serde(rename = "LookAtPictures")]
    ViewCameras { cameras: Vec<CameraId> },

    // --- notices
    /// Put a notice up.
    PublishNotice {
        id: NoticeId,
        text: BlobRef,
        kind: NoticeKind,
        until: Option<i64>,
    },
    /// Take a notice down.
    TakeDownNotice { id: NoticeId },

    // --- people
    /// Add a person or change their PIN or role (the generation is set by `decide`).
    PutUser { user: User },
    /// Call a person otherwise: their file holds the new name and the same PIN.
    RenameUser {
        /// Who.
        user: UserId,
        /// The record with the new name.
        record: BlobRef,
        /// The generation of the record that it was made from: another PIN given meanwhile must
        /// not be undone.
        generation: u64,
    },
    /// Take a person's access away.
    RemoveUser { user: UserId },
    /// Give a program a token.
    PutToken { token: Token },
    /// Take a program's token away.
    RemoveToken { token: TokenId },
}

impl Command {
    /// The file of people's words that this command names, if any.
    #[must_use]
    pub const fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::QueueAnnouncement { text, .. } | Self::PublishNotice { text, .. } => Some(text),
            Self::PutUser { user } => Some(&user.record),
            Self::RenameUser { record, .. } => Some(record),
            _ => None,
        }
    }
}
