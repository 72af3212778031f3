//! All commands, in the imperative, grouped by noun.
//!
//! A command is a request: `decide` turns it into events or rejects it. A `Declare…` command states
//! how a thing should be and changes nothing when it is so already. Commands are never stored;
//! events are.

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

/// A request to change the village.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do")]
pub enum Command {
    // --- the village and its history
    /// Sets the name and the position of the village.
    DeclareVillage { village: Village },
    /// Declares a place.
    DeclarePlace { place: Place },
    /// The wall clock became trustworthy: `offset_ms` is to be added to earlier wall times of this
    /// boot.
    NoteClock { offset_ms: i64 },
    /// Entries behind `from` up to `to` could not be read. Where the lost entries of an epoch
    /// cannot be named by seq, `lost` counts those behind `from`.
    NoteDamage {
        epoch: String,
        from: u64,
        to: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lost: Option<u64>,
    },
    /// Entries `from` to `to` are about to be removed.
    NoteTrim { from: u64, to: u64 },
    /// A blob is to be erased, on request.
    EraseBlob { blob: BlobId },

    // --- devices
    /// Declares a device.
    DeclareDevice { device: Device },
    /// Grants a device or a program an account, or changes the account.
    GrantAccess { account: Account },
    /// Revokes an account.
    RevokeAccess { account: DeviceId },
    /// A device announced itself and its entities in discovery messages.
    AdoptEntities {
        device: DeviceId,
        model: String,
        entities: Vec<Entity>,
    },
    /// A device withdrew entities that it had announced.
    WithdrawEntities {
        device: DeviceId,
        entities: Vec<EntityId>,
    },
    /// The configuration names these things.
    NoteConfigured { things: Vec<Thing> },
    /// The configuration does not name this thing any more.
    PutAway { thing: Thing },
    /// The availability of a device changed, for longer than a moment.
    ReportPresence { device: DeviceId, here: bool },

    // --- lights
    /// Declares a light group.
    DeclareGroup { group: LightGroup },
    /// Switches one lamp.
    SwitchLight { light: EntityId, on: bool },
    /// Switches all lamps of a group.
    SwitchGroup { group: GroupId, on: bool },
    /// A lamp reported whether it is on.
    ReportLight { light: EntityId, on: bool },
    /// Stops repeating an order that the lamp does not answer.
    GiveUpLight { light: EntityId, order: u64 },

    // --- sensors
    /// Declares a sensor's name, unit and thresholds.
    DeclareSensor { sensor: Sensor },
    /// A reading moved to another alarm level (0 = below every threshold).
    ReportLevel {
        sensor: EntityId,
        level: u8,
        value: f64,
    },

    // --- speakers
    /// Declares a speaker cluster.
    DeclareSpeaker { speaker: Speaker },
    /// Queues an announcement.
    QueueAnnouncement {
        id: AnnouncementId,
        text: BlobRef,
        class: AnnouncementClass,
        zone: Vec<DeviceId>,
        expires_in_ms: i64,
    },
    /// A cluster reported that it plays.
    BeginPlayback {
        announcement: AnnouncementId,
        speaker: DeviceId,
    },
    /// A cluster's playback ended.
    FinishPlayback {
        announcement: AnnouncementId,
        speaker: DeviceId,
        how: PlaybackOutcome,
    },
    /// “Dừng tất cả”: stops everything that plays.
    StopEverything,

    // --- cameras
    /// Declares a camera.
    DeclareCamera { camera: Camera },
    /// A camera is not part of the village any more. Its recordings stay as long as the ring
    /// allows.
    RemoveCamera { camera: CameraId },
    /// The stream of a camera began or was lost, for longer than a moment.
    ReportCamera { camera: CameraId, here: bool },
    /// The actor views these cameras.
    #[serde(rename = "LookAtPictures")]
    ViewCameras { cameras: Vec<CameraId> },

    // --- notices
    /// Publishes a notice.
    PublishNotice {
        id: NoticeId,
        text: BlobRef,
        kind: NoticeKind,
        until: Option<i64>,
    },
    /// Takes a notice down.
    TakeDownNotice { id: NoticeId },

    // --- people
    /// Adds a user or changes their PIN or role (`decide` sets the generation).
    PutUser { user: User },
    /// Renames a user: the new record holds the new name and the same PIN.
    RenameUser {
        /// The user.
        user: UserId,
        /// The record with the new name.
        record: BlobRef,
        /// The generation of the record that the new one was made from. When the PIN was changed
        /// meanwhile the generation differs, and the command is rejected so that it does not undo
        /// the new PIN.
        generation: u64,
    },
    /// Removes a user: they may not sign in any more.
    RemoveUser { user: UserId },
    /// Gives a program a token.
    PutToken { token: Token },
    /// Revokes a program's token.
    RemoveToken { token: TokenId },
}

impl Command {
    /// The blob that this command names, if any.
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
