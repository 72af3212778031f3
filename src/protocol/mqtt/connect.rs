//! CONNECT: who the client is, which session it asks for, and its will.

use bytes::Bytes;

use super::body::BodyReader;
use super::properties::{self, Properties, PropertyContext};
use super::topic::is_topic_name;
use super::{QoS, Version, Violation};

/// A client's first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Protocol version of the client.
    pub version: Version,
    /// Protocol level as it came: 3 (MQTT 3.1), 4 or 5.
    pub level: u8,
    /// Client identifier; empty = the server assigns one.
    pub client_id: String,
    /// Begin without the old session (3.1.1: clean session).
    pub clean_start: bool,
    /// Keep alive, seconds; 0 = none.
    pub keep_alive: u16,
    /// The message that is published if the connection ends without a normal DISCONNECT.
    pub will: Option<Will>,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Bytes>,
    /// MQTT 5 properties.
    pub properties: Properties,
}

/// A will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Bytes,
    /// QoS.
    pub qos: QoS,
    /// Publish it as a retained message.
    pub retain: bool,
    /// MQTT 5 properties.
    pub properties: Properties,
}

/// Why a CONNECT is not served, and so how it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectError {
    /// Not a CONNECT, or malformed: close without an answer in 3.1.1.
    Violation(Violation),
    /// A protocol level that is not served: answer 1 (3.1.1) or
    /// [`super::ReasonCode::UNSUPPORTED_PROTOCOL_VERSION`] (5.0).
    UnsupportedVersion,
    /// A will that cannot be published: answered with its code in 5.0.
    InvalidWill(Violation),
}

impl From<Violation> for ConnectError {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// Reads the body of a CONNECT.
///
/// # Errors
/// [`ConnectError`] when it is not one that can be served.
pub fn read(body: Bytes) -> Result<Connect, ConnectError> {
    let mut body = BodyReader(body);
    let name = body.utf8_bytes()?;
    let level = body.u8()?;
    let version = match (&name[..], level) {
        (b"MQIsdp", 3) => Version::V31,
        (b"MQTT", 4) => Version::V311,
        (b"MQTT", 5) => Version::V5,
        _ => return Err(ConnectError::UnsupportedVersion),
    };
    let v31 = version == Version::V31;
    let mut flags = body.u8()?;
    if v31 {
        // In 3.1 the other will flags are disregarded when there is no will, and its text does not
        // forbid the reserved flag.
        flags &= if flags & 0x04 == 0 { !0x39 } else { !0x01 };
    }
    if flags & 1 != 0 {
        return Err(Violation::ConnectFlagReserved.into());
    }
    let (has_will, will_retain) = (flags & 0x04 != 0, flags & 0x20 != 0);
    let (has_name, has_password) = (flags & 0x80 != 0, flags & 0x40 != 0);
    let will_qos = QoS::from_bits(flags >> 3 & 3)
        .filter(|qos| has_will || *qos == QoS::AtMostOnce && !will_retain)
        .ok_or(Violation::WillFlagsInvalid)?;
    if version != Version::V5 && has_password && !has_name {
        return Err(Violation::PasswordWithoutUserName.into());
    }
    let keep_alive = body.u16()?;
    let v5 = version == Version::V5;
    let props = if v5 {
        properties::read(&mut body, PropertyContext::Connect)?
    } else {
        Properties::default()
    };
    let client_id = body.string()?;
    let will = if has_will {
        let properties = if v5 {
            properties::read(&mut body, PropertyContext::Will)?
        } else {
            Properties::default()
        };
        let topic = body.string()?;
        // A copy, because the will lives as long as its connection and must not hold the packet in
        // memory.
        let payload = Bytes::copy_from_slice(&body.binary()?);
        if !is_topic_name(&topic) {
            return Err(ConnectError::InvalidWill(Violation::WillTopicInvalid));
        }
        if properties.is_text && std::str::from_utf8(&payload).is_err() {
            return Err(ConnectError::InvalidWill(Violation::WillPayloadNotText));
        }
        Some(Will {
            topic,
            payload,
            qos: will_qos,
            retain: will_retain,
            properties,
        })
    } else {
        None
    };
    // In 3.1 the remaining length decides before the flags do: an announced user name or password
    // may be absent, and bytes that were not announced are disregarded.
    let username = if has_name && !(v31 && body.remaining() == 0) {
        Some(body.string()?)
    } else {
        None
    };
    let password = if has_password && !(v31 && body.remaining() == 0) {
        Some(body.binary()?)
    } else {
        None
    };
    if body.remaining() > 0 && !v31 {
        return Err(Violation::ConnectTooLong.into());
    }
    Ok(Connect {
        version,
        level,
        client_id,
        clean_start: flags & 2 != 0,
        keep_alive,
        will,
        username,
        password,
        properties: props,
    })
}

/// The largest packet that the sender of this CONNECT takes, as far as it can be read; also of a
/// CONNECT that is refused.
#[must_use]
pub fn peer_packet_limit(body: Bytes) -> usize {
    let mut body = BodyReader(body);
    let mut read = || {
        let (_, level, _, _) = (body.utf8_bytes()?, body.u8()?, body.u8()?, body.u16()?);
        if level == 5 {
            properties::read(&mut body, PropertyContext::Connect)
        } else {
            Ok(Properties::default())
        }
    };
    read()
        .ok()
        .and_then(|p| p.maximum_packet_size)
        .map_or(usize::MAX, |n| n as usize)
}
