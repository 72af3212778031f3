//! The number of a change, and of a delivery's end what the ledger must know.

/// Number of a change that the ledger owes (or owed) the disk.
pub type LogNumber = u64;

/// The end of a delivery: what the ledger must know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    pub packet_id: u16,
    pub log_number: Option<LogNumber>,
}
