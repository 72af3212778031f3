//! Records to bytes and back.
//!
//! What cannot be read is none, never a guess: a record that was cut anywhere is not taken for a
//! whole one.

use bytes::Bytes;

use super::{Head, Kept, KeptWill, Record, Target};

struct Out(Vec<u8>);

impl Out {
    fn text(&mut self, bytes: &[u8]) -> &mut Self {
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
    fn maybe(&mut self, n: Option<u64>) -> &mut Self {
        self.n8(u8::from(n.is_some())).n64(n.unwrap_or(0))
    }
    fn message(&mut self, m: &Kept) -> &mut Self {
        self.n8(m.qos | u8::from(m.retain) << 2 | u8::from(m.left.is_some()) << 3);
        let (left, at) = m.left.unwrap_or_default();
        if m.left.is_some() {
            self.n32(left).n64(at);
        }
        self.text(m.topic.as_bytes())
            .text(&m.forward)
            .text(&m.payload)
    }
}

struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn part(&mut self, len: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(part)
    }
    fn n8(&mut self) -> Option<u8> {
        self.part(1)?.first().copied()
    }
    fn n16(&mut self) -> Option<u16> {
        self.part(2)?.try_into().ok().map(u16::from_le_bytes)
    }
    fn n32(&mut self) -> Option<u32> {
        self.part(4)?.try_into().ok().map(u32::from_le_bytes)
    }
    fn n64(&mut self) -> Option<u64> {
        self.part(8)?.try_into().ok().map(u64::from_le_bytes)
    }
    /// Reads what [`Out::maybe`] wrote into `value`.
    fn maybe(&mut self, value: &mut Option<u64>) -> Option<()> {
        let (is, n) = (self.n8()?, self.n64()?);
        *value = (is == 1).then_some(n);
        Some(())
    }
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.n32()?;
        self.part(len as usize)
    }
    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
    fn message(&mut self) -> Option<Kept> {
        let flags = self.n8()?;
        let left = if flags & 8 != 0 {
            Some((self.n32()?, self.n64()?))
        } else {
            None
        };
        let topic = self.text()?;
        let forward = Bytes::copy_from_slice(self.bytes()?);
        Some(Kept {
            topic,
            forward,
            payload: self.bytes()?.to_vec(),
            qos: (flags & 3).min(2),
            retain: flags & 4 != 0,
            left,
        })
    }
}

