//! The model of a village: pure values. No async, no I/O, no clock, no randomness.

pub mod actor;
mod announcements;
pub mod binary_sensor;
pub mod blob;
pub mod calendar;
pub mod camera;
pub mod command;
pub mod decide;
pub mod declared;
pub mod device;
pub mod entity;
pub mod event;
pub mod id;
pub mod light;
pub mod notice;
pub mod permissions;
pub mod place;
pub mod rejection;
mod removal;
pub mod sensor;
pub mod speaker;
pub mod state;
pub mod text;
pub mod token;
mod users;
pub mod validation;
pub mod village;

#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod tests;
