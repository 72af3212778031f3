//! An answer of a resolver as it is stored: the packet that goes out, with the places where times
//! and the question are written for each device.
//!
//! Invariant: what is stored was made here from filtered records, so its places are inside it.

use std::net::IpAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;

use super::answers;
use super::question::{Question, Transport};

/// Longest time that an answer is stored, s.
const MAX_LIFETIME_S: u32 = 6 * 3_600;
/// Longest time that “there is no such name” is stored, s [RFC 2308, 5].
const MAX_NEGATIVE_LIFETIME_S: u32 = 300;
/// For how long an answer that is past its time holds, s [RFC 8767, 4].
pub const STALE_TTL_S: u32 = 30;

/// How old a stored answer is when it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// So many seconds, and not past its time.
    Fresh(u32),
    /// Past its time: it is given because no resolver answers.
    Stale,
}

/// An answer to one question, for any device.
#[derive(Debug)]
pub struct StoredAnswer {
    packet: Box<[u8]>,
    /// Where the times of the records stand.
    ttl_places: Box<[u16]>,
    lifetime_s: u32,
    addresses: Box<[IpAddr]>,
}

impl StoredAnswer {
    /// From a message of filtered records; none = it cannot be written, or is too long for a reply.
    #[must_use]
    pub fn new(message: &Message) -> Option<Self> {
        let packet = message.to_vec().ok()?;
        let ttl_places = ttl_places(&packet)?;
        let addresses = message.answers.iter().filter_map(|r| match &r.data {
            RData::A(v4) => Some(IpAddr::V4(v4.0)),
            RData::AAAA(v6) => Some(IpAddr::V6(v6.0)),
            _ => None,
        });
        Some(Self {
            ttl_places,
            lifetime_s: lifetime_s(message),
            addresses: addresses.collect(),
            packet: packet.into(),
        })
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn cost_bytes(&self) -> usize {
        size_of::<Self>()
            + self.packet.len()
            + self.ttl_places.len() * size_of::<u16>()
            + self.addresses.len() * size_of::<IpAddr>()
    }

    /// For how long it may be given again, s; 0 = not at all.
    #[must_use]
    pub const fn lifetime_s(&self) -> u32 {
        self.lifetime_s
    }

    /// The addresses that it leads to.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// For how long the device may use it, s: the shortest of its times.
    #[must_use]
    pub fn ttl_s(&self, age: Age, cap_s: u32) -> u32 {
        let left = match age {
            Age::Fresh(age_s) => self.lifetime_s.saturating_sub(age_s),
            Age::Stale => STALE_TTL_S,
        };
        left.min(cap_s)
    }

    /// The reply to a device, in which no time is longer than `cap_s`.
    #[must_use]
    pub fn reply(
        &self,
        question: &Question,
        transport: Transport,
        age: Age,
        cap_s: u32,
    ) -> Vec<u8> {
        let mut packet = self.packet.to_vec();
        for place in &self.ttl_places {
            let place = usize::from(*place);
            let Some(ttl) = packet.get_mut(place..place + 4) else {
                continue;
            };
            let stored = ttl.try_into().map_or(0, u32::from_be_bytes);
            let left = match age {
                Age::Fresh(age_s) => stored.saturating_sub(age_s),
                Age::Stale => STALE_TTL_S,
            };
            ttl.copy_from_slice(&left.min(cap_s).to_be_bytes());
        }
        answers::sealed(packet, question, transport)
    }
}

fn lifetime_s(message: &Message) -> u32 {
    let ttls = message.answers.iter().map(|r| r.ttl);
    let shortest = ttls.min().unwrap_or(u32::MAX);
    let is_negative = message.metadata.response_code == ResponseCode::NXDomain
        || message
            .answers
            .iter()
            .all(|r| matches!(r.data, RData::CNAME(_)));
    if !is_negative {
        return shortest.min(MAX_LIFETIME_S);
    }
    let soa = message.authorities.iter().find_map(|r| match &r.data {
        RData::SOA(soa) => Some(r.ttl.min(soa.minimum)),
        _ => None,
    });
    // Without the zone's SOA record nobody knows for how long there is no such name.
    soa.map_or(0, |s| s.min(shortest).min(MAX_NEGATIVE_LIFETIME_S))
}

/// Where the times of the records stand in a packet with one question.
fn ttl_places(packet: &[u8]) -> Option<Box<[u16]>> {
    let count = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let records = count(6)?.checked_add(count(8)?)?.checked_add(count(10)?)?;
    let mut at = end_of_name(packet, 12)? + 4;
    let mut places = Vec::with_capacity(usize::from(records));
    for _ in 0..records {
        let fixed = end_of_name(packet, at)?;
        places.push(u16::try_from(fixed + 4).ok()?);
        at = fixed + 10 + usize::from(count(fixed + 8)?);
    }
    (at == packet.len()).then(|| places.into())
}

fn end_of_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer & 0xc0 != 0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}
