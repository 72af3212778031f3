//! The number of a change in the persistence log, and the end of a delivery.

/// Number of a change that is, or was, pending in the persistence log.
pub type LogNumber = u64;

/// The end of a delivery, for the persistence log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    pub packet_id: u16,
    pub log_number: Option<LogNumber>,
}
