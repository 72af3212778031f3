//! The packets that the server sends.

use bytes::{BufMut as _, BytesMut};

use super::frame::{put_packet, put_varint, varint_len};
use super::{PacketId, PacketType, QoS, ReasonCode, Version};

/// The bounds in CONNACK for an MQTT 5 client. Features that it does not mention are served without
/// bounds (QoS 2, retained messages, wildcards, subscription identifiers, shared subscriptions).
#[derive(Debug, Clone, Default)]
pub struct ConnAck {
    /// The client goes on with an old session.
    pub session_present: bool,
    /// The client identifier that the server assigned, if the client had none.
    pub assigned_client_id: Option<String>,
    /// Largest packet that the server takes, bytes.
    pub maximum_packet_size: u32,
    /// Keep alive that the server demands, seconds.
    pub server_keep_alive: Option<u16>,
    /// Session expiry interval that the server grants if it differs, seconds.
    pub session_expiry: Option<u32>,
    /// Most unacknowledged PUBLISH packets that the server takes.
    pub receive_maximum: u16,
    /// Topic aliases that the server takes.
    pub topic_alias_maximum: u16,
}

fn put_string_property(out: &mut BytesMut, id: u8, value: &str) {
    out.put_u8(id);
    out.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
    out.extend_from_slice(&value.as_bytes()[..value.len().min(usize::from(u16::MAX))]);
}

/// CONNACK that accepts.
pub fn connack(out: &mut BytesMut, version: Version, w: &ConnAck) {
    let mut body = BytesMut::new();
    body.put_u8(u8::from(w.session_present));
    body.put_u8(ReasonCode::SUCCESS.get());
    if version == Version::V5 {
        let mut props = BytesMut::new();
        props.put_u8(0x21);
        props.put_u16(w.receive_maximum);
        props.put_u8(0x22);
        props.put_u16(w.topic_alias_maximum);
        props.put_u8(0x27);
        props.put_u32(w.maximum_packet_size);
        if let Some(id) = &w.assigned_client_id {
            put_string_property(&mut props, 0x12, id);
        }
        if let Some(seconds) = w.server_keep_alive {
            props.put_u8(0x13);
            props.put_u16(seconds);
        }
        if let Some(seconds) = w.session_expiry {
            props.put_u8(0x11);
            props.put_u32(seconds);
        }
        put_varint(&mut body, props.len());
        body.extend_from_slice(&props);
    }
    put_packet(out, PacketType::ConnAck, &body);
}

/// CONNACK that refuses; 3.1.1 gets the nearest of its five return codes. The sentence is left out
/// if it does not fit into the client's `largest` packet; if not even the code fits, nothing is
/// sent.
pub fn connack_error(
    out: &mut BytesMut,
    version: Version,
    code: ReasonCode,
    why: &str,
    largest: usize,
) {
    let mut body = BytesMut::new();
    body.put_u8(0);
    match version {
        Version::V31 | Version::V311 => body.put_u8(code.connack_return_code()),
        Version::V5 => {
            body.put_u8(code.get());
            let mut props = BytesMut::new();
            put_string_property(&mut props, 0x1f, why);
            if props.len() + 6 > largest {
                props.clear();
            }
            put_varint(&mut body, props.len());
            body.extend_from_slice(&props);
        }
    }
    if body.len() + 2 <= largest {
        put_packet(out, PacketType::ConnAck, &body);
    }
}

/// Bytes of a SUBACK or UNSUBACK with so many codes.
#[must_use]
pub const fn suback_len(version: Version, codes: usize) -> usize {
    let body = 2 + codes + if matches!(version, Version::V5) { 1 } else { 0 };
    1 + varint_len(body) + body
}

