//! The number of a change in the persistence log, and the end of a delivery.

use crate::protocol::mqtt::PacketId;

/// Number of a change that is, or was, pending in the persistence log.
pub type LogNumber = u64;

/// The end of a delivery, for the persistence log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    pub packet_id: PacketId,
    pub log_number: Option<LogNumber>,
}
