//! The ledger's records as bytes.
//!
//! A record is a letter and fields; texts and payloads carry their length in four bytes, little end
//! first. `P`, `X`, `D` and `E` are as the first retained store wrote them. What cannot be read is
//! none, never a guess. Times are wall seconds since 1970 as the box knew them when it wrote.

use bytes::Bytes;

/// A message on disk. `left` = seconds that it was still worth something, and when that was
/// written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub forward: Bytes,
    pub left: Option<(u32, u64)>,
}

/// To whom a queued message is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Number of the session.
    pub session: u64,
    pub id: u16,
    pub qos: u8,
    pub retain: bool,
    pub identifiers: Vec<u32>,
    /// Name of the shared subscription; empty = none.
    pub group: String,
}

/// A session's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub session: u64,
    pub account: String,
    pub client_id: String,
    pub credential: String,
    /// Seconds that it is kept.
    pub keep_s: u32,
    /// Since when its client is away; none = it was connected.
    pub away: Option<u64>,
    /// Where its packet ids stood.
    pub next_id: u16,
}

/// A will on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptWill {
    pub session: u64,
    pub account: String,
    pub client_id: String,
    pub message: Kept,
    pub delay_s: u32,
    /// When it is due; none = its client was connected.
    pub due: Option<u64>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A retained message and who said it.
    Put {
        owner: String,
        message: Kept,
    },
    /// A retained message is gone.
    Remove(String),
    /// A whole dump begins; what stood before counts no more once it has its end.
    Dump,
    /// The dump's end.
    End,
    Session(Head),
    /// The session is over.
    Over(u64),
    /// A subscription: bits 0–1 QoS, 2 no-local, 3 retain-as-published; identifier, 0 = none.
    Filter {
        session: u64,
        filter: String,
        options: u8,
        identifier: u32,
    },
    Unfilter {
        session: u64,
        filter: String,
    },
    /// A message for sessions; `order` rises in the order of publishing.
    /// `inbound` = the publisher's session and packet id of a QoS 2 message, session 0 = none: that
    /// it was taken and what became of it are one record, so neither is without the other.
    Queue {
        order: u64,
        inbound: (u64, u16),
        message: Kept,
        targets: Vec<Target>,
    },
    /// Deliveries that are over.
    Acked {
        session: u64,
        ids: Vec<u16>,
    },
    /// A QoS 2 delivery whose PUBREC came.
    Released {
        session: u64,
        id: u16,
    },
    /// A QoS 2 message from the client that was taken and is not released yet.
    Inbound {
        session: u64,
        id: u16,
    },
    InboundOver {
        session: u64,
        id: u16,
    },
    Will(KeptWill),
    WillOver(u64),
    /// Queued messages that were never sent to their client, by packet id: said at a planned end,
    /// true until [`Record::Began`].
    Unsent {
        session: u64,
        ids: Vec<u16>,
    },
    /// The broker began to serve: whatever waits may have been sent from here on.
    Began,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_comes_back_and_no_cut_is_taken_for_whole() {
        let message = Kept {
            topic: "đèn/1".into(),
            payload: b"ON".to_vec(),
            qos: 2,
            retain: true,
            forward: Bytes::from_static(b"\x26\x00\x00\x00\x00"),
            left: Some((7, 9)),
        };
        let plain = Kept {
            left: None,
            ..message.clone()
        };
        let target = Target {
            session: 4,
            id: 5,
            qos: 1,
            retain: true,
            identifiers: vec![1, 2],
            group: "$share/g/a".into(),
        };
        let head = Head {
            session: 4,
            account: "den-01".into(),
            client_id: "a".into(),
            credential: "x".into(),
            keep_s: 9,
            away: Some(3),
            next_id: 6,
        };
        for record in [
            Record::Put {
                owner: "den-01".into(),
                message: plain.clone(),
            },
            Record::Put {
                owner: "den-01".into(),
                message: message.clone(),
            },
            Record::Remove("đèn".into()),
            Record::Dump,
            Record::End,
            Record::Session(head),
            Record::Over(4),
            Record::Filter {
                session: 4,
                filter: "a/#".into(),
                options: 5,
                identifier: 3,
            },
            Record::Unfilter {
                session: 4,
                filter: "a/#".into(),
            },
            Record::Queue {
                order: 8,
                inbound: (4, 6),
                message: message.clone(),
                targets: vec![target],
            },
            Record::Acked {
                session: 4,
                ids: vec![1, 65_535],
            },
            Record::Released { session: 4, id: 2 },
            Record::Inbound { session: 4, id: 2 },
            Record::InboundOver { session: 4, id: 2 },
            Record::Will(KeptWill {
                session: 4,
                account: "den-01".into(),
                client_id: "a".into(),
                message,
                delay_s: 3,
                due: None,
            }),
            Record::WillOver(4),
            Record::Unsent {
                session: 4,
                ids: vec![2, 3],
            },
            Record::Began,
        ] {
            let bytes = record.encode();
            assert_eq!(Record::decode(&bytes), Some(record.clone()));
            for cut in 0..bytes.len() {
                assert_ne!(
                    Record::decode(&bytes[..cut]),
                    Some(record.clone()),
                    "cut at {cut}"
                );
            }
        }
        assert_eq!(Record::decode(b"?"), None);
    }
}
