//! Requests and answers between the technician's commands and the gateway over the control socket
//! (HTTP, JSON).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::map_file::MapProblem;
use super::stream_loss::StreamLoss;
use super::village_status::{Status, VillageStatus};
use crate::domain::device::Availability;
use crate::domain::id::{NoticeId, PlaceId};
use crate::supervisor::health::{HealthPart, HealthStatus};
use crate::supervisor::health_reason::HealthReason;
use crate::time::WallMs;

/// `GET /status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// “Thôn Bến Thóc”.
    pub village: String,
    /// The one sentence about what is broken, in Vietnamese, as the home page has it.
    pub sentence: String,
    /// When.
    pub at: WallMs,
    /// Every thing with its status, counts, and the values of which the sentence is made.
    pub status: VillageStatus,
    /// The first readings of gauges that have thresholds.
    pub readings: Vec<ReadingRow>,
    /// Health parts with their status and its reason in Vietnamese; empty = the part is green.
    pub health: Vec<(HealthPart, HealthStatus, String)>,
    /// The reasons of the parts that are not green, for programs and other languages.
    #[serde(default, deserialize_with = "known_reasons")]
    pub reasons: BTreeMap<HealthPart, HealthReason>,
    /// Last entry.
    pub seq: u64,
    /// Link to the commune.
    pub sync: SyncStatus,
    /// The broker.
    pub mqtt: MqttStatus,
    /// The forwarder of names; none = the gateway answers no names.
    #[serde(default)]
    pub names: Option<NameCounts>,
    /// Processes: name and pid.
    pub pids: Vec<(String, u32)>,
}

/// Leaves out reasons that another version of the program names: their parts still have a text.
fn known_reasons<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<HealthPart, HealthReason>, D::Error> {
    let all = BTreeMap::<HealthPart, serde_json::Value>::deserialize(from)?;
    Ok(all
        .into_iter()
        .filter_map(|(part, reason)| Some((part, serde_json::from_value(reason).ok()?)))
        .collect())
}

/// Leaves out a reason that another version of the program names.
fn known_loss<'de, D: Deserializer<'de>>(from: D) -> Result<Option<StreamLoss>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The last value of a gauge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingRow {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Decimals to print.
    pub decimals: u8,
    /// Unit as printed.
    pub unit: String,
    /// When it was received.
    pub at: WallMs,
    /// The value is known to hold now.
    pub is_current: bool,
}

/// Counters of the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MqttStatus {
    /// Connected clients.
    pub connected: u64,
    /// Messages that were dropped since it started.
    pub dropped: u64,
}

/// Counts of the forwarder of names since the gateway started. Nothing else is recorded of
/// questions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NameCounts {
    /// Questions that were read.
    pub questions: u64,
    /// Answered with a name of the village hall, or one that is never public.
    pub local: u64,
    /// Answered from the cache within its time.
    pub cached: u64,
    /// Answered from the cache past its time, because no resolver answered.
    pub stale: u64,
    /// Answered with the answer to another device that had asked just before.
    pub joined: u64,
    /// Sent to a resolver.
    pub forwarded: u64,
    /// Answered with the address that leads to the portal.
    pub offline: u64,
    /// Not answered because the block list has the name.
    pub blocked: u64,
    /// Refused for the type or the form of the name.
    pub refused: u64,
    /// Led to the portal, because the device had used up its names before its tap.
    pub over_budget: u64,
    /// Dropped, because they came too fast from one device.
    pub too_fast: u64,
    /// No resolver answered in time.
    pub silent: u64,
    /// Too many questions were waiting.
    pub busy: u64,
    /// Records with addresses of the village hall that were taken out of answers.
    pub rebinding: u64,
    /// Addresses of the garden that the network helper did not open.
    pub garden_failed: u64,
    /// Packets that are no question.
    pub unusable: u64,
    /// Packets from addresses that are not of the segment.
    pub foreign: u64,
    /// TCP connections that were closed because they sent nothing in time or too much.
    pub closed: u64,
    /// Answers in the cache now.
    pub cache_answers: u64,
    /// Their bytes.
    pub cache_bytes: u64,
}

