//! What the technician's commands and the daemon say over the control socket (HTTP, JSON).

use serde::{Deserialize, Serialize};

/// `GET /status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// “Thôn Bến Thóc”.
    pub village: String,
    /// One sentence: the answer.
    pub sentence: String,
    /// Wall ms.
    pub at: i64,
    /// Lines: name, count, words.
    pub lines: Vec<Line>,
    /// Parts of the house: name, `green|amber|red`, why.
    pub health: Vec<(String, String, String)>,
    /// Last entry.
    pub seq: u64,
    /// Link to the commune.
    pub sync: Sync,
    /// Processes: name and pid.
    pub pids: Vec<(String, u32)>,
}

/// One line of the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// “loa”.
    pub name: String,
    /// “3/4 cụm”.
    pub count: String,
    /// In words.
    pub words: String,
}

/// How the link to the commune is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
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

/// `POST /users`: adds a person or gives a new PIN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutPerson {
    /// Id.
    pub id: String,
    /// Name as people say it.
    pub name: String,
    /// `chief` or `technician`.
    pub role: String,
    /// PIN; none = one is made.
    pub pin: Option<String>,
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
