//! MQTT 5 properties: which are allowed in which packet, each at most once unless the standard lets
//! it repeat.

use bytes::{Bytes, BytesMut};

use super::Violation;
use super::body::BodyReader;

/// Where properties occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyContext {
    /// CONNECT.
    Connect,
    /// The will in CONNECT.
    Will,
    /// PUBLISH from a client.
    Publish,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP.
    Ack,
    /// SUBSCRIBE.
    Subscribe,
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// DISCONNECT.
    Disconnect,
}

/// The properties of a client's packet, as far as a server needs them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// Session expiry interval, seconds.
    pub session_expiry: Option<u32>,
    /// Most unacknowledged PUBLISH packets that the client takes.
    pub receive_maximum: Option<u16>,
    /// Largest packet that the client takes, bytes.
    pub maximum_packet_size: Option<u32>,
    /// Topic aliases that the client takes.
    pub topic_alias_maximum: Option<u16>,
    /// Topic alias of this publish.
    pub topic_alias: Option<u16>,
    /// Seconds until a will is published.
    pub will_delay: Option<u32>,
    /// Message expiry interval, seconds.
    pub message_expiry: Option<u32>,
    /// Subscription identifier.
    pub subscription_id: Option<u32>,
    /// The payload format indicator: the payload is UTF-8 text.
    pub is_text: bool,
    /// The client asks for enhanced authentication.
    pub wants_authentication: bool,
    /// Properties that recipients get unchanged: encoded, without the length in front.
    pub forwarded: Bytes,
}

fn is_allowed(context: PropertyContext, id: usize) -> bool {
    match context {
        PropertyContext::Connect => matches!(
            id,
            0x11 | 0x15 | 0x16 | 0x17 | 0x19 | 0x21 | 0x22 | 0x26 | 0x27
        ),
        PropertyContext::Will => matches!(id, 0x01 | 0x02 | 0x03 | 0x08 | 0x09 | 0x18 | 0x26),
        PropertyContext::Publish => matches!(id, 0x01 | 0x02 | 0x03 | 0x08 | 0x09 | 0x23 | 0x26),
        PropertyContext::Ack => matches!(id, 0x1f | 0x26),
        PropertyContext::Subscribe => matches!(id, 0x0b | 0x26),
        PropertyContext::Unsubscribe => id == 0x26,
        PropertyContext::Disconnect => matches!(id, 0x11 | 0x1c | 0x1f | 0x26),
    }
}

/// Reads properties with their length in front.
pub(super) fn read(
    body: &mut BodyReader,
    context: PropertyContext,
) -> Result<Properties, Violation> {
    let len = body.varint()?;
    let mut reader = BodyReader(body.take(len)?);
    let mut out = Properties::default();
    let mut forward = BytesMut::new();
    let mut seen = [false; 0x30];
    let mut has_data = false;
    while reader.remaining() > 0 {
        let before = reader.0.clone();
        let id = reader.varint()?;
        if !is_allowed(context, id) {
            return Err(Violation::PropertyNotAllowed);
        }
        if id != 0x26 && std::mem::replace(&mut seen[id], true) {
            return Err(Violation::PropertyRepeated);
        }
        match id {
            0x01 | 0x17 | 0x19 => {
                let flag = match reader.u8()? {
                    n @ 0..=1 => n == 1,
                    _ => return Err(Violation::PropertyFlagInvalid),
                };
                out.is_text |= id == 0x01 && flag;
                // 0x17 needs no field: reasons are sent only in CONNACK and DISCONNECT, where that
                // flag does not forbid them.
            }
            0x02 => out.message_expiry = Some(reader.u32()?),
            0x03 | 0x1c | 0x1f => drop(reader.utf8_bytes()?),
            0x08 => {
                let topic = reader.string()?;
                if !super::topic::is_topic_name(&topic) {
                    return Err(Violation::ResponseTopicInvalid);
                }
            }
            0x09 => drop(reader.binary()?),
            0x16 => {
                reader.binary()?;
                has_data = true;
            }
            0x0b => {
                let id = reader.varint()?;
                if id == 0 {
                    return Err(Violation::SubscriptionIdentifierZero);
                }
                out.subscription_id = u32::try_from(id).ok();
            }
            0x11 => out.session_expiry = Some(reader.u32()?),
            0x15 => {
                reader.utf8_bytes()?;
                out.wants_authentication = true;
            }
            0x18 => out.will_delay = Some(reader.u32()?),
            0x21 => match reader.u16()? {
                0 => return Err(Violation::ReceiveMaximumZero),
                n => out.receive_maximum = Some(n),
            },
            0x22 => out.topic_alias_maximum = Some(reader.u16()?),
            0x23 => match reader.u16()? {
                0 => {
                    return Err(Violation::TopicAliasZero);
                }
                n => out.topic_alias = Some(n),
            },
            0x26 => {
                reader.utf8_bytes()?;
                reader.utf8_bytes()?;
            }
            0x27 => match reader.u32()? {
                0 => return Err(Violation::MaximumPacketSizeZero),
                n => out.maximum_packet_size = Some(n),
            },
            _ => return Err(Violation::PropertyUnknown),
        }
        if matches!(context, PropertyContext::Publish | PropertyContext::Will)
            && matches!(id, 0x01 | 0x03 | 0x08 | 0x09 | 0x26)
        {
            forward.extend_from_slice(&before[..before.len() - reader.remaining()]);
        }
    }
    if has_data && !out.wants_authentication {
        return Err(Violation::AuthenticationDataAlone);
    }
    out.forwarded = forward.freeze();
    Ok(out)
}
