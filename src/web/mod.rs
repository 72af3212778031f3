//! The audiences of the village's web pages: the portal (no script at all), the dashboard, the
//! control socket, the API for programs.

pub mod api;
pub mod app;
pub mod broker;
pub mod cameras;
pub mod components;
pub mod control;
pub mod dashboard;
pub mod devices;
pub mod history;
pub mod history_rows;
mod history_text;
pub mod home;
pub mod lights;
pub mod live_updates;
pub mod live_video;
mod names;
pub mod notices;
pub mod portal;
pub mod sensors;
pub mod sign_in;
pub mod speakers;
pub mod users;
