//! Everything that the HTTP listeners share: serving, sign-in and CSRF, headers, host names,
//! languages, dates, layout, and sentences about refusals and losses.

pub mod cache_files;
pub mod data_loss;
pub mod dates;
pub mod headers;
pub mod hosts;
pub mod locale;
pub mod refusal_text;
pub mod rejection_text;
pub mod render;
pub mod serve;
pub mod session;
mod write_timeout;
