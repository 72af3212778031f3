//! The forwarder's parts with right and wrong samples; the whole over real sockets, with a resolver
//! of other people's making.

mod answers;
mod bounds;
mod forwarder;
mod lists;
mod packets;
mod questions;
mod rebinding;
mod rig;
mod server;
mod streams;
mod upstream;
