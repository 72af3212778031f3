//! A client's session, the connection that holds it, and what a new connection asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::acl::Identity;
use super::queue::Queue;
use super::quota::QueueQuota;
use super::session_filters::SessionFilters;
use super::subscriptions::Slot;
use super::unreleased::InboundQos2;
use crate::broker::persistence::record::{PersistedChange, SessionHeader};
use crate::keys::holders::CertificateProof;
use crate::protocol::broker::{GATEWAY_CLIENT_ID, RefusalReason};
use crate::protocol::mqtt::PacketId;
use crate::protocol::mqtt::connect::Will;

/// A client: its identity and its client identifier.
pub type ClientKey = (Identity, String);

/// How a client is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionInfo {
    pub address: Arc<str>,
    pub listener: &'static str,
    /// “3.1”, “3.1.1” or “5”.
    pub version: &'static str,
    /// The proof in its certificate; empty = it showed none.
    pub proof: CertificateProof,
}

/// One client's session.
///
/// Its number and its client never change: `session_table` finds it by them. Its queue is changed
/// only through [`Session::with_queue`], which counts the bytes in it.
pub struct Session {
    number: u64,
    identity: Identity,
    owner: Arc<str>,
    client_id: String,
    queue: Queue,
    pub subscriptions: SessionFilters,
    /// QoS 2 messages that were taken and are not released, or whose release is not on disk yet.
    pub inbound_qos2: BTreeMap<PacketId, InboundQos2>,
    pub wake: Arc<Notify>,
    pub connection: Option<ConnectionHandle>,
    /// The credential that opened the session: it ends when the secret is changed.
    pub credential: Arc<str>,
    pub expiry_interval: Duration,
    pub state_since: Instant,
    pub peer: ConnectionInfo,
    /// The message that is published if the connection ends without a normal DISCONNECT. Boxed:
    /// many clients leave none.
    pub will: Option<Box<Will>>,
    /// The persistence log holds this session.
    pub persisted: bool,
    /// The topic that its client published last and may publish by the access table in force;
    /// empty = none. Most clients publish to one topic.
    pub permitted_topic: String,
}

impl Session {
    /// A session that nobody is connected to, with an empty queue.
    pub fn new(
        number: u64,
        (identity, client_id): ClientKey,
        credential: Arc<str>,
        queue: Queue,
        now: Instant,
    ) -> Self {
        Self {
            number,
            owner: identity.quota_owner().into(),
            identity,
            client_id,
            queue,
            subscriptions: SessionFilters::default(),
            inbound_qos2: BTreeMap::new(),
            wake: Arc::new(Notify::new()),
            connection: None,
            credential,
            expiry_interval: Duration::ZERO,
            state_since: now,
            peer: ConnectionInfo::default(),
            will: None,
            persisted: false,
            permitted_topic: String::new(),
        }
    }

    /// The session's number, which is never used again.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The identity as the persistence log and the retained messages name it.
    pub fn owner(&self) -> &Arc<str> {
        &self.owner
    }

    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    pub fn client_key(&self) -> ClientKey {
        (self.identity.clone(), self.client_id.clone())
    }

    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Works on the queue, and counts the bytes that came into it or left it.
    pub fn with_queue<T>(
        &mut self,
        quota: &mut QueueQuota,
        work: impl FnOnce(&mut Queue) -> T,
    ) -> T {
        let before = self.queue.bytes;
        let done = work(&mut self.queue);
        quota.queue_changed(&self.identity, &self.owner, before, self.queue.bytes);
        done
    }

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
            credential: self.credential.to_string(),
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
    /// Boxed: hardly a connection is ever ended from outside.
    reason: Arc<OnceLock<Box<RefusalReason>>>,
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
        let _ = self.reason.set(Box::new(reason));
        self.wake.notify_one();
    }

    /// The reason to end, if there is one.
    pub fn reason(&self) -> Option<RefusalReason> {
        self.reason.get().map(|reason| RefusalReason::clone(reason))
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
    pub credential: Arc<str>,
    pub will: Option<Will>,
    pub peer: ConnectionInfo,
}

/// A connection's hold on its session.
pub struct SessionHandle {
    pub slot: Slot,
    /// The session's owner ([`Session::owner`]).
    pub owner: Arc<str>,
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
        session: &Session,
        connection: &ConnectionHandle,
        session_present: bool,
    ) -> Self {
        Self {
            slot,
            owner: session.owner.clone(),
            connection_number: connection.number,
            session_present,
            wake: session.wake.clone(),
            signal: connection.signal.clone(),
            closed: connection.closed.clone(),
        }
    }
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}
