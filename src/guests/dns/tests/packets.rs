//! Packets as devices send them and as resolvers answer them.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::super::question::Question;

pub fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A question with EDNS, as phones put it.
pub fn asked(text: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name(text), record_type));
    let mut edns = Edns::new();
    edns.set_max_payload(1_232);
    message.set_edns(edns);
    message.to_vec().expect("a packet")
}

pub fn question(text: &str, record_type: RecordType) -> Question {
    Question::read(&asked(text, record_type)).expect("a question")
}

pub fn address(of: &str, ttl: u32, text: &str) -> Record {
    let data = match ip(text) {
        IpAddr::V4(v4) => RData::A(A(v4)),
        IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
    };
    Record::from_rdata(name(of), ttl, data)
}

/// A resolver's answer to a question.
pub fn answered(question: &Question, records: Vec<Record>) -> Message {
    let mut message = Message::response(question.id, OpCode::Query);
    message.add_query(Query::query(question.name.clone(), question.record_type));
    message.insert_answers(records);
    message
}

pub fn read(packet: &[u8]) -> Message {
    Message::from_vec(packet).expect("a reply that can be read")
}

pub fn addresses(message: &Message) -> Vec<String> {
    let all = message.answers.iter().filter_map(|r| match &r.data {
        RData::A(v4) => Some(v4.0.to_string()),
        RData::AAAA(v6) => Some(v6.0.to_string()),
        _ => None,
    });
    all.collect()
}

/// The packet of a resolver that knows one address.
pub fn answer_with(question: &Question, ttl: u32, text: &str) -> Vec<u8> {
    let record = address(&question.name.to_string(), ttl, text);
    let message = answered(question, vec![record]);
    message.to_vec().expect("a packet")
}
