//! Packets for the forwarder of names, from both sides. A device's bytes are a question or none,
//! and every reply to it can be read and fits. A resolver's bytes give no private address, and what
//! is stored of them is a reply that can be read.
#![no_main]

use conglang::guests::dns::question::{Question, Transport, Unusable};
use conglang::guests::dns::stored_answer::{Age, StoredAnswer};
use conglang::guests::dns::{answers, rebinding, tunnel};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use libfuzzer_sys::fuzz_target;

fn check(reply: &[u8], question: &Question, transport: Transport) {
    assert!(reply.len() <= question.max_reply_bytes(transport));
    let message = Message::from_vec(reply).expect("our own reply is read");
    assert_eq!(message.metadata.id, question.id);
    assert!(question.is_repeated_in(&message));
    assert_eq!(message.edns.is_some(), question.udp_payload.is_some());
}

fn device(packet: &[u8]) {
    let question = match Question::read(packet) {
        Ok(question) => question,
        Err(Unusable::Silence) => return,
        Err(Unusable::Refused { id, op_code, code }) => {
            let reply = answers::code_alone(id, op_code, code);
            assert!(Message::from_vec(&reply).is_ok() || u8::from(op_code) > 6);
            return;
        }
    };
    let _ = tunnel::is_host_name(question.lower_name());
    for reply in [
        answers::without_records(&question, ResponseCode::Refused),
        answers::offline(&question, true),
    ] {
        check(&reply, &question, Transport::Udp);
    }
}

fn resolver(packet: &[u8]) {
    let Ok(message) = Message::from_vec(packet) else {
        return;
    };
    let Some(query) = message.queries.first() else {
        return;
    };
    let question = Question::of(query.name.clone(), query.query_type);
    if !question.is_repeated_in(&message) {
        return;
    }
    let filtered = rebinding::filtered(&message, &question, &[]);
    for record in &filtered.message.answers {
        match &record.data {
            RData::A(v4) => assert!(!rebinding::is_private(v4.0.into(), &[])),
            RData::AAAA(v6) => assert!(!rebinding::is_private(v6.0.into(), &[])),
            _ => {}
        }
    }
    let Some(stored) = StoredAnswer::new(&filtered.message) else {
        return;
    };
    for transport in [Transport::Udp, Transport::Tcp] {
        let reply = stored.reply(&question, transport, Age::Fresh(1), 60);
        check(&reply, &question, transport);
        let message = Message::from_vec(&reply).expect("read above");
        assert!(message.answers.iter().all(|r| r.ttl <= 60));
    }
}

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((side, packet)) if side & 1 == 0 => device(packet),
        Some((_, packet)) => resolver(packet),
        None => {}
    }
});
