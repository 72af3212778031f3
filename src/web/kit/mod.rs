//! The parts that the audiences' pages share: the app and the context of a request, forms, public
//! links, what can be taken back, the components of a page, names as people read them. Templates of
//! the same lie beside it.

pub mod app;
pub mod board_cache;
pub mod components;
pub mod directory;
pub mod form;
pub mod guest_before;
pub mod house_labels;
pub mod kept_files;
pub mod links;
pub mod names;
pub mod notice_files;
pub mod notice_share;
pub mod notice_sheet;
pub mod notices;
pub mod print;
pub mod printed;
pub mod procedures;
pub mod qr;
pub mod search;
pub mod search_papers;
pub mod storm;
pub mod taps;
pub mod undo;
