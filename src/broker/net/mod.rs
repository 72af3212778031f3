//! Sockets and packets: from an accepted connection to the end of its client.
//!
//! `edge` accepts on the listeners and completes TLS and WebSocket (`websocket`). `handshake` reads
//! CONNECT, authenticates and gives the client its session, under `permits`. `connection` is what
//! it hands over. `client` is the loop of one connected
//! client: `inbound` and `inbound_publish` handle its packets, `pending_acks` acknowledges them in
//! order, `outbound` sends what is queued for it. `stream` reads without a buffer per connection.
//!
//! Invariant: nothing here decides who receives a message or what is stored; `core` does, under the
//! lock of `shared`. The lock is never held across an await.

mod client;
mod connection;
pub(super) mod edge;
mod handshake;
mod inbound;
mod inbound_publish;
mod outbound;
mod pending_acks;
mod permits;
mod stream;
pub mod websocket;

#[cfg(test)]
mod tests;
