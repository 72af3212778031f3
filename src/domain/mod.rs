//! The model of a village: pure values. No async, no I/O, no clock, no randomness.
//!
//! Each noun is a module with its things, its `Command` and its `Event`; beside it, in `rules`, are
//! who may give a command, what it becomes, and what an event changes. `command`, `event`, `decide`
//! and `apply` only pass on to the nouns, a line for each.

pub mod account;
pub mod actor;
mod apply;
pub mod binary_sensor;
pub mod blob;
pub mod calendar;
pub mod camera;
pub mod changes;
pub mod command;
pub mod configuration;
pub mod decide;
pub mod device;
pub mod directory;
pub mod entity;
pub mod event;
pub mod guest;
pub mod hardware_address;
pub mod history;
pub mod id;
pub mod lane;
pub mod light;
pub mod network;
pub mod notice;
pub mod permissions;
pub mod place;
pub mod procedure;
pub mod rejection;
pub mod sensor;
pub mod speaker;
pub mod state;
pub mod storm;
pub mod text;
pub mod things;
pub mod token;
pub mod topics;
pub mod user;
pub mod validation;
pub mod village;

#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod undo_tests;
