//! The part of a resolver's message that goes to a device: the records that answer the question,
//! without addresses that lead into the village hall.
//!
//! A page of the internet whose name suddenly means 192.168.1.1 would let its script speak to the
//! lamps and to the chief's pages (“DNS rebinding”). Invariants: a private address comes out of no
//! answer of a resolver, neither as a record nor as a hint beside a service; records that do not
//! belong to the question's chain of aliases do not come out either.

use std::net::IpAddr;

use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::rdata::svcb::{SVCB, SvcParamValue};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use super::question::Question;
use crate::protocol::netd::SubnetAddress;
use crate::protocol::netd::no_hosts::is_no_host;

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

/// Whether an address is no host of the internet (`protocol::netd::no_hosts`), or of one of the
/// village hall's segments whatever its range.
#[must_use]
pub fn is_private(address: IpAddr, own: &[SubnetAddress]) -> bool {
    own.iter().any(|segment| segment.contains(address)) || is_no_host(address)
}
