//! What the technician's commands and the daemon say over the control socket (HTTP, JSON).

use serde::{Deserialize, Serialize};

use crate::domain::device::Availability;

/// `GET /status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// “Thôn Bến Thóc”.
    pub village: String,
    /// One sentence: the answer.
    pub sentence: String,
    /// Wall ms.
    pub at: i64,
    /// Lines: name, count, words.
    pub lines: Vec<StatusLine>,
    /// Parts of the house: name, `green|amber|red`, why.
    pub health: Vec<(String, String, String)>,
    /// Last entry.
    pub seq: u64,
    /// Link to the commune.
    pub sync: SyncStatus,
    /// Processes: name and pid.
    pub pids: Vec<(String, u32)>,
}

/// One line of the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusLine {
    /// “loa”.
    pub name: String,
    /// “3/4 cụm”.
    pub count: String,
    /// In words.
    pub words: String,
}

/// How the link to the commune is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncStatus {
    /// A commune is configured.
    pub configured: bool,
    /// The link stands.
    pub up: bool,
    /// The commune has everything up to this entry.
    pub received: u64,
    /// Wall ms of that entry.
    pub received_at: i64,
    /// Entries that wait.
    pub waiting: u64,
}

/// What becomes of a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserChange {
    /// Somebody new; an id that is known is refused.
    #[default]
    Add,
    /// A new PIN for somebody who is known.
    Pin,
    /// Another name for somebody who is known; the PIN stays.
    Rename,
}

/// `POST /users`: adds a person, gives a new PIN or another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUpdate {
    /// What is to be done.
    #[serde(default)]
    pub change: UserChange,
    /// Id.
    pub id: String,
    /// Name as people say it.
    pub name: String,
    /// `chief` or `technician`.
    pub role: String,
    /// PIN; none = one is made.
    pub pin: Option<String>,
}

/// `POST /devices`: a device with its account; answered when the broker has it in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutDevice {
    /// Its id; also its MQTT user name.
    pub id: String,
    /// Name as people say it; empty = as it is known.
    pub name: String,
    /// Where it hangs; none = as it is known.
    pub place: Option<String>,
    /// SHA-256 of its secret, lower-case hexadecimal; none = its account is taken away.
    pub secret_sha256: Option<String>,
}

/// `POST /commands`: submits a command as the technician.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submit {
    /// The command.
    pub command: crate::domain::command::Command,
}

/// `POST /notices`: publishes a notice as the technician (seeding, restoring).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutNotice {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Kind.
    pub kind: crate::domain::notice::NoticeKind,
    /// Last moment it is shown, wall ms.
    pub until: Option<i64>,
}

/// One camera as `conglang camera list` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CameraStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether its picture comes, and since when.
    pub signal: Availability,
    /// Why none comes, for a technician; empty = it comes, or it is just being called.
    pub why: String,
    /// How it is coded and its size in pixels; empty = none comes.
    pub codec: String,
    /// How many look on.
    pub viewers: usize,
    /// Wall ms; 0 = nothing is kept.
    pub recorded_from: i64,
    /// Until then pictures are on disk, wall ms; 0 = nothing is kept.
    pub recorded_until: i64,
    /// Bytes kept.
    pub recorded_bytes: u64,
    /// Why nothing is recorded, for a technician; empty = it is, or nothing comes.
    pub recording_trouble: String,
    /// Pictures come and are kept, yet keyframes cannot be decoded: why; empty = they can.
    #[serde(default)]
    pub undecodable: String,
    /// Nobody could look whether keyframes can be decoded: why; empty = somebody could, or none
    /// came yet.
    #[serde(default)]
    pub unchecked: String,
    /// So many percent of a minute's pictures are missing or may be smeared, because packets get
    /// lost; 0 = few.
    #[serde(default)]
    pub loss: u8,
    /// So many percent of a minute's pictures came and were not recorded, because the disk is too
    /// slow; 0 = few.
    #[serde(default)]
    pub missed: u8,
    /// The camera's clock is not believed: how it fails; empty = it is.
    #[serde(default)]
    pub clock: String,
    /// It was taken out of the configuration; only recordings are left.
    #[serde(default)]
    pub removed: bool,
}
