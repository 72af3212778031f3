//! Records to bytes and back.
//!
//! Bytes that cannot be read decode to `None`, never to a guess: a record that was cut off anywhere
//! is not taken for the whole one.

use bytes::Bytes;

use crate::protocol::mqtt::{PacketId, QoS};

use super::{PersistedChange, SessionHeader, StoredMessage, StoredWill, Target};

struct RecordWriter(Vec<u8>);

impl RecordWriter {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.n32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
        self
    }
    fn n8(&mut self, n: u8) -> &mut Self {
        self.0.push(n);
        self
    }
    fn n16(&mut self, n: u16) -> &mut Self {
        self.0.extend_from_slice(&n.to_le_bytes());
        self
    }
    fn n32(&mut self, n: u32) -> &mut Self {
        self.0.extend_from_slice(&n.to_le_bytes());
        self
    }
    fn n64(&mut self, n: u64) -> &mut Self {
        self.0.extend_from_slice(&n.to_le_bytes());
        self
    }
    fn optional(&mut self, n: Option<u64>) -> &mut Self {
        self.n8(u8::from(n.is_some())).n64(n.unwrap_or(0))
    }
    fn message(&mut self, m: &StoredMessage) -> &mut Self {
        self.n8(m.qos.bits() | u8::from(m.retain) << 2 | u8::from(m.expiry.is_some()) << 3);
        let (left, at) = m.expiry.unwrap_or_default();
        if m.expiry.is_some() {
            self.n32(left).n64(at);
        }
        self.bytes(m.topic.as_bytes())
            .bytes(&m.forwarded_properties)
            .bytes(&m.payload)
    }
    fn session_header(&mut self, h: &SessionHeader) -> &mut Self {
        self.n64(h.session)
            .bytes(h.account.as_bytes())
            .bytes(h.client_id.as_bytes())
            .bytes(h.credential.as_bytes())
            .n32(h.expiry_s)
            .optional(h.disconnected_at)
            .n16(h.last_packet_id.map_or(0, PacketId::get))
    }
    fn target(&mut self, t: &Target) -> &mut Self {
        self.n64(t.session)
            .n16(t.id.get())
            .n8(t.qos.bits() | u8::from(t.retain) << 2)
            .bytes(t.shared_name.as_deref().unwrap_or_default().as_bytes())
            .n32(u32::try_from(t.subscription_ids.len()).unwrap_or(0));
        for identifier in &t.subscription_ids {
            self.n32(*identifier);
        }
        self
    }
    fn will(&mut self, w: &StoredWill) -> &mut Self {
        self.n64(w.session)
            .bytes(w.account.as_bytes())
            .bytes(w.client_id.as_bytes())
            .n32(w.delay_s)
            .optional(w.due_at)
            .message(&w.message)
    }
    /// The rest of a record.
    fn packet_ids(&mut self, ids: &[PacketId]) {
        for id in ids {
            self.n16(id.get());
        }
    }
}

struct RecordReader<'a>(&'a [u8]);

impl<'a> RecordReader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(part)
    }
    fn n8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }
    fn n16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }
    fn packet_id(&mut self) -> Option<PacketId> {
        PacketId::new(self.n16()?)
    }
    /// Reads into `value` the publisher's session and packet identifier; session 0 stands for none.
    fn inbound(&mut self, value: &mut Option<(u64, PacketId)>) -> Option<()> {
        let (session, id) = (self.n64()?, self.n16()?);
        *value = if session == 0 {
            None
        } else {
            Some((session, PacketId::new(id)?))
        };
        Some(())
    }
    fn n32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
    fn n64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }
    /// Reads into `value` the number that [`RecordWriter::optional`] wrote.
    fn optional(&mut self, value: &mut Option<u64>) -> Option<()> {
        let (is, n) = (self.n8()?, self.n64()?);
        *value = (is == 1).then_some(n);
        Some(())
    }
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.n32()?;
        self.take(len as usize)
    }
    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
    fn message(&mut self) -> Option<StoredMessage> {
        let flags = self.n8()?;
        let left = if flags & 8 != 0 {
            Some((self.n32()?, self.n64()?))
        } else {
            None
        };
        let topic = self.text()?;
        let forward = Bytes::copy_from_slice(self.bytes()?);
        Some(StoredMessage {
            topic,
            forwarded_properties: forward,
            payload: self.bytes()?.to_vec(),
            qos: QoS::from_stored(flags & 3),
            retain: flags & 4 != 0,
            expiry: left,
        })
    }
    fn session_header(&mut self) -> Option<SessionHeader> {
        let (session, account, client_id, credential) =
            (self.n64()?, self.text()?, self.text()?, self.text()?);
        let (expiry_s, mut disconnected_at) = (self.n32()?, None);
        self.optional(&mut disconnected_at)?;
        Some(SessionHeader {
            session,
            account,
            client_id,
            credential,
            expiry_s,
            disconnected_at,
            last_packet_id: PacketId::new(self.n16()?),
        })
    }
    fn target(&mut self) -> Option<Target> {
        let (session, id, flags, shared_name, many) = (
            self.n64()?,
            self.packet_id()?,
            self.n8()?,
            self.text()?,
            self.n32()?,
        );
        Some(Target {
            session,
            id,
            qos: QoS::from_stored(flags & 3),
            retain: flags & 4 != 0,
            subscription_ids: (0..many).map(|_| self.n32()).collect::<Option<_>>()?,
            shared_name: (!shared_name.is_empty()).then_some(shared_name),
        })
    }
    fn will(&mut self) -> Option<StoredWill> {
        let (session, account, client_id, delay_s, mut due_at) =
            (self.n64()?, self.text()?, self.text()?, self.n32()?, None);
        self.optional(&mut due_at)?;
        Some(StoredWill {
            session,
            account,
            client_id,
            delay_s,
            due_at,
            message: self.message()?,
        })
    }
    /// The rest of a record.
    fn packet_ids(&mut self) -> Vec<PacketId> {
        std::iter::from_fn(|| self.packet_id()).collect()
    }
}

