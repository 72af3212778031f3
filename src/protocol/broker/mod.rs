//! The messages between the supervisor and the broker's worker: settings, commands, events. One
//! JSON object a line.

mod counters;
mod refusal;

use serde::{Deserialize, Serialize};

pub use self::counters::{Counters, DataLoss, LossKind, Traffic};
pub use self::refusal::{Refusal, RefusalReason};
use super::mqtt::topic::{TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX};
use crate::domain::account::Account;
use crate::domain::topics;
use crate::keys::holders::HolderTable;
use crate::time::WallMs;

/// User name of the gateway's own clients. A device cannot have it.
pub const GATEWAY_ACCOUNT: &str = "@house";

/// Client id of the gateway's link, which receives the devices' messages. A technician's commands
/// use the same account under other client ids.
pub const GATEWAY_CLIENT_ID: &str = "house";

/// First line to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The kind of each passed listener, in order.
    #[serde(rename = "doors")]
    pub listeners: Vec<ListenerKind>,
    /// Unix socket for the gateway's own clients; made 0600 by the worker.
    #[serde(rename = "house_socket")]
    pub gateway_socket: String,
    /// Password of the gateway's account ([`GATEWAY_ACCOUNT`]), fresh at each boot.
    #[serde(rename = "house_secret")]
    pub gateway_password: String,
    /// Folder of the broker: its lock, and the persistence log in `ledger`.
    pub folder: String,
    /// Certificate chain and key, PEM files, for TLS listeners.
    pub certificate: Option<(String, String)>,
    /// CA of client certificates, PEM file; the certificate's common name is the user name.
    pub client_ca: Option<String>,
    /// Every TLS client must have a certificate of that CA; if false, it may use a password
    /// instead.
    #[serde(default)]
    pub certificate_only: bool,
    /// Devices without an account may send discovery messages, and nothing else.
    #[serde(default)]
    pub quarantine: bool,
    /// Durability classes by topic; the first rule that matches counts.
    #[serde(default)]
    pub rules: Vec<DurabilityRule>,
    /// The latest time that is known to have passed: certificates that ended before it
    /// are refused, also when the clock is earlier.
    #[serde(default)]
    pub floor_ms: WallMs,
    /// A broker served here before: an empty folder is then a loss of data, not a first start.
    #[serde(default)]
    pub served_before: bool,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
}

/// How safely a message with QoS 1 or 2, or a retained one, is stored for its recipients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DurabilityClass {
    /// On disk before it is acknowledged, unless every persistent recipient has acknowledged it
    /// already.
    Durable,
    /// On disk within a second.
    #[default]
    Batched,
    /// In memory only: lost when the broker's process or the box stops.
    Memory,
}

/// The class of topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DurabilityRule {
    /// MQTT filter.
    pub filter: String,
    /// Its class.
    pub class: DurabilityClass,
}

/// The rules where the configuration has none. Messages of devices (`d/`) and orders to them (`c/`)
/// are durable. All other topics are batched: discovery messages are published again by themselves,
/// and programs that need more for their topics can configure it. The gateway's own topics
/// (`house/`) stay in memory.
#[must_use]
pub fn default_durability_rules() -> Vec<DurabilityRule> {
    let rule = |filter: &str, class| DurabilityRule {
        filter: filter.to_owned(),
        class,
    };
    vec![
        rule(topics::DEVICES_FILTER, DurabilityClass::Durable),
        rule(topics::ORDERS_FILTER, DurabilityClass::Durable),
        rule(topics::GATEWAY_FILTER, DurabilityClass::Memory),
        rule("#", DurabilityClass::Batched),
    ]
}

/// The kind of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerKind {
    /// MQTT over TCP.
    Plain,
    /// MQTT over TLS.
    Tls,
    /// MQTT over WebSocket.
    WebSocket,
    /// MQTT over WebSocket over TLS.
    WebSocketTls,
}

