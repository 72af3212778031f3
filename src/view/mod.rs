//! Everything that people are told, as values and in their language. A thing's status and the
//! sentences of history are made here once; pages, the control socket, the technician's commands
//! and the commune's console show them.
//!
//! Deliberately absent: HTML, HTTP.

mod common_cause;
pub mod directory_text;
pub mod history_rows;
pub mod history_text;
pub mod risk_sign;
pub mod search;
pub mod status_text;
pub mod trend;
pub mod village_status;
