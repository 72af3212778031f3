//! What parent and broker worker say to each other: settings, orders, facts. One JSON object a line.

use serde::{Deserialize, Serialize};

use crate::domain::device::Account;

/// First line to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What each passed listener is, in order.
    pub doors: Vec<Door>,
    /// Unix socket for the house's own clients; made 0600 by the worker.
    pub house_socket: String,
    /// User name and password of the house's own clients, fresh at each boot.
    pub house_secret: String,
    /// Folder of retained messages.
    pub folder: String,
    /// Certificate chain and key, PEM files, for TLS doors.
    pub certificate: Option<(String, String)>,
    /// CA of client certificates, PEM file; set = TLS clients must bring one, its name is the user name.
    pub client_ca: Option<String>,
    /// Bounds.
    pub limits: Limits,
}

/// What a listener is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// MQTT over TCP.
    Plain,
    /// MQTT over TLS.
    Tls,
    /// MQTT over WebSocket.
    WebSocket,
}

/// Bounds of the broker; every one has its sentence when it is hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections that have not said who they are.
    pub half_open: usize,
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
    /// Messages queued for one session.
    pub queued: usize,
    /// Bytes queued for one session.
    pub queued_bytes: usize,
    /// Sessions kept for devices that are away.
    pub sessions: usize,
    /// Retained messages.
    pub retained: usize,
    /// Bytes of retained messages.
    pub retained_bytes: usize,
    /// Retained messages of one device.
    pub retained_per_device: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_000,
            half_open: 256,
            per_address: 1_000,
            handshake_s: 5,
            packet: 256 * 1024,
            messages_per_second: 200,
            bytes_per_second: 1024 * 1024,
            filters: 16,
            queued: 1_000,
            queued_bytes: 4 * 1024 * 1024,
            sessions: 2_000,
            retained: 10_000,
            retained_bytes: 64 * 1024 * 1024,
            retained_per_device: 200,
        }
    }
}

/// A further line to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// The whole access table; the worker answers `Applied`.
    Access {
        /// Number of the order.
        n: u64,
        /// All accounts.
        accounts: Vec<Account>,
    },
    /// Read certificate and key again.
    Certificate,
}

/// A line from the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// Alive; said by the worker's frame, not by the broker.
    Beat,
    /// The doors are served.
    Ready,
    /// The access table is in force, also on open connections.
    Applied {
        /// Number of the order.
        n: u64,
    },
    /// A device was refused or cut, and why.
    Trouble {
        /// Who, as far as it said.
        who: String,
        /// Why, for a technician.
        why: String,
    },
    /// Counters, every few seconds.
    Counters(Counters),
}

/// What the broker counted since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Connected clients.
    pub connected: u64,
    /// Messages taken.
    pub received: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Messages dropped because a session's queue was full.
    pub dropped: u64,
    /// Retained messages held.
    pub retained: u64,
    /// Retained messages refused because of a bound.
    pub retained_refused: u64,
    /// Clients refused.
    pub refused: u64,
}
