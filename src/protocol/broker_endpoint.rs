//! How the gateway's own clients reach the broker: the answer to `/broker/way` on the control
//! socket. A client that has it can connect with the gateway's account.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The broker's socket and password for the gateway's own clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerEndpoint {
    /// The worker's private socket.
    pub socket: PathBuf,
    /// The password of the gateway's account, fresh at each boot.
    #[serde(rename = "secret")]
    pub password: String,
    /// Largest packet that a device may send, bytes: the gateway's clients must be able to receive
    /// it.
    #[serde(rename = "packet")]
    pub max_packet_bytes: usize,
}
