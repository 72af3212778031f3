//! Composition: one file per role of the process, and under it what the role starts. Only these
//! files know all modules.
//!
//! A noun is started by one function, `start`: it takes its section of the configuration and the
//! handles that it works with, and gives a handle where another noun needs one. No noun sees the
//! whole configuration.

pub mod commune;
mod data_folder;
pub mod dhcp;
pub mod gateway;
pub mod handles;
pub mod netd;
pub mod secrets;
pub mod services;
mod sockets;
pub mod worker;
