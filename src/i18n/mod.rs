//! The two languages: the locale files, dates and numbers as people write them, and the
//! sentences that more than one place prints. The pages, the commune's server and the technician's
//! commands take their texts from here. No HTTP: a sentence does not know where it is shown.

pub mod amounts;
pub mod data_loss;
pub mod dates;
pub mod io_text;
pub mod locale;
pub mod map_text;
pub mod procedure_file_text;
pub mod reason_text;
pub mod refusal_text;
pub mod rejection_text;
pub mod slug;
pub mod verbatim;
