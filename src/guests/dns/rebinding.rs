//! The part of a resolver's message that goes to a device: the records that answer the question,
//! without addresses that lead into the village hall.
//!
//! A page of the internet whose name suddenly means 192.168.1.1 would let its script speak to the
//! lamps and to the chief's pages (“DNS rebinding”). Invariants: a private address comes out of no
//! answer of a resolver, neither as a record nor as a hint beside a service; records that do not
//! belong to the question's chain of aliases do not come out either.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::rdata::svcb::{SVCB, SvcParamValue};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use super::question::Question;
use crate::protocol::netd::SubnetAddress;

/// Most aliases in a row.
const MAX_ALIASES: usize = 12;
/// Most records behind the last alias.
pub const MAX_RECORDS: usize = 48;

/// The part of a message that may go on.
#[derive(Debug)]
pub struct Filtered {
    /// The question, the chain of aliases and its end; where there is no end, the zone's SOA
    /// record, which says for how long.
    pub message: Message,
    /// Records that were left out for their addresses.
    pub removed: u64,
}

/// Takes of a resolver's message what answers the question. `own` are the village hall's segments.
#[must_use]
pub fn filtered(response: &Message, question: &Question, own: &[SubnetAddress]) -> Filtered {
    let mut message = Message::new(0, MessageType::Response, OpCode::Query);
    message.metadata.response_code = response.metadata.response_code;
    message.metadata.recursion_available = true;
    message.queries.clone_from(&response.queries);
    let mut name = &question.name;
    while message.answers.len() < MAX_ALIASES && question.record_type != RecordType::CNAME {
        let alias = response.answers.iter().find_map(|r| match &r.data {
            RData::CNAME(target) if is_of(r, name) => Some((r, &target.0)),
            _ => None,
        });
        let Some((record, target)) = alias else {
            break;
        };
        message.answers.push(record.clone());
        name = target;
    }
    let mut removed = 0;
    let mut ends = 0;
    for record in &response.answers {
        if record.record_type() != question.record_type || !is_of(record, name) {
            continue;
        }
        if leads_into_the_village_hall(&record.data, own) {
            removed += 1;
        } else if ends < MAX_RECORDS {
            message.answers.push(record.clone());
            ends += 1;
        }
    }
    if ends == 0 && removed == 0 {
        let soa = response.authorities.iter().find(|r| {
            r.record_type() == RecordType::SOA
                && r.dns_class == DNSClass::IN
                && r.name.zone_of(name)
        });
        message.authorities.extend(soa.cloned());
    }
    Filtered { message, removed }
}

fn is_of(record: &Record, name: &hickory_proto::rr::Name) -> bool {
    record.dns_class == DNSClass::IN && record.name == *name
}

fn leads_into_the_village_hall(data: &RData, own: &[SubnetAddress]) -> bool {
    match data {
        RData::A(v4) => is_private(IpAddr::V4(v4.0), own),
        RData::AAAA(v6) => is_private(IpAddr::V6(v6.0), own),
        RData::HTTPS(https) => has_private_hint(&https.0, own),
        RData::SVCB(svcb) => has_private_hint(svcb, own),
        _ => false,
    }
}

fn has_private_hint(svcb: &SVCB, own: &[SubnetAddress]) -> bool {
    svcb.svc_params.iter().any(|(_, value)| match value {
        SvcParamValue::Ipv4Hint(hint) => hint.0.iter().any(|a| is_private(IpAddr::V4(a.0), own)),
        SvcParamValue::Ipv6Hint(hint) => hint.0.iter().any(|a| is_private(IpAddr::V6(a.0), own)),
        _ => false,
    })
}

/// Whether an address is no host of the internet: private, of this link, of this machine, for
/// groups, reserved, or of one of the village hall's segments whatever its range. Ranges for
/// documents are nobody's, and lead nowhere.
#[must_use]
pub fn is_private(address: IpAddr, own: &[SubnetAddress]) -> bool {
    own.iter().any(|segment| segment.contains(address))
        || match address {
            IpAddr::V4(v4) => is_private_v4(v4),
            IpAddr::V6(v6) => is_private_v6(v6),
        }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || a == 0
        || a >= 224
        // Carriers' translation, protocol assignments, benchmarks [RFC 6890].
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4_of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b) {
        // The unspecified address, this machine, IPv4 in IPv6's clothes.
        (0, 0) if (c, d) == (0, 0) => match (e, f) {
            (0, 0xffff) => is_private_v4(v4_of(g, h)),
            _ => true,
        },
        // Translation to IPv4 by a gateway [RFC 6052, 8215] and by 6to4 [RFC 3056].
        (0x64, 0xff9b) => (c, d, e, f) != (0, 0, 0, 0) || is_private_v4(v4_of(g, h)),
        (0x2002, high) => is_private_v4(v4_of(high, c)),
        // Unique local, of the link, of the site (no longer in use), groups.
        _ => a & 0xfe00 == 0xfc00 || a & 0xff80 == 0xfe80 || a & 0xff00 == 0xff00,
    }
}