impl ListenerKind {
    /// Its name in logs and on the technician's pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
            Self::WebSocket => "WebSocket",
            Self::WebSocketTls => "WebSocket over TLS",
        }
    }
}

impl std::fmt::Display for ListenerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Bounds of the broker; for each one there is a sentence that is reported when it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Half-open connections: those that have not completed CONNECT.
    pub half_open: usize,
    /// Half-open connections from one address; a bridge or a program on this machine may have 200.
    pub half_open_per_address: usize,
    /// Connections from one address.
    pub per_address: usize,
    /// Seconds for TLS, WebSocket and CONNECT together.
    pub handshake_s: u64,
    /// Largest packet, bytes.
    pub packet: usize,
    /// Messages a second of one device, sustained.
    pub messages_per_second: u32,
    /// Bytes a second of one device, sustained.
    pub bytes_per_second: u32,
    /// Filters of one device.
    pub filters: usize,
    /// Longest topic or filter, bytes.
    pub topic_bytes: usize,
    /// Most levels of a topic or filter, 128 at most.
    pub topic_levels: usize,
    /// Longest client id, bytes.
    pub client_id_bytes: usize,
    /// Sessions of one account, connected or persistent.
    pub per_account: usize,
    /// Messages that wait for one client's acknowledgement.
    pub inflight: usize,
    /// Messages with QoS 1 and 2 that a client may leave unfinished.
    pub receive_maximum: u16,
    /// Topic aliases of one client, in each direction.
    pub aliases: u16,
    /// Longest keep alive, seconds; a longer one, or none, is replaced by it for MQTT 5. 0 = as
    /// the client requests.
    pub keep_alive_s: u16,
    /// Longest session expiry interval, seconds.
    pub session_s: u32,
    /// Messages queued for one session.
    pub queued: usize,
    /// Bytes queued for one session.
    pub queued_bytes: usize,
    /// Bytes queued for all sessions together.
    pub queued_all: usize,
    /// Devices without an account that may announce themselves at the same time.
    pub quarantined: usize,
    /// Persistent sessions whose clients are disconnected.
    pub sessions: usize,
    /// Retained messages.
    pub retained: usize,
    /// Bytes of retained messages.
    pub retained_bytes: usize,
    /// Retained messages of one device.
    pub retained_per_device: usize,
    /// Bytes of retained messages of one device.
    pub retained_bytes_per_device: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_000,
            half_open: 256,
            half_open_per_address: 16,
            per_address: 1_000,
            handshake_s: 5,
            packet: 256 * 1024,
            messages_per_second: 200,
            bytes_per_second: 1024 * 1024,
            filters: 64,
            topic_bytes: TOPIC_BYTES_MAX,
            topic_levels: TOPIC_LEVELS_MAX,
            client_id_bytes: 128,
            per_account: 16,
            inflight: 20,
            receive_maximum: 64,
            aliases: 32,
            keep_alive_s: 0,
            session_s: 7 * 86_400,
            queued: 1_000,
            queued_bytes: 4 * 1024 * 1024,
            queued_all: 64 * 1024 * 1024,
            quarantined: 16,
            sessions: 2_000,
            retained: 10_000,
            retained_bytes: 64 * 1024 * 1024,
            retained_per_device: 200,
            retained_bytes_per_device: 4 * 1024 * 1024,
        }
    }
}

/// A further line to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum WorkerCommand {
    /// The whole access table; the worker answers with [`WorkerEvent::AccessApplied`].
    #[serde(rename = "access")]
    SetAccess {
        /// Number of the command.
        n: u64,
        /// All accounts.
        accounts: Vec<Account>,
    },
    /// The certificates that are valid for each account; applied to open connections too.
    #[serde(rename = "holders")]
    SetCertificateHolders {
        /// Keys by account; an account that is not in the table accepts every certificate of its
        /// name.
        holders: HolderTable,
    },
    /// Read certificate and key again.
    #[serde(rename = "certificate")]
    ReloadCertificate,
    /// A question; the worker answers with the same number.
    #[serde(rename = "ask")]
    Query {
        /// Number of the question.
        n: u64,
        /// The question.
        #[serde(rename = "ask")]
        query: AdminQuery,
    },
}

