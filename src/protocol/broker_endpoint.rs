//! How the house's own clients reach the broker: what `/broker/way` of the control socket answers.
//! Whoever holds it may speak as the house.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The way to the broker for the house's own clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerEndpoint {
    /// The worker's private socket.
    pub socket: PathBuf,
    /// The password behind the house's name, fresh at each boot.
    #[serde(rename = "secret")]
    pub password: String,
    /// Largest packet of a device, bytes: the house takes whatever a device may say.
    #[serde(rename = "packet")]
    pub max_packet_bytes: usize,
}