/// How the link to the commune is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncStatus {
    /// A commune is configured.
    pub configured: bool,
    /// The link is up.
    pub up: bool,
    /// Since when it is up or down.
    #[serde(default)]
    pub since: WallMs,
    /// The commune has everything up to this entry.
    pub received: u64,
    /// Wall ms of that entry.
    pub received_at: WallMs,
    /// Entries that wait.
    pub waiting: u64,
}

/// The change to a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserChange {
    /// Adds a user; an id that is known is refused.
    #[default]
    Add,
    /// A new PIN for a user that is known.
    Pin,
    /// Another name for a user that is known; the PIN stays.
    Rename,
}

/// `POST /users`: adds a user, or gives one a new PIN or another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUpdate {
    /// The change.
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

/// One person of `GET /users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// Id.
    pub id: String,
    /// Name as people say it; none = their file cannot be read.
    pub name: Option<String>,
    /// Role.
    pub role: crate::domain::user::Role,
}

/// The change to an officer of the commune.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfficerChange {
    /// Adds an officer; an id that is known is refused.
    #[default]
    Add,
    /// A new PIN, and a new name when one is given.
    Pin,
    /// Removes an officer; the last one stays.
    Remove,
}

/// `POST /officers` at the commune.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficerUpdate {
    /// The change.
    #[serde(default)]
    pub change: OfficerChange,
    /// Id.
    pub id: String,
    /// Name with the office, as people say it.
    #[serde(default)]
    pub name: String,
    /// PIN; none = one is made.
    #[serde(default)]
    pub pin: Option<String>,
}

/// One officer of `GET /officers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficerRow {
    /// Id.
    pub id: String,
    /// Name with the office, as people say it.
    pub name: String,
}

/// `GET /history`: history in words, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryReport {
    /// The last entry that was looked at, shown or not: what follows is behind it.
    pub last: u64,
    /// The rows.
    pub lines: Vec<HistoryLine>,
    /// The entries themselves, also those that are told in the row of another, without the hashes
    /// of secrets.
    pub entries: Vec<serde_json::Value>,
}

/// One row in words: an entry with its results, or several entries together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// When.
    pub at: WallMs,
    /// The sentence that says what happened, and who did it.
    pub what: String,
    /// The result in words; or the cause, when the sentence does not name it. May be empty.
    pub detail: String,
    /// Its results one by one.
    pub parts: Vec<String>,
}

/// `GET /devices/{id}`: a device as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Manufacturer and model, as it announces them; empty = it does not.
    pub model: String,
    /// Name of the place where it hangs; empty = none is known.
    pub place: String,
    /// How it is, in words.
    pub words: String,
    /// How well it works; none = its account was revoked.
    pub status: Option<Status>,
    /// Its purpose.
    pub entities: Vec<EntityReport>,
}

/// One entity of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityReport {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its last value with its unit; empty = none is known, or it is a lamp.
    pub value: String,
    /// How it is, in words.
    pub words: String,
    /// The topic on which it reports.
    pub topic: String,
}

/// `GET /lights/{id}/answer`: what a lamp reported after an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LightAnswer {
    /// Its name.
    pub name: String,
    /// It reported the ordered state.
    pub answered: bool,
    /// Another order took the place of this one.
    pub superseded: bool,
    /// The gateway still waits for it.
    pub pending: bool,
    /// The state that it reported last; none = it never did.
    pub on: Option<bool>,
    /// When it first reported that; 0 = it never did.
    pub at: WallMs,
}

/// `POST /devices`: a device with its account; answered when the account is in force at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutDevice {
    /// Its id; also its MQTT user name.
    pub id: String,
    /// Name as people say it; empty = as it is known.
    pub name: String,
    /// Id of the place where it hangs; none = as it is known.
    pub place: Option<String>,
    /// SHA-256 of its secret, lower-case hexadecimal; none = its account is removed.
    pub secret_sha256: Option<String>,
}

/// The header of a request that changes something: after this moment, ms since the machine started,
/// nobody waits for its answer and it is not carried out.
pub const DEADLINE_HEADER: &str = "x-deadline";

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
    /// The words that the reader sees.
    #[serde(flatten)]
    pub words: crate::domain::notice::NoticeWords,
    /// Its kind, its times and all else that stands beside the text.
    #[serde(flatten)]
    pub details: crate::domain::notice::NoticeDetails,
}