impl PersistedChange {
    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut o = RecordWriter(Vec::new());
        match self {
            Self::RetainedSet { owner, message } if message.expiry.is_none() => {
                o.n8(b'P')
                    .n8(message.qos.bits())
                    .bytes(message.topic.as_bytes())
                    .bytes(owner.as_bytes())
                    .bytes(&message.forwarded_properties);
                o.0.extend_from_slice(&message.payload);
            }
            Self::RetainedSet { owner, message } => {
                o.n8(b'p').bytes(owner.as_bytes()).message(message);
            }
            Self::RetainedRemoved(topic) => {
                o.n8(b'X');
                o.0.extend_from_slice(topic.as_bytes());
            }
            Self::SnapshotBegin => {
                o.n8(b'D');
            }
            Self::SnapshotEnd => {
                o.n8(b'E');
            }
            Self::Session(h) => {
                o.n8(b'S').session_header(h);
            }
            Self::SessionDeleted(session) => {
                o.n8(b'Z').n64(*session);
            }
            Self::Subscribed {
                session,
                filter,
                options,
                identifier,
            } => {
                o.n8(b'F')
                    .n64(*session)
                    .n8(*options)
                    .n32(identifier.unwrap_or(0))
                    .bytes(filter.as_bytes());
            }
            Self::Unsubscribed { session, filter } => {
                o.n8(b'f').n64(*session).bytes(filter.as_bytes());
            }
            Self::Queued {
                sequence: order,
                inbound,
                message,
                targets,
            } => {
                o.n8(b'Q')
                    .n64(*order)
                    .n64(inbound.map_or(0, |(session, _)| session))
                    .n16(inbound.map_or(0, |(_, id)| id.get()))
                    .message(message)
                    .n32(u32::try_from(targets.len()).unwrap_or(0));
                for t in targets {
                    o.target(t);
                }
            }
            Self::Delivered { session, ids } => {
                o.n8(b'A').n64(*session).packet_ids(ids);
            }
            Self::PubRecReceived { session, id } => {
                o.n8(b'R').n64(*session).n16(id.get());
            }
            Self::InboundQos2 { session, id } => {
                o.n8(b'I').n64(*session).n16(id.get());
            }
            Self::InboundQos2Released { session, id } => {
                o.n8(b'i').n64(*session).n16(id.get());
            }
            Self::Will(w) => {
                o.n8(b'W').will(w);
            }
            Self::WillCleared(session) => {
                o.n8(b'w').n64(*session);
            }
            Self::NeverSent { session, ids } => {
                o.n8(b'U').n64(*session).packet_ids(ids);
            }
            Self::ServingStarted => {
                o.n8(b'B');
            }
        }
        o.0
    }

    /// Reads a record; `None` when it cannot be read.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut i = RecordReader(bytes);
        Some(match i.n8()? {
            b'P' => {
                let (qos, topic, owner) = (QoS::from_stored(i.n8()?), i.text()?, i.text()?);
                let forward = Bytes::copy_from_slice(i.bytes()?);
                Self::RetainedSet {
                    owner,
                    message: StoredMessage {
                        topic,
                        payload: i.0.to_vec(),
                        qos,
                        retain: true,
                        forwarded_properties: forward,
                        expiry: None,
                    },
                }
            }
            b'p' => Self::RetainedSet {
                owner: i.text()?,
                message: i.message()?,
            },
            b'X' => Self::RetainedRemoved(String::from_utf8(i.0.to_vec()).ok()?),
            b'D' => Self::SnapshotBegin,
            b'E' => Self::SnapshotEnd,
            b'S' => Self::Session(i.session_header()?),
            b'Z' => Self::SessionDeleted(i.n64()?),
            b'F' => {
                let (session, options, identifier) = (i.n64()?, i.n8()?, i.n32()?);
                Self::Subscribed {
                    session,
                    options,
                    identifier: (identifier > 0).then_some(identifier),
                    filter: i.text()?,
                }
            }
            b'f' => Self::Unsubscribed {
                session: i.n64()?,
                filter: i.text()?,
            },
            b'Q' => {
                let (order, mut inbound) = (i.n64()?, None);
                i.inbound(&mut inbound)?;
                let (message, count) = (i.message()?, i.n32()?);
                Self::Queued {
                    sequence: order,
                    inbound,
                    message,
                    targets: (0..count).map(|_| i.target()).collect::<Option<_>>()?,
                }
            }
            b'A' => Self::Delivered {
                session: i.n64()?,
                ids: i.packet_ids(),
            },
            b'R' => Self::PubRecReceived {
                session: i.n64()?,
                id: i.packet_id()?,
            },
            b'I' => Self::InboundQos2 {
                session: i.n64()?,
                id: i.packet_id()?,
            },
            b'i' => Self::InboundQos2Released {
                session: i.n64()?,
                id: i.packet_id()?,
            },
            b'W' => Self::Will(i.will()?),
            b'w' => Self::WillCleared(i.n64()?),
            b'U' => Self::NeverSent {
                session: i.n64()?,
                ids: i.packet_ids(),
            },
            b'B' => Self::ServingStarted,
            _ => return None,
        })
    }
}
