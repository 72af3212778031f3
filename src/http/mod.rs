//! Everything that the HTTP listeners share: serving, sign-in, forms and their proof, headers, host
//! names, layout, and sentences about refusals.

pub mod address;
pub mod assets;
pub mod cache_files;
pub mod compression;
pub mod form;
pub mod form_parts;
pub mod form_token;
pub mod fragment;
pub mod headers;
pub mod hosts;
pub mod notice_body;
pub mod page_error;
pub mod render;
pub mod row;
pub mod select_option;
pub mod serve;
pub mod session;
pub mod typed_moment;
pub mod verbatim_html;
mod write_timeout;
pub mod wrong_input;
