//! The audiences of the village's web pages: the portal (no script at all), the dashboard, the
//! control socket, the API for programs.

pub mod api;
pub mod control;
pub mod dashboard;
pub mod kit;
pub mod portal;
