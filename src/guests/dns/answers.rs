//! Replies that the gateway gives by itself: codes, its own names, the address that leads a phone
//! to the portal while there is no internet.
//!
//! Invariants: a reply repeats the question as the device wrote it; it is never larger than the
//! device takes, and says so where something was left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{OpCode, ResponseCode};
use hickory_proto::rr::RecordType;

use super::question::{MAX_UDP_REPLY_BYTES, Question, Transport};

/// For how long a name of the village hall holds, s.
pub const LOCAL_TTL_S: u32 = 60;
/// For how long the address that stands for the internet holds, s: a phone asks again as soon as
/// it is in.
pub const OFFLINE_TTL_S: u32 = 5;
/// Longest time that an answer holds for a device that is captive, s.
pub const CAPTIVE_TTL_S: u32 = 60;

/// Stands for every name while there is no internet. The address is of the range for documents: no
/// host has it, and Android does not take it for a private one, behind which it would not probe for
/// a portal. The kernel leads port 80 of any address to the portal.
pub const OFFLINE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// As [`OFFLINE_V4`] where the guests have IPv6.
pub const OFFLINE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Where the first record's name is written: behind the header.
const POINTER_TO_QUESTION: [u8; 2] = [0xc0, 12];
const CLASS_IN: [u8; 2] = [0, 1];
/// The part that EDNS adds to a packet.
const EDNS_BYTES: usize = 11;

/// A reply to a packet that is no question: a header, and EDNS where the code needs it.
#[must_use]
pub fn code_alone(id: u16, op_code: OpCode, code: ResponseCode) -> Vec<u8> {
    let mut packet = header(id, op_code, false, code).to_vec();
    if code.high() != 0 {
        add_edns(&mut packet, code.high());
    }
    packet
}

/// A reply with a code and no records. `NoError` says that the name has no such record.
#[must_use]
pub fn without_records(question: &Question, code: ResponseCode) -> Vec<u8> {
    let mut packet = begin(question, code);
    answer_edns(&mut packet, question);
    packet
}

/// A reply with those of the addresses that are of the type that was asked for.
#[must_use]
pub fn with_addresses(question: &Question, addresses: &[IpAddr], ttl_s: u32) -> Vec<u8> {
    let mut packet = begin(question, ResponseCode::NoError);
    let mut count: u16 = 0;
    for address in addresses {
        let data = match (address, question.record_type) {
            (IpAddr::V4(v4), RecordType::A) => v4.octets().to_vec(),
            (IpAddr::V6(v6), RecordType::AAAA) => v6.octets().to_vec(),
            _ => continue,
        };
        packet.extend(POINTER_TO_QUESTION);
        packet.extend(u16::from(question.record_type).to_be_bytes());
        packet.extend(CLASS_IN);
        packet.extend(ttl_s.to_be_bytes());
        packet.extend([0, u8::try_from(data.len()).unwrap_or(0)]);
        packet.extend(data);
        count += 1;
    }
    packet[6..8].copy_from_slice(&count.to_be_bytes());
    answer_edns(&mut packet, question);
    packet
}

/// The reply to any name while there is no internet, or none for this device.
#[must_use]
pub fn offline(question: &Question, has_v6: bool) -> Vec<u8> {
    let mut addresses = vec![IpAddr::V4(OFFLINE_V4)];
    if has_v6 {
        addresses.push(IpAddr::V6(OFFLINE_V6));
    }
    with_addresses(question, &addresses, OFFLINE_TTL_S)
}

/// The end of a reply whose header and question somebody else wrote: the device's number, its
/// capitals and EDNS, and TC where it does not fit. `packet` begins with a header and a name of
/// the same length.
#[must_use]
pub fn sealed(mut packet: Vec<u8>, question: &Question, transport: Transport) -> Vec<u8> {
    if packet.len() + EDNS_BYTES > question.max_reply_bytes(transport) {
        let mut short = begin(question, ResponseCode::NoError);
        short[2] |= 0b10;
        answer_edns(&mut short, question);
        return short;
    }
    packet[..2].copy_from_slice(&question.id.to_be_bytes());
    packet[2] = 0x80 | u8::from(question.is_recursion_desired);
    let name = question.wire_name();
    if let Some(written) = packet.get_mut(12..12 + name.len()) {
        written.copy_from_slice(name);
    }
    answer_edns(&mut packet, question);
    packet
}

fn begin(question: &Question, code: ResponseCode) -> Vec<u8> {
    let rd = question.is_recursion_desired;
    let mut packet = Vec::with_capacity(question.wire_name().len() + 64);
    packet.extend(header(question.id, OpCode::Query, rd, code));
    packet[5] = 1;
    packet.extend(question.wire_name());
    packet.extend(u16::from(question.record_type).to_be_bytes());
    packet.extend(CLASS_IN);
    packet
}

fn header(id: u16, op_code: OpCode, is_recursion_desired: bool, code: ResponseCode) -> [u8; 12] {
    let [high, low] = id.to_be_bytes();
    let flags = 0x80 | (u8::from(op_code) << 3) | u8::from(is_recursion_desired);
    // Recursion is available.
    [
        high,
        low,
        flags,
        0x80 | (code.low() & 0x0f),
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ]
}

/// A device that speaks EDNS is answered in it [RFC 6891, 6.1.1].
fn answer_edns(packet: &mut Vec<u8>, question: &Question) {
    if question.udp_payload.is_some() {
        add_edns(packet, 0);
    }
}

fn add_edns(packet: &mut Vec<u8>, extended_code: u8) {
    let [high, low] = u16::try_from(MAX_UDP_REPLY_BYTES)
        .unwrap_or(512)
        .to_be_bytes();
    packet.extend([0, 0, 41, high, low, extended_code, 0, 0, 0, 0, 0]);
    let count = u16::from_be_bytes([packet[10], packet[11]]).saturating_add(1);
    packet[10..12].copy_from_slice(&count.to_be_bytes());
}