/// A line from the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// Alive; sent by `supervisor::child`, not by the broker's own code.
    #[serde(rename = "beat")]
    Heartbeat,
    /// The listeners are served.
    Ready,
    /// The access table is in force, also on open connections.
    #[serde(rename = "applied")]
    AccessApplied {
        /// Number of the command.
        n: u64,
    },
    /// A client showed a verified certificate with an account's name.
    #[serde(rename = "holder")]
    CertificateSeen {
        /// The account.
        name: String,
        /// SHA-256 of its public key.
        key: String,
        /// When it ends, seconds since 1970.
        #[serde(rename = "until")]
        until_s: i64,
    },
    /// A client was refused or disconnected, and why.
    #[serde(rename = "trouble")]
    ClientError {
        /// Account or client id, as far as known.
        #[serde(rename = "who")]
        client: String,
        /// Why.
        #[serde(rename = "why")]
        reason: RefusalReason,
        /// Number of further ones since the last that was reported.
        #[serde(default)]
        #[serde(rename = "untold")]
        suppressed: u64,
    },
    /// Counters, every few seconds.
    Counters(Counters),
    /// The answer to a question.
    #[serde(rename = "answer")]
    Reply {
        /// Number of the question.
        n: u64,
        /// The answer.
        #[serde(rename = "answer")]
        reply: AdminReply,
    },
}

/// A query or an action of the technician at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum AdminQuery {
    /// Sessions, connected or persistent, those after `after` in their order.
    Clients {
        /// Account and client id after which to go on.
        after: Option<(String, String)>,
    },
    /// Retained topics that match a filter, those after `after`.
    Topics {
        /// MQTT filter.
        filter: String,
        /// Topic after which to go on.
        after: Option<String>,
    },
    /// Ends the connections and sessions of an account, or of one client id.
    Kick {
        /// Account or client id.
        id: String,
    },
    /// The last refusals of an account, a client id or an address.
    #[serde(rename = "why")]
    Refusals {
        /// Account, client id or address; empty = the last ones of all.
        id: String,
    },
}

/// The broker's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminReply {
    /// Some sessions, and whether there are more.
    Clients(Vec<ClientRow>, bool),
    /// Some topics, and whether there are more.
    Topics(Vec<RetainedRow>, bool),
    /// How many sessions were ended.
    Kicked(usize),
    /// Refusals, oldest first.
    #[serde(rename = "why")]
    Refusals(Vec<Refusal>),
}

/// A session as a technician sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRow {
    /// Account.
    pub account: String,
    /// Client id.
    pub client_id: String,
    /// It is connected.
    pub connected: bool,
    /// Its address; empty when disconnected.
    pub address: String,
    /// “3.1”, “3.1.1” or “5”; empty when disconnected.
    pub version: String,
    /// Listener.
    #[serde(rename = "door")]
    pub listener: String,
    /// Seconds since it connected, or since it disconnected.
    #[serde(rename = "seconds")]
    pub state_age_s: u64,
    /// Filters.
    pub filters: Vec<String>,
    /// Messages that wait for it.
    pub queued: usize,
    /// Messages that it has not acknowledged.
    pub inflight: usize,
    /// Messages for it that were dropped.
    pub dropped: u64,
    /// Its session outlives its connection.
    #[serde(rename = "kept")]
    pub persistent: bool,
}

/// A retained message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetainedRow {
    /// Topic.
    pub topic: String,
    /// Account that published it.
    pub owner: String,
    /// Its beginning, as text.
    pub payload: String,
    /// Bytes in all.
    pub bytes: usize,
    /// QoS.
    pub qos: u8,
}
