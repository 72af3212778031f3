//! A packet of a device becomes a question, or the reason why it is none.
//!
//! Invariants: any bytes give one of the two, without a panic and without memory that the packet
//! only claims to need: the counts of its header are read first. Nothing of the packet but name,
//! type, id and the size of the reply goes on.

use std::borrow::Borrow;
use std::sync::Arc;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};

/// Longest packet that is read as a question, bytes: a name has 255, and options few.
pub const MAX_QUESTION_BYTES: usize = 1_232;
/// Largest reply over UDP, bytes: it passes every link in one piece (DNS flag day 2020).
pub const MAX_UDP_REPLY_BYTES: usize = 1_232;
/// Largest reply over UDP to a device that names no size, bytes [RFC 1035, 4.2.1].
pub const SMALL_UDP_REPLY_BYTES: usize = 512;

const HEADER_BYTES: usize = 12;
/// Most additional records of a question: EDNS has one, a signature another.
const MAX_ADDITIONAL: u16 = 4;

/// How a packet came, which says how large the reply may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// A stream with lengths before the packets.
    Tcp,
}

/// The kind of record that is asked for, as far as the forwarder makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// An IPv4 or an IPv6 address.
    Address,
    /// How a service is reached (HTTPS, SVCB), which may name addresses too.
    ServiceBinding,
    /// No kind of record: transfers of zones, “anything”, parts of the protocol itself.
    Meta,
    /// All others.
    Other,
}

/// The key of an answer: the name in lower case as on the wire, and the type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QuestionKey(Arc<[u8]>);

impl QuestionKey {
    /// Bytes that it takes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: it has a type at least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Borrow<[u8]> for QuestionKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// The question of a device.
#[derive(Debug, Clone)]
pub struct Question {
    /// The number that the reply repeats.
    pub id: u16,
    /// Whether the device wants others to be asked; the reply repeats it.
    pub is_recursion_desired: bool,
    /// The name, with the capitals of the device.
    pub name: Name,
    /// The type of record.
    pub record_type: RecordType,
    /// Size of reply that the device takes over UDP; none = it does not speak EDNS [RFC 6891].
    pub udp_payload: Option<u16>,
    /// The name on the wire, with the capitals of the device, uncompressed.
    wire_name: Vec<u8>,
    key: QuestionKey,
}

/// Why a packet is no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It has no whole header, or it is a reply: an answer to it could be sent round for ever.
    Silence,
    /// The device is answered with a code alone.
    Refused {
        /// The number of the packet.
        id: u16,
        /// The wish of the packet.
        op_code: OpCode,
        /// Why not.
        code: ResponseCode,
    },
}

impl Question {
    /// The question of a packet.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn read(packet: &[u8]) -> Result<Self, Unusable> {
        let Some((header, _)) = packet.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Unusable::Silence);
        };
        let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        if header[2] & 0x80 != 0 {
            return Err(Unusable::Silence);
        }
        let refused = |code| Unusable::Refused {
            id: number(0),
            op_code: OpCode::from_u8((header[2] & 0x78) >> 3),
            code,
        };
        if OpCode::from_u8((header[2] & 0x78) >> 3) != OpCode::Query {
            return Err(refused(ResponseCode::NotImp));
        }
        let counts = (number(4), number(6), number(8));
        if counts != (1, 0, 0) || number(10) > MAX_ADDITIONAL || packet.len() > MAX_QUESTION_BYTES {
            return Err(refused(ResponseCode::FormErr));
        }
        let message = Message::from_vec(packet).map_err(|_| refused(ResponseCode::FormErr))?;
        if message.edns.as_ref().is_some_and(|e| e.version() != 0) {
            return Err(refused(ResponseCode::BADVERS));
        }
        let query = message
            .queries
            .first()
            .ok_or(refused(ResponseCode::FormErr))?;
        if query.query_class != DNSClass::IN {
            return Err(refused(ResponseCode::Refused));
        }
        let udp_payload = message.edns.as_ref().map(Edns::max_payload);
        let mut question = Self::of(query.name.clone(), query.query_type);
        question.id = number(0);
        question.is_recursion_desired = message.metadata.recursion_desired;
        question.udp_payload = udp_payload;
        Ok(question)
    }

    /// A question for a name, as a device without EDNS would put it with the number 0.
    #[must_use]
    pub fn of(name: Name, record_type: RecordType) -> Self {
        let wire_name = wire_name(&name);
        let mut key = wire_name.to_ascii_lowercase();
        key.extend(u16::from(record_type).to_be_bytes());
        Self {
            id: 0,
            is_recursion_desired: true,
            name,
            record_type,
            udp_payload: None,
            wire_name,
            key: QuestionKey(key.into()),
        }
    }

    /// The key of its answer.
    #[must_use]
    pub const fn key(&self) -> &QuestionKey {
        &self.key
    }

    /// Its name on the wire, as the device wrote it.
    #[must_use]
    pub fn wire_name(&self) -> &[u8] {
        &self.wire_name
    }

    /// Its name on the wire in lower case.
    #[must_use]
    pub fn lower_name(&self) -> &[u8] {
        let key = &self.key.0;
        &key[..key.len().saturating_sub(2)]
    }

    /// The kind of record that it asks for.
    #[must_use]
    pub fn kind(&self) -> RecordKind {
        match self.record_type {
            RecordType::A | RecordType::AAAA => RecordKind::Address,
            RecordType::HTTPS | RecordType::SVCB => RecordKind::ServiceBinding,
            RecordType::OPT | RecordType::ZERO => RecordKind::Meta,
            // Between 128 and 255 lie questions that are no records [RFC 6895, 3.1].
            other if (128..=255).contains(&u16::from(other)) => RecordKind::Meta,
            _ => RecordKind::Other,
        }
    }

    /// Largest reply that the device takes, bytes.
    #[must_use]
    pub fn max_reply_bytes(&self, transport: Transport) -> usize {
        match (transport, self.udp_payload) {
            (Transport::Tcp, _) => usize::from(u16::MAX),
            (Transport::Udp, None) => SMALL_UDP_REPLY_BYTES,
            (Transport::Udp, Some(size)) => {
                usize::from(size).clamp(SMALL_UDP_REPLY_BYTES, MAX_UDP_REPLY_BYTES)
            }
        }
    }

    /// Whether a reply of a resolver repeats this question.
    #[must_use]
    pub fn is_repeated_in(&self, message: &Message) -> bool {
        message.metadata.message_type == MessageType::Response
            && message.metadata.op_code == OpCode::Query
            && matches!(message.queries.as_slice(), [query]
                if query.name == self.name
                    && query.query_type == self.record_type
                    && query.query_class == DNSClass::IN)
    }
}

/// A name as it stands on the wire, uncompressed.
#[must_use]
pub fn wire_name(name: &Name) -> Vec<u8> {
    let mut wire = Vec::with_capacity(name.len() + 1);
    for label in name {
        // A label has at most 63 bytes: the reader refuses longer ones.
        wire.push(u8::try_from(label.len()).unwrap_or(0));
        wire.extend_from_slice(label);
    }
    wire.push(0);
    wire
}

/// A name on the wire and the names above it, the longest first, without the root.
pub fn self_and_parents(wire_name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire_name;
    std::iter::from_fn(move || {
        let here = rest;
        let length = usize::from(*here.first()?);
        if length == 0 {
            return None;
        }
        rest = here.get(length + 1..)?;
        Some(here)
    })
}
