//! The packets that a connected client sends.

use bytes::Bytes;

use super::body::BodyReader;
use super::frame::RawPacket;
use super::properties::{self, Properties, PropertyContext};
use super::topic::is_topic_name;
use super::{PacketId, PacketType, QoS, ReasonCode, Version, Violation};

/// A packet after CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// PUBLISH.
    Publish(Publish),
    /// PUBACK: the client has it.
    PubAck(PacketId),
    /// PUBREC with its reason: with an error the client does not take the message.
    PubRec(PacketId, ReasonCode),
    /// PUBREL: release of a QoS 2 message.
    PubRel(PacketId),
    /// PUBCOMP.
    PubComp(PacketId),
    /// SUBSCRIBE.
    Subscribe(Subscribe),
    /// UNSUBSCRIBE.
    Unsubscribe {
        /// Packet identifier.
        id: PacketId,
        /// Topic filters.
        filters: Vec<String>,
    },
    /// PINGREQ.
    PingReq,
    /// DISCONNECT with its reason (success in 3.1.1) and a changed session expiry.
    Disconnect {
        /// Reason code.
        reason: ReasonCode,
        /// New session expiry interval, seconds.
        session_expiry: Option<u32>,
    },
}

/// PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// It was sent before.
    pub dup: bool,
    /// QoS.
    pub qos: QoS,
    /// Retain it for later subscriptions.
    pub retain: bool,
    /// Topic; empty = the topic that [`Properties::topic_alias`] stands for.
    pub topic: String,
    /// Packet identifier; none = QoS 0.
    pub id: Option<PacketId>,
    /// MQTT 5 properties.
    pub properties: Properties,
    /// Payload.
    pub payload: Bytes,
}

/// SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Packet identifier.
    pub id: PacketId,
    /// Subscription identifier, if any.
    pub subscription_id: Option<u32>,
    /// The requested subscriptions.
    pub requests: Vec<SubscriptionRequest>,
}

/// When a subscription gets the retained messages that match it [3.8.3.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetainHandling {
    /// Whenever it is made, also again.
    Send,
    /// Only if it is new.
    SendIfNew,
    /// Never.
    DoNotSend,
}

impl RetainHandling {
    /// The retain handling of two bits; none = 3, which does not exist.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Send),
            1 => Some(Self::SendIfNew),
            2 => Some(Self::DoNotSend),
            _ => None,
        }
    }
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRequest {
    /// Topic filter; it may be invalid, then only this request is refused.
    pub filter: String,
    /// Requested QoS.
    pub qos: QoS,
    /// Do not deliver this client's own messages.
    pub no_local: bool,
    /// Deliver the RETAIN flag as published.
    pub retain_as_published: bool,
    /// Retain handling.
    pub retain_handling: RetainHandling,
}

fn packet_id(body: &mut BodyReader) -> Result<PacketId, Violation> {
    PacketId::new(body.u16()?).ok_or(Violation::PacketIdZero)
}

/// Reads a packet that follows CONNECT.
///
/// # Errors
/// A [`Violation`]: the client must be disconnected.
pub fn read(version: Version, frame: RawPacket) -> Result<Packet, Violation> {
    let flags = frame.first_byte & 0x0f;
    let packet_type = PacketType::of_first_byte(frame.first_byte);
    let mut body = BodyReader(frame.body);
    // In 3.1 these bits are DUP, QoS and RETAIN in every packet. DUP may be set in a packet that is
    // sent again; the others are not used.
    let wrong_flags = match packet_type {
        Some(PacketType::Publish) => false,
        Some(other) => flags != other.fixed_flags(),
        None => flags != 0,
    };
    if wrong_flags && version != Version::V31 {
        return Err(Violation::PacketFlagsInvalid);
    }
    let Some(packet_type) = packet_type else {
        return Err(Violation::ServerPacket);
    };
    let packet = match packet_type {
        PacketType::Connect => return Err(Violation::SecondConnect),
        PacketType::Publish => Packet::Publish(publish(version, flags, &mut body)?),
        PacketType::PubAck => Packet::PubAck(ack(version, &mut body)?.0),
        PacketType::PubRec => {
            let (id, reason) = ack(version, &mut body)?;
            Packet::PubRec(id, reason)
        }
        PacketType::PubRel => Packet::PubRel(ack(version, &mut body)?.0),
        PacketType::PubComp => Packet::PubComp(ack(version, &mut body)?.0),
        PacketType::Subscribe => Packet::Subscribe(subscribe(version, &mut body)?),
        PacketType::Unsubscribe => unsubscribe(version, &mut body)?,
        PacketType::PingReq => Packet::PingReq,
        PacketType::Disconnect => disconnect(version, &mut body)?,
        PacketType::Auth => return Err(Violation::AuthenticationNotAgreed),
        PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp => {
            return Err(Violation::ServerPacket);
        }
    };
    if body.remaining() > 0 {
        return Err(Violation::PacketTooLong);
    }
    Ok(packet)
}

