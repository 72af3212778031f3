//! The parameters that the handshake hands to a connected client, and the end of a connection.

use std::sync::Arc;

use crate::broker::core::acl::Identity;
use crate::broker::core::session::SessionHandle;
use crate::broker::shared::SharedBroker;
use crate::protocol::broker::RefusalReason;
use crate::protocol::mqtt::Version;
use crate::protocol::mqtt::encode::ConnAck;
use crate::supervisor::meter::Meter;

/// The parameters that CONNECT and CONNACK agreed on.
pub struct ConnectionParams {
    pub session: SessionHandle,
    pub identity: Identity,
    pub version: Version,
    pub connack: ConnAck,
    /// Seconds; 0 = none.
    pub keep_alive: u16,
    /// Session expiry that was granted, seconds.
    pub granted_expiry: u32,
    /// Largest packet that the client takes, bytes.
    pub max_packet_bytes: usize,
    /// Topic aliases that the client takes.
    pub topic_alias_maximum: u16,
    pub address: Arc<str>,
    /// Counts the bytes that the socket moves.
    pub meter: Arc<Meter>,
}

/// Why a connection ended, for events and logs.
#[derive(Debug)]
pub struct ConnectionEnd {
    /// The client's name, as far as it is known.
    pub client: String,
    /// The client's error; none = there was none.
    pub error: Option<RefusalReason>,
}

impl ConnectionEnd {
    /// The end of a connection that never got an identity; the refusal is recorded under its
    /// address.
    pub fn unidentified(broker: &SharedBroker, address: &str, reason: RefusalReason) -> Self {
        broker.record_refusal("", address, reason.clone());
        Self {
            client: String::new(),
            error: Some(reason),
        }
    }
}
