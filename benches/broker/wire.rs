//! MQTT 3.1.1 on the wire, just enough to load a broker.
//!
//! It shares nothing with the project's codec on purpose: a mistake of the codec must not be
//! measured by itself. Invariants: packets are encoded once and sent many times; reading looks at
//! headers and never copies a body. Deliberately absent: MQTT 5, wills, unsubscribe, any judgement
//! of what a broker sends beyond "is it whole".

pub const CONNACK: u8 = 0x20;
pub const PUBLISH: u8 = 0x30;
pub const PUBACK: u8 = 0x40;
pub const PUBREC: u8 = 0x50;
pub const PUBREL: u8 = 0x60;
pub const PUBCOMP: u8 = 0x70;
pub const SUBACK: u8 = 0x90;

/// The client that connects, and whether its session persists.
pub struct Login<'a> {
    pub client_id: &'a str,
    pub name: &'a str,
    pub password: &'a str,
    /// False: the broker keeps the session while the client is disconnected.
    pub clean: bool,
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&u16::try_from(text.len()).expect("short text").to_be_bytes());
    out.extend_from_slice(text);
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut left = body.len();
    loop {
        let low = (left % 128) as u8;
        left /= 128;
        out.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

/// CONNECT with name and password; keep alive ten minutes, longer than any measurement.
pub fn connect(login: &Login<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, b"MQTT");
    body.extend_from_slice(&[4, 0xc0 | u8::from(login.clean) << 1]);
    body.extend_from_slice(&600u16.to_be_bytes());
    for part in [login.client_id, login.name, login.password] {
        text(&mut body, part.as_bytes());
    }
    packet(0x10, &body)
}

/// SUBSCRIBE to one filter.
pub fn subscribe(id: u16, filter: &str, qos: u8) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    text(&mut body, filter.as_bytes());
    body.push(qos);
    packet(0x82, &body)
}

/// PUBLISH; `id` is left out with QoS 0.
pub fn publish(topic: &str, payload: &[u8], qos: u8, retain: bool, id: u16) -> Vec<u8> {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    text(&mut body, topic.as_bytes());
    if qos > 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(payload);
    packet(PUBLISH | qos << 1 | u8::from(retain), &body)
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
pub fn answer(kind: u8, id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [kind | if kind == PUBREL { 2 } else { 0 }, 2, high, low]
}

/// A complete packet in somebody's buffer.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    first: u8,
    body: &'a [u8],
}

/// The message of a PUBLISH.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub qos: u8,
    pub id: u16,
    pub topic: &'a [u8],
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Its type, in the upper half of the byte.
    pub fn kind(self) -> u8 {
        self.first & 0xf0
    }

    /// The packet id of an answer; 0 when there is none.
    pub fn id(self) -> u16 {
        self.body
            .first_chunk()
            .map_or(0, |b| u16::from_be_bytes(*b))
    }

    /// The last byte: the return code of CONNACK and of a SUBACK to one filter.
    pub fn code(self) -> u8 {
        self.body.last().copied().unwrap_or(0xff)
    }

    /// The packet as a message; none = it is something else or damaged.
    pub fn message(self) -> Option<Message<'a>> {
        if self.kind() != PUBLISH {
            return None;
        }
        let qos = self.first >> 1 & 3;
        let (len, rest) = self.body.split_first_chunk()?;
        let (topic, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (id, payload) = if qos > 0 {
            rest.split_first_chunk()
                .map(|(id, rest)| (u16::from_be_bytes(*id), rest))?
        } else {
            (0, rest)
        };
        Some(Message {
            qos,
            id,
            topic,
            payload,
        })
    }
}

/// The first complete packet of `bytes` and its length; none = not all of it is here yet.
pub fn first(bytes: &[u8]) -> Option<(Packet<'_>, usize)> {
    let (mut len, mut at) = (0usize, 1);
    loop {
        let byte = *bytes.get(at)?;
        len |= usize::from(byte & 0x7f) << (7 * (at - 1));
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
        assert!(at < 5, "a broker sent a length that MQTT does not know");
    }
    Some((
        Packet {
            first: bytes[0],
            body: bytes.get(at..at + len)?,
        },
        at + len,
    ))
}

/// The number that the bench writes at the front of a payload.
pub fn number(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|b| u64::from_be_bytes(*b))
}

/// A payload of `len` bytes with `number` at its front.
pub fn payload(number: u64, len: usize) -> Vec<u8> {
    let mut out = number.to_be_bytes().to_vec();
    out.resize(len.max(8), b'x');
    out
}