fn publish(version: Version, flags: u8, body: &mut BodyReader) -> Result<Publish, Violation> {
    let qos = QoS::from_bits(flags >> 1 & 3)
        .filter(|qos| qos.is_acknowledged() || flags & 8 == 0)
        .ok_or(Violation::QosInvalid)?;
    let topic = body.string()?;
    let id = if qos.is_acknowledged() {
        Some(packet_id(body)?)
    } else {
        None
    };
    let properties = if version == Version::V5 {
        properties::read(body, PropertyContext::Publish)?
    } else {
        Properties::default()
    };
    if topic.is_empty() && properties.topic_alias.is_none() {
        return Err(Violation::TopicMissing);
    }
    if !topic.is_empty() && !is_topic_name(&topic) {
        return Err(Violation::TopicNameInvalid);
    }
    let payload = body.take(body.remaining())?;
    Ok(Publish {
        dup: flags & 8 != 0,
        qos,
        retain: flags & 1 != 0,
        topic,
        id,
        properties,
        payload,
    })
}

fn ack(version: Version, body: &mut BodyReader) -> Result<(PacketId, ReasonCode), Violation> {
    let id = packet_id(body)?;
    let mut reason = ReasonCode::SUCCESS;
    if version == Version::V5 && body.remaining() > 0 {
        reason = ReasonCode::new(body.u8()?);
        if body.remaining() > 0 {
            properties::read(body, PropertyContext::Ack)?;
        }
    }
    Ok((id, reason))
}

/// An empty filter is a violation [MQTT-4.7.3-1]. 5.0 has a code for it in SUBACK, so there only
/// this filter is refused.
fn filter(version: Version, body: &mut BodyReader) -> Result<String, Violation> {
    let filter = body.string()?;
    if filter.is_empty() && version != Version::V5 {
        return Err(Violation::FilterEmpty);
    }
    Ok(filter)
}

fn subscribe(version: Version, body: &mut BodyReader) -> Result<Subscribe, Violation> {
    let id = packet_id(body)?;
    let v5 = version == Version::V5;
    let identifier = if v5 {
        properties::read(body, PropertyContext::Subscribe)?.subscription_id
    } else {
        None
    };
    let mut requests = Vec::new();
    while body.remaining() > 0 {
        let filter = filter(version, body)?;
        let options = body.u8()?;
        let qos = QoS::from_bits(options & 3)
            .filter(|_| options & 0xc0 == 0 && (v5 || options <= 2))
            .ok_or(Violation::SubscriptionOptionsInvalid)?;
        let retain_handling =
            RetainHandling::from_bits(options >> 4 & 3).ok_or(Violation::RetainHandlingInvalid)?;
        if options & 4 != 0 && filter.starts_with("$share/") {
            return Err(Violation::NoLocalOnShared);
        }
        requests.push(SubscriptionRequest {
            filter,
            qos,
            no_local: options & 4 != 0,
            retain_as_published: options & 8 != 0,
            retain_handling,
        });
    }
    if requests.is_empty() {
        return Err(Violation::SubscribeEmpty);
    }
    Ok(Subscribe {
        id,
        subscription_id: identifier,
        requests,
    })
}

fn unsubscribe(version: Version, body: &mut BodyReader) -> Result<Packet, Violation> {
    let id = packet_id(body)?;
    if version == Version::V5 {
        properties::read(body, PropertyContext::Unsubscribe)?;
    }
    let mut filters = Vec::new();
    while body.remaining() > 0 {
        filters.push(filter(version, body)?);
    }
    if filters.is_empty() {
        return Err(Violation::UnsubscribeEmpty);
    }
    Ok(Packet::Unsubscribe { id, filters })
}

fn disconnect(version: Version, body: &mut BodyReader) -> Result<Packet, Violation> {
    if version != Version::V5 || body.remaining() == 0 {
        return Ok(Packet::Disconnect {
            reason: ReasonCode::SUCCESS,
            session_expiry: None,
        });
    }
    let reason = ReasonCode::new(body.u8()?);
    let session_expiry = if body.remaining() > 0 {
        properties::read(body, PropertyContext::Disconnect)?.session_expiry
    } else {
        None
    };
    Ok(Packet::Disconnect {
        reason,
        session_expiry,
    })
}
