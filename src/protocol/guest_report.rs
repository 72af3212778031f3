//! The free wifi as `conglang guest` asks for it over the control socket: `GET /guests`,
//! `GET /guests/sessions`, and `POST /guests/cut`.

use serde::{Deserialize, Serialize};

use crate::domain::guest::{Standing, WifiRules};
use crate::domain::id::GuestId;
use crate::time::WallMs;

/// The way to the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UplinkKind {
    /// None.
    Down,
    /// One that costs by the byte.
    Metered,
    /// One that does not.
    Free,
}

/// `GET /guests`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestReport {
    /// A guest network is configured.
    pub configured: bool,
    /// The network helper answers, and its rules are in force. Otherwise the rest is as it was
    /// known last.
    pub in_force: bool,
    /// Devices that are in may use the internet now: it is neither down nor closed to guests.
    #[serde(default)]
    pub online: bool,
    /// The configuration names a block list.
    #[serde(default)]
    pub has_block_list: bool,
    /// The key of the devices' ids is lost: nobody new is let in until a technician acts.
    #[serde(default)]
    pub key_lost: bool,
    /// The way to the internet.
    pub uplink: UplinkKind,
    /// Bytes that all devices used today.
    pub used_today: u64,
    /// The part of it that went over metered uplinks, bytes.
    pub metered_today: u64,
    /// Questions for names that the block list left unanswered today; none = it is not in use.
    #[serde(default)]
    pub blocked_today: Option<u64>,
    /// Taps of newcomers that had to wait for their turn, since the network helper was reached.
    #[serde(default)]
    pub newcomers_waited: u64,
    /// The devices that are in, that were in today, and on which a person decided.
    pub devices: Vec<GuestEntry>,
    /// The rules.
    pub rules: WifiRules,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestEntry {
    /// Its id: a keyed hash of its hardware address.
    pub id: GuestId,
    /// The name that a person gave it; empty = none.
    pub name: String,
    /// The decision; none = it is a guest as all are.
    pub standing: Option<Standing>,
    /// When its session began; none = it is not in now.
    pub since: Option<WallMs>,
    /// Seconds until its session ends.
    pub seconds_left: u32,
    /// Bytes that it used today.
    pub used_today: u64,
    /// Its hardware address is made up, and may be another one tomorrow.
    pub is_random: bool,
}

/// `GET /guests/sessions?day=2026-11-27`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionsReport {
    /// The day on which the sessions ended: “2026-11-27”.
    pub day: String,
    /// For how many days rows are kept; 0 = none.
    pub keep_days: u16,
    /// They, by their beginning.
    pub sessions: Vec<SessionEntry>,
    /// The days of which there are rows, oldest first.
    pub days: Vec<String>,
}

/// A session that ended. Nothing else is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionEntry {
    /// The id of the device: a keyed hash of its hardware address.
    pub device: GuestId,
    /// When it began.
    pub since: WallMs,
    /// When it ended.
    pub until: WallMs,
    /// Bytes of both directions.
    pub bytes: u64,
}

/// `POST /guests/cut`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutRequest {
    /// The device.
    pub device: GuestId,
}

/// The answer to it. The cut stands in history either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutAnswer {
    /// Whether the device was in; none = the network helper did not answer.
    pub was_in: Option<bool>,
}
