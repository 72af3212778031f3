//! A client's session, the connection that holds it, and what a new connection asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::acl::Identity;
use super::queue::{InboundQos2, Queue};
use super::subscriptions::{Slot, SubscriptionOptions};
use crate::broker::persistence::record::{PersistedChange, SessionHeader};
use crate::keys::holders::CertificateProof;
use crate::protocol::broker::{GATEWAY_CLIENT_ID, RefusalReason};
use crate::protocol::mqtt::PacketId;
use crate::protocol::mqtt::connect::Will;

/// How a client is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionInfo {
    pub address: String,
    pub listener: &'static str,
    /// “3.1”, “3.1.1” or “5”.
    pub version: &'static str,
    /// The proof in its certificate; empty = it showed none.
    pub proof: CertificateProof,
}

/// One client's session.
pub struct Session {
    /// The session's number, which is never used again.
    pub number: u64,
    pub identity: Identity,
    /// `identity` as the persistence log and the retained messages name it.
    pub owner: Arc<str>,
    pub client_id: String,
    pub subscriptions: BTreeMap<String, SubscriptionOptions>,
    pub queue: Queue,
    /// QoS 2 messages that were taken and are not released, or whose release is not on disk yet.
    pub inbound_qos2: BTreeMap<PacketId, InboundQos2>,
    pub wake: Arc<Notify>,
    pub connection: Option<ConnectionHandle>,
    /// The credential that opened the session: it ends when the secret is changed.
    pub credential: String,
    pub expiry_interval: Duration,
    pub state_since: Instant,
    pub peer: ConnectionInfo,
    /// The message that is published if the connection ends without a normal DISCONNECT.
    pub will: Option<Will>,
    /// The persistence log holds this session.
    pub persisted: bool,
}

impl Session {
    /// True when the session outlives its connection.
    pub fn is_persistent(&self) -> bool {
        !self.expiry_interval.is_zero()
    }

    /// True for the gateway's own client, but not for a technician's command that connects as the
    /// gateway.
    pub fn is_gateway_link(&self) -> bool {
        self.identity == Identity::Gateway && self.client_id == GATEWAY_CLIENT_ID
    }

    pub fn is_disconnected(&self) -> bool {
        self.connection.is_none()
    }

    /// The session's header for the persistence log.
    pub fn header_record(&self, now: Instant, wall: u64) -> PersistedChange {
        PersistedChange::Session(SessionHeader {
            session: self.number,
            account: self.owner.to_string(),
            client_id: self.client_id.clone(),
            credential: self.credential.clone(),
            expiry_s: u32::try_from(self.expiry_interval.as_secs()).unwrap_or(u32::MAX),
            disconnected_at: self.is_disconnected().then(|| {
                wall.saturating_sub(now.saturating_duration_since(self.state_since).as_secs())
            }),
            last_packet_id: self.queue.last_packet_id(),
        })
    }
}

/// Ends a connection from outside; the connection's task checks it whenever it is woken.
#[derive(Debug, Clone)]
pub struct DisconnectSignal {
    reason: Arc<OnceLock<RefusalReason>>,
    wake: Arc<Notify>,
}

impl DisconnectSignal {
    fn new(wake: Arc<Notify>) -> Self {
        Self {
            reason: Arc::default(),
            wake,
        }
    }

    /// Ends the connection; the first reason counts.
    pub fn disconnect(&self, reason: RefusalReason) {
        let _ = self.reason.set(reason);
        self.wake.notify_one();
    }

    /// The reason to end, if there is one.
    pub fn reason(&self) -> Option<RefusalReason> {
        self.reason.get().cloned()
    }
}

/// An open connection of a session.
#[derive(Clone)]
pub struct ConnectionHandle {
    pub number: u64,
    pub signal: DisconnectSignal,
    pub closed: CancellationToken,
}

impl ConnectionHandle {
    pub fn new(number: u64, wake: Arc<Notify>) -> Self {
        Self {
            number,
            signal: DisconnectSignal::new(wake),
            closed: CancellationToken::new(),
        }
    }
}

/// The request of a connection for its session.
pub struct ConnectRequest {
    pub identity: Identity,
    pub client_id: String,
    /// Begin without the old session.
    pub clean_start: bool,
    pub expiry_interval: Duration,
    /// Most messages that the client takes unacknowledged.
    pub receive_maximum: usize,
    pub credential: String,
    pub will: Option<Will>,
    pub peer: ConnectionInfo,
}

/// A connection's hold on its session.
pub struct SessionHandle {
    pub slot: Slot,
    /// Number of the connection.
    pub connection_number: u64,
    pub session_present: bool,
    pub wake: Arc<Notify>,
    pub signal: DisconnectSignal,
    closed: CancellationToken,
}

impl SessionHandle {
    pub fn new(
        slot: Slot,
        line: &ConnectionHandle,
        session_present: bool,
        wake: Arc<Notify>,
    ) -> Self {
        Self {
            slot,
            connection_number: line.number,
            session_present,
            wake,
            signal: line.signal.clone(),
            closed: line.closed.clone(),
        }
    }
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// A will that is due at a known moment.
pub struct ScheduledWill {
    pub due_at: Instant,
    pub identity: Identity,
    pub client_id: String,
    pub will: Will,
    /// Number of the connection that left the will; none = it was restored from disk.
    pub connection_number: Option<u64>,
    /// The will waits because the broker ended, not because of its will delay.
    pub from_broker_restart: bool,
}