/// `POST /procedures`: gives the village another list of procedures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutProcedures {
    /// The list, as `protocol::procedure_file` writes it.
    pub list: String,
}

/// The answer to [`PutProcedures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutProceduresAnswer {
    /// How many procedures there are.
    pub count: u32,
    /// False = the village had the same list.
    pub changed: bool,
}

/// One camera as `conglang camera list` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CameraStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether its stream comes, and since when.
    pub signal: Availability,
    /// How well it works, recording included.
    #[serde(default)]
    pub status: Status,
    /// Why no stream comes, in Vietnamese; empty = it comes, or the gateway is just connecting.
    pub why: String,
    /// The same as a value; none = it comes, or another version of the program names the reason.
    #[serde(default, deserialize_with = "known_loss")]
    pub stream_loss: Option<StreamLoss>,
    /// Codec and size in pixels; empty = no stream comes.
    pub codec: String,
    /// Number of viewers.
    pub viewers: usize,
    /// Beginning of the oldest recording; 0 = nothing is recorded.
    pub recorded_from: WallMs,
    /// Moment up to which the recording is on disk; 0 = nothing is recorded.
    pub recorded_until: WallMs,
    /// Bytes of its recordings.
    pub recorded_bytes: u64,
    /// Why nothing is recorded, for a technician; empty = it is recorded, or no stream comes.
    pub recording_trouble: String,
    /// Why keyframes cannot be decoded although the stream comes and is recorded; empty = they
    /// can.
    #[serde(default)]
    pub undecodable: String,
    /// Why it could not be checked whether keyframes can be decoded; empty = it was checked, or no
    /// keyframe came yet.
    #[serde(default)]
    pub unchecked: String,
    /// Percentage of the last minute's access units that are missing or may be smeared, because
    /// packets were lost; 0 = few.
    #[serde(default)]
    pub loss: u8,
    /// Percentage of the last minute's access units that came and were not recorded, because the
    /// disk is too slow; 0 = few.
    #[serde(default)]
    pub missed: u8,
    /// Why the camera's clock is not trusted; empty = it is trusted.
    #[serde(default)]
    pub clock: String,
    /// It was taken out of the configuration; only recordings are left.
    #[serde(default)]
    pub removed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Reasons {
        #[serde(deserialize_with = "known_reasons")]
        reasons: BTreeMap<HealthPart, HealthReason>,
    }

    #[test]
    fn a_reason_of_another_version_leaves_the_others_readable() {
        let report: Reasons = serde_json::from_value(serde_json::json!({ "reasons": {
            "journal": { "is": "journal_ended" },
            "broker": { "is": "broker_sings", "loud": true },
        } }))
        .expect("it is read");
        assert_eq!(
            report.reasons,
            BTreeMap::from([(HealthPart::Journal, HealthReason::JournalEnded)])
        );
    }
}

/// `POST /directory`: gives the village another map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutMap {
    /// The file's text.
    pub file: String,
    /// Whether labels in doubt are withdrawn with it; otherwise the map is not taken.
    #[serde(default)]
    pub withdraw_labels: bool,
}

/// Its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutMapAnswer {
    /// Roads and alleys; 0 = the map was not taken.
    pub roads: u32,
    /// Houses.
    pub houses: u32,
    /// Mistakes in the file, for which it was not taken.
    pub problems: Vec<MapProblem>,
    /// Paths of before that lead nowhere with this map.
    pub lost_links: Vec<String>,
    /// Houses whose labels do not follow to this map, in words: it was not taken because of them,
    /// or they were withdrawn.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// `POST /print`: a sheet with codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sheet", rename_all = "snake_case")]
pub enum PrintOrder {
    /// For the village hall's wall.
    Wall,
    /// For heads of roads and alleys.
    Alleys {
        /// The road; none = all.
        road: Option<PlaceId>,
    },
    /// Plates of the houses of a road.
    Plates {
        /// The road.
        road: PlaceId,
    },
    /// Stickers of the houses of a road.
    Stickers {
        /// The road.
        road: PlaceId,
    },
    /// A notice.
    Notice {
        /// The notice.
        id: NoticeId,
    },
}

/// Its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintAnswer {
    /// The PDF in Base64; none = it could not be made.
    pub pdf: Option<String>,
}
