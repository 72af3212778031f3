//! What people are told, as values and in their language. A thing's status is computed here once;
//! pages, the control socket, the technician's commands and the commune's console show it.
//!
//! Deliberately absent: HTML, HTTP.

mod common_cause;
pub mod status_text;
pub mod village_status;
