//! Web doors of the village: the portal (no script at all), the dashboard, the control socket.

pub mod api;
pub mod app;
pub mod broker;
pub mod cameras;
pub mod control;
pub mod dashboard;
pub mod devices;
mod happened;
pub mod history;
pub mod lights;
pub mod live;
mod names;
pub mod notices;
pub mod people;
pub mod portal;
pub mod rows;
pub mod sensors;
pub mod sign_in;
pub mod speakers;
pub mod today;
pub mod watch;
pub mod words;
