//! MQTT 3.1, 3.1.1 and 5.0 from a server's side: reads what clients send, writes what a server
//! sends.
//!
//! Sources: OASIS MQTT 3.1.1 (29 October 2014) and MQTT 5.0 (7 March 2019). Numbers in brackets are
//! their normative statements.
//!
//! This codec is our own, because the available MQTT crates lose packets, hide fields or accept
//! what the standard forbids (docs/decisions/0002-mqtt-codec.md).

mod body;
pub mod connect;
pub mod encode;
pub mod frame;
pub mod packet;
mod packet_id;
mod packet_type;
pub mod properties;
mod qos;
mod reason_code;
pub mod topic;
mod violation;

#[cfg(test)]
mod tests;

pub use self::packet_id::PacketId;
pub use self::packet_type::PacketType;
pub use self::qos::QoS;
pub use self::reason_code::ReasonCode;
pub use self::violation::Violation;

/// Protocol version of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1: read as 3.1.1, except where its own text differs.
    V31,
    /// 3.1.1
    V311,
    /// 5.0
    V5,
}