impl Record {
    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut o = Out(Vec::new());
        match self {
            Self::Put { owner, message } if message.left.is_none() => {
                o.n8(b'P')
                    .n8(message.qos)
                    .text(message.topic.as_bytes())
                    .text(owner.as_bytes())
                    .text(&message.forward);
                o.0.extend_from_slice(&message.payload);
            }
            Self::Put { owner, message } => {
                o.n8(b'p').text(owner.as_bytes()).message(message);
            }
            Self::Remove(topic) => {
                o.n8(b'X');
                o.0.extend_from_slice(topic.as_bytes());
            }
            Self::Dump => {
                o.n8(b'D');
            }
            Self::End => {
                o.n8(b'E');
            }
            Self::Session(h) => {
                o.n8(b'S')
                    .n64(h.session)
                    .text(h.account.as_bytes())
                    .text(h.client_id.as_bytes())
                    .text(h.credential.as_bytes());
                o.n32(h.keep_s).maybe(h.away).n16(h.next_id);
            }
            Self::Over(session) => {
                o.n8(b'Z').n64(*session);
            }
            Self::Filter {
                session,
                filter,
                options,
                identifier,
            } => {
                o.n8(b'F')
                    .n64(*session)
                    .n8(*options)
                    .n32(*identifier)
                    .text(filter.as_bytes());
            }
            Self::Unfilter { session, filter } => {
                o.n8(b'f').n64(*session).text(filter.as_bytes());
            }
            Self::Queue {
                order,
                inbound,
                message,
                targets,
            } => {
                o.n8(b'Q')
                    .n64(*order)
                    .n64(inbound.0)
                    .n16(inbound.1)
                    .message(message)
                    .n32(u32::try_from(targets.len()).unwrap_or(0));
                for t in targets {
                    o.n64(t.session)
                        .n16(t.id)
                        .n8(t.qos | u8::from(t.retain) << 2)
                        .text(t.group.as_bytes());
                    o.n32(u32::try_from(t.identifiers.len()).unwrap_or(0));
                    for identifier in &t.identifiers {
                        o.n32(*identifier);
                    }
                }
            }
            Self::Acked { session, ids } => {
                o.n8(b'A').n64(*session);
                for id in ids {
                    o.n16(*id);
                }
            }
            Self::Released { session, id } => {
                o.n8(b'R').n64(*session).n16(*id);
            }
            Self::Inbound { session, id } => {
                o.n8(b'I').n64(*session).n16(*id);
            }
            Self::InboundOver { session, id } => {
                o.n8(b'i').n64(*session).n16(*id);
            }
            Self::Will(w) => {
                o.n8(b'W')
                    .n64(w.session)
                    .text(w.account.as_bytes())
                    .text(w.client_id.as_bytes())
                    .n32(w.delay_s)
                    .maybe(w.due)
                    .message(&w.message);
            }
            Self::WillOver(session) => {
                o.n8(b'w').n64(*session);
            }
            Self::Unsent { session, ids } => {
                o.n8(b'U').n64(*session);
                for id in ids {
                    o.n16(*id);
                }
            }
            Self::Began => {
                o.n8(b'B');
            }
        }
        o.0
    }

    /// Reads a record; none = it cannot be read.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut i = In(bytes);
        Some(match i.n8()? {
            b'P' => {
                let (qos, topic, owner) = (i.n8()?.min(2), i.text()?, i.text()?);
                let forward = Bytes::copy_from_slice(i.bytes()?);
                Self::Put {
                    owner,
                    message: Kept {
                        topic,
                        payload: i.0.to_vec(),
                        qos,
                        retain: true,
                        forward,
                        left: None,
                    },
                }
            }
            b'p' => Self::Put {
                owner: i.text()?,
                message: i.message()?,
            },
            b'X' => Self::Remove(String::from_utf8(i.0.to_vec()).ok()?),
            b'D' => Self::Dump,
            b'E' => Self::End,
            b'S' => {
                let (session, account, client_id, credential) =
                    (i.n64()?, i.text()?, i.text()?, i.text()?);
                let (keep_s, mut away) = (i.n32()?, None);
                i.maybe(&mut away)?;
                Self::Session(Head {
                    session,
                    account,
                    client_id,
                    credential,
                    keep_s,
                    away,
                    next_id: i.n16()?,
                })
            }
            b'Z' => Self::Over(i.n64()?),
            b'F' => {
                let (session, options, identifier) = (i.n64()?, i.n8()?, i.n32()?);
                Self::Filter {
                    session,
                    options,
                    identifier,
                    filter: i.text()?,
                }
            }
            b'f' => Self::Unfilter {
                session: i.n64()?,
                filter: i.text()?,
            },
            b'Q' => {
                let (order, inbound) = (i.n64()?, (i.n64()?, i.n16()?));
                let (message, count) = (i.message()?, i.n32()?);
                let mut targets = Vec::new();
                for _ in 0..count {
                    let (session, id, flags, group, many) =
                        (i.n64()?, i.n16()?, i.n8()?, i.text()?, i.n32()?);
                    let identifiers = (0..many).map(|_| i.n32()).collect::<Option<Vec<u32>>>()?;
                    targets.push(Target {
                        session,
                        id,
                        qos: (flags & 3).min(2),
                        retain: flags & 4 != 0,
                        identifiers,
                        group,
                    });
                }
                Self::Queue {
                    order,
                    inbound,
                    message,
                    targets,
                }
            }
            b'A' => {
                let session = i.n64()?;
                Self::Acked {
                    session,
                    ids: std::iter::from_fn(|| i.n16()).collect(),
                }
            }
            b'R' => Self::Released {
                session: i.n64()?,
                id: i.n16()?,
            },
            b'I' => Self::Inbound {
                session: i.n64()?,
                id: i.n16()?,
            },
            b'i' => Self::InboundOver {
                session: i.n64()?,
                id: i.n16()?,
            },
            b'W' => {
                let (session, account, client_id, delay_s, mut due) =
                    (i.n64()?, i.text()?, i.text()?, i.n32()?, None);
                i.maybe(&mut due)?;
                Self::Will(KeptWill {
                    session,
                    account,
                    client_id,
                    delay_s,
                    due,
                    message: i.message()?,
                })
            }
            b'w' => Self::WillOver(i.n64()?),
            b'U' => {
                let session = i.n64()?;
                Self::Unsent {
                    session,
                    ids: std::iter::from_fn(|| i.n16()).collect(),
                }
            }
            b'B' => Self::Began,
            _ => return None,
        })
    }
}
