//! Packets of every kind: questions, wrong ones, noise.

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};

use super::super::question::{Question, RecordKind, Transport, Unusable, self_and_parents};
use super::packets::{asked, name, question};

fn code_of(packet: &[u8]) -> Option<ResponseCode> {
    match Question::read(packet).expect_err("no question") {
        Unusable::Silence => None,
        Unusable::Refused { code, .. } => Some(code),
    }
}

#[test]
fn a_question_is_read_with_the_capitals_of_the_device() {
    let question = question("ConnectivityCheck.gstatic.COM.", RecordType::A);
    assert_eq!((question.id, question.is_recursion_desired), (0x1234, true));
    assert_eq!(
        question.wire_name(),
        b"\x11ConnectivityCheck\x07gstatic\x03COM\0"
    );
    assert_eq!(
        question.lower_name(),
        b"\x11connectivitycheck\x07gstatic\x03com\0"
    );
    assert_eq!(question.udp_payload, Some(1_232));
    assert_eq!(question.kind(), RecordKind::Address);
    let other = Question::of(name("connectivitycheck.gstatic.com."), RecordType::A);
    assert_eq!(question.key(), other.key());
    let aaaa = Question::of(other.name.clone(), RecordType::AAAA);
    assert_ne!(aaaa.key(), other.key());
}

#[test]
fn kinds_of_records_are_told_apart() {
    for (record_type, kind) in [
        (RecordType::AAAA, RecordKind::Address),
        (RecordType::HTTPS, RecordKind::ServiceBinding),
        (RecordType::SVCB, RecordKind::ServiceBinding),
        (RecordType::TXT, RecordKind::Other),
        (RecordType::NULL, RecordKind::Other),
        (RecordType::Unknown(65_280), RecordKind::Other),
        (RecordType::ANY, RecordKind::Meta),
        (RecordType::AXFR, RecordKind::Meta),
        (RecordType::IXFR, RecordKind::Meta),
        (RecordType::OPT, RecordKind::Meta),
    ] {
        let question = Question::of(name("a.vn."), record_type);
        assert_eq!(question.kind(), kind, "{record_type}");
    }
}

#[test]
fn the_device_says_how_large_a_reply_may_be() {
    let mut question = question("a.vn.", RecordType::A);
    for (payload, most) in [
        (None, 512),
        (Some(0), 512),
        (Some(600), 600),
        (Some(65_535), 1_232),
    ] {
        question.udp_payload = payload;
        assert_eq!(question.max_reply_bytes(Transport::Udp), most);
        assert_eq!(question.max_reply_bytes(Transport::Tcp), 65_535);
    }
}

#[test]
fn what_is_no_question_is_told_or_left_alone() {
    let good = asked("a.vn.", RecordType::A);
    let with = |at: usize, byte: u8| {
        let mut packet = good.clone();
        packet[at] = byte;
        packet
    };
    assert_eq!(code_of(b""), None);
    assert_eq!(code_of(&good[..11]), None, "no whole header");
    assert_eq!(code_of(&with(2, 0x81)), None, "a reply is not answered");
    assert_eq!(
        code_of(&with(2, 0x28)),
        Some(ResponseCode::NotImp),
        "update"
    );
    assert_eq!(code_of(&good[..12]), Some(ResponseCode::FormErr));
    assert_eq!(code_of(&with(5, 0)), Some(ResponseCode::FormErr), "none");
    assert_eq!(code_of(&with(5, 2)), Some(ResponseCode::FormErr), "two");
    assert_eq!(code_of(&with(4, 0xff)), Some(ResponseCode::FormErr), "many");
    assert_eq!(
        code_of(&with(7, 1)),
        Some(ResponseCode::FormErr),
        "an answer"
    );
    assert_eq!(code_of(&with(9, 1)), Some(ResponseCode::FormErr));
    assert_eq!(code_of(&with(11, 9)), Some(ResponseCode::FormErr));
    assert_eq!(
        code_of(&with(12, 0xc0)),
        Some(ResponseCode::FormErr),
        "a pointer to the header"
    );
    assert_eq!(
        code_of(&with(12, 0x41)),
        Some(ResponseCode::FormErr),
        "an unknown label"
    );
    let class = 12 + b"\x01a\x02vn\0".len() + 3;
    assert_eq!(
        code_of(&with(class, 3)),
        Some(ResponseCode::Refused),
        "chaos"
    );
    let version = good.len() - 5;
    assert_eq!(code_of(&with(version, 1)), Some(ResponseCode::BADVERS));
    let mut long = good.clone();
    long.resize(1_300, 0);
    assert_eq!(code_of(&long), Some(ResponseCode::FormErr), "too long");
}

#[test]
fn a_question_of_the_multicast_kind_is_none() {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    let mut query = Query::query(name("a.vn."), RecordType::A);
    query.set_query_class(DNSClass::ANY);
    message.add_query(query);
    let packet = message.to_vec().expect("a packet");
    assert_eq!(code_of(&packet), Some(ResponseCode::Refused));
}

/// Numbers that are the same in each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).expect("small")
    }
}

#[test]
fn noise_and_cut_and_changed_packets_are_questions_or_none() {
    let mut noise = Noise(0x5eed);
    let good = asked("connectivitycheck.gstatic.com.", RecordType::AAAA);
    let mut read = 0;
    for _ in 0..40_000 {
        let mut packet = good.clone();
        match noise.below(3) {
            0 => {
                packet = (0..noise.below(80))
                    .map(|_| u8::try_from(noise.next() & 0xff).expect("a byte"))
                    .collect();
            }
            1 => packet.truncate(noise.below(good.len())),
            _ => {
                for _ in 0..=noise.below(4) {
                    let at = noise.below(packet.len());
                    packet[at] = u8::try_from(noise.next() & 0xff).expect("a byte");
                }
            }
        }
        if let Ok(question) = Question::read(&packet) {
            read += 1;
            assert!(question.wire_name().len() <= 255);
            assert_eq!(question.wire_name().last(), Some(&0));
            let labels = self_and_parents(question.wire_name()).count();
            assert_eq!(labels, question.name.iter().count());
        }
    }
    assert!(read > 1_000, "changed questions are questions too: {read}");
}
