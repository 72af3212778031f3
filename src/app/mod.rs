//! Composition: one file per program or group of services. Only these files know all modules.

pub mod bootstrap;
pub mod broker;
mod broker_admin;
pub mod cameras;
pub mod commune;
mod device_link;
pub mod erasure;
pub mod gateway;
pub mod http_listeners;
pub mod maintenance;
pub mod retention;
pub mod secrets;
mod sockets;
mod speech;
mod storage_failure;
mod uplink;
pub mod worker;
