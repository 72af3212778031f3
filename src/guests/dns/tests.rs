//! The forwarder's parts with right and wrong samples; the whole over real sockets, with a resolver
//! of other people's making.

mod answers;
mod packets;
mod questions;
mod rebinding;
