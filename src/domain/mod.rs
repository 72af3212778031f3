//! WHAT a village is: pure values. No async, no I/O, no clock, no randomness.

pub mod actor;
mod announcing;
pub mod blob;
pub mod calendar;
pub mod camera;
pub mod command;
pub mod decide;
pub mod device;
pub mod entity;
pub mod event;
pub mod id;
mod leaving;
pub mod light;
pub mod notice;
pub mod outcome;
mod people;
pub mod place;
pub mod rights;
pub mod sensor;
pub mod sound;
pub mod speaker;
pub mod state;
pub mod thing;
pub mod token;
pub mod village;
pub mod words;
pub mod yes_no;

#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod tests;
