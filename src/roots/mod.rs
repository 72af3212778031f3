//! Composition: one file per role. The only files that see everything.

pub mod broker;
pub mod cameras;
pub mod commune;
mod desk;
pub mod doors;
mod ending;
pub mod erasure;
pub mod gateway;
pub mod housekeeping;
pub mod retention;
pub mod secrets;
pub mod seed;
mod sockets;
mod south;
mod uplink;
mod voice;
pub mod worker;
