//! MQTT for the village's devices, in a worker process of its own.
//!
//! The edge (listeners, handshake, keep alive) and the guard (permissions, wills, retained, queues, rates)
//! are ours; rumqttd's Router, as a library behind `router`, fans out QoS 0 wildcard subscriptions. Its own
//! listener never faces a device (docs/decisions/0003-broker.md).
//! Deliberately absent so far: sessions that outlive the worker, QoS 2 to MQTT 5 clients, shared
//! subscriptions, topic aliases.

mod access;
mod connection;
mod edge;
mod guard;
mod limits;
mod matcher;
mod retained;
mod router;
mod session;
mod websocket;
pub mod worker;
