//! What every web door shares: serving, sign-in, CSRF, headers, language, layout, live updates.

pub mod dates;
pub mod headers;
pub mod hosts;
pub mod kept;
pub mod locale;
pub mod losses;
pub mod page;
mod patient;
pub mod refusals;
pub mod rejections;
pub mod serve;
pub mod session;