/// A message for a subscriber.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingPublish<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Payload.
    pub payload: &'a [u8],
    /// QoS.
    pub qos: QoS,
    /// Packet identifier; none = QoS 0.
    pub packet_id: Option<PacketId>,
    /// It was sent before.
    pub dup: bool,
    /// Retain flag.
    pub retain: bool,
    /// Encoded properties that are forwarded unchanged.
    pub forwarded_properties: &'a [u8],
    /// Seconds until the message expires.
    pub message_expiry_s: Option<u32>,
    /// Identifiers of all the subscriptions that matched.
    pub subscription_ids: &'a [u32],
    /// The alias that stands for the topic, and whether the topic itself must still be sent.
    pub alias: Option<(u16, bool)>,
}

/// PUBLISH to a client.
pub fn publish(out: &mut BytesMut, version: Version, d: &OutgoingPublish<'_>) {
    let mut props = BytesMut::new();
    if version == Version::V5 {
        if let Some(seconds) = d.message_expiry_s {
            props.put_u8(0x02);
            props.put_u32(seconds);
        }
        for id in d.subscription_ids {
            props.put_u8(0x0b);
            put_varint(&mut props, *id as usize);
        }
        if let Some((alias, _)) = d.alias {
            props.put_u8(0x23);
            props.put_u16(alias);
        }
        props.extend_from_slice(d.forwarded_properties);
    }
    let first = PacketType::Publish.first_byte()
        | u8::from(d.dup) << 3
        | d.qos.bits() << 1
        | u8::from(d.retain);
    let topic = if matches!(d.alias, Some((_, false))) {
        ""
    } else {
        d.topic
    };
    let v5 = version == Version::V5;
    let props_len = if v5 {
        varint_len(props.len()) + props.len()
    } else {
        0
    };
    let len =
        2 + topic.len() + if d.packet_id.is_some() { 2 } else { 0 } + props_len + d.payload.len();
    out.reserve(len + 5);
    out.put_u8(first);
    put_varint(out, len);
    out.put_u16(u16::try_from(topic.len()).unwrap_or(u16::MAX));
    out.extend_from_slice(topic.as_bytes());
    if let Some(id) = d.packet_id {
        out.put_u16(id.get());
    }
    if v5 {
        put_varint(out, props.len());
        out.extend_from_slice(&props);
    }
    out.extend_from_slice(d.payload);
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
pub fn ack(
    out: &mut BytesMut,
    version: Version,
    packet_type: PacketType,
    id: PacketId,
    reason: ReasonCode,
) {
    let has_reason = version == Version::V5 && reason != ReasonCode::SUCCESS;
    out.put_u8(packet_type.first_byte());
    out.put_u8(if has_reason { 3 } else { 2 });
    out.put_u16(id.get());
    if has_reason {
        out.put_u8(reason.get());
    }
}

/// SUBACK or UNSUBACK with a code per filter; UNSUBACK of 3.1.1 has none.
pub fn suback(
    out: &mut BytesMut,
    version: Version,
    packet_type: PacketType,
    id: PacketId,
    codes: &[ReasonCode],
) {
    let mut body = BytesMut::new();
    body.put_u16(id.get());
    if version == Version::V5 {
        body.put_u8(0);
    }
    if version == Version::V5 || packet_type == PacketType::SubAck {
        body.extend(codes.iter().map(|code| code.get()));
    }
    put_packet(out, packet_type, &body);
}

/// PINGRESP.
pub fn pingresp(out: &mut BytesMut) {
    put_packet(out, PacketType::PingResp, &[]);
}

/// DISCONNECT with a reason code, and with a sentence if it fits into the client's `largest`
/// packet. An MQTT 3.1.1 server has no DISCONNECT, so nothing is sent.
pub fn disconnect(
    out: &mut BytesMut,
    version: Version,
    code: ReasonCode,
    why: &str,
    largest: usize,
) {
    if version == Version::V5 {
        let mut body = BytesMut::new();
        body.put_u8(code.get());
        let mut props = BytesMut::new();
        put_string_property(&mut props, 0x1f, why);
        if props.len() + 6 <= largest {
            put_varint(&mut body, props.len());
            body.extend_from_slice(&props);
        }
        if body.len() + 2 <= largest {
            put_packet(out, PacketType::Disconnect, &body);
        }
    }
}
