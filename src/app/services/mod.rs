//! The services that the roles start, one file for each noun. `app::gateway` and `app::commune`
//! list them in order.

pub mod bootstrap;
pub mod broker;
mod broker_access;
mod broker_admin;
pub mod broker_certificate;
pub mod broker_worker;
pub mod cameras;
mod captive_option;
pub mod devices;
pub mod dhcp;
pub mod directory;
pub mod erasure;
pub mod feeds;
pub mod guests;
pub mod http;
pub mod maintenance;
pub mod notices;
pub mod papers;
mod public_tls;
pub mod retention;
pub mod session_rows;
pub mod speakers;
pub mod storage_failure;
pub mod uplink;
