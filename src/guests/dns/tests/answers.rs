//! Replies of the gateway's own, and stored ones as each device gets them.

use hickory_proto::op::{OpCode, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, SOA};
use hickory_proto::rr::{RData, Record, RecordType};

use super::super::answers::{self, OFFLINE_TTL_S};
use super::super::question::Transport;
use super::super::stored_answer::{Age, StoredAnswer};
use super::packets::{address, addresses, answered, ip, name, question, read};

#[test]
fn a_code_goes_without_a_question_and_with_its_high_bits() {
    let plain = read(&answers::code_alone(
        9,
        OpCode::Update,
        ResponseCode::NotImp,
    ));
    assert_eq!(
        (plain.metadata.id, plain.metadata.op_code),
        (9, OpCode::Update)
    );
    assert_eq!(plain.metadata.response_code, ResponseCode::NotImp);
    let high = read(&answers::code_alone(
        9,
        OpCode::Query,
        ResponseCode::BADVERS,
    ));
    let code = u16::from(high.metadata.response_code);
    assert_eq!(code, u16::from(ResponseCode::BADVERS));
}

#[test]
fn the_portal_is_found_offline_by_both_kinds_of_addresses() {
    for (record_type, has_v6, expected) in [
        (RecordType::A, true, vec!["192.0.2.1"]),
        (RecordType::AAAA, true, vec!["2001:db8::1"]),
        (RecordType::AAAA, false, vec![]),
        (RecordType::HTTPS, true, vec![]),
        (RecordType::TXT, true, vec![]),
    ] {
        let question = question("www.gstatic.com.", record_type);
        let reply = read(&answers::offline(&question, has_v6));
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
        assert_eq!(addresses(&reply), expected, "{record_type}");
        assert!(reply.answers.iter().all(|r| r.ttl == OFFLINE_TTL_S));
        assert!(reply.edns.is_some(), "the question spoke EDNS");
        assert!(question.is_repeated_in(&reply));
    }
}

fn alias(of: &str, ttl: u32, to: &str) -> Record {
    Record::from_rdata(name(of), ttl, RData::CNAME(CNAME(name(to))))
}

fn zone(ttl: u32, minimum: u32) -> Record {
    let soa = SOA::new(name("ns.vn."), name("a.vn."), 1, 60, 60, 60, minimum);
    Record::from_rdata(name("vn."), ttl, RData::SOA(soa))
}

#[test]
fn a_stored_answer_is_given_with_the_devices_number_capitals_and_rest_of_time() {
    let first = question("a.vn.", RecordType::A);
    let records = vec![
        alias("a.vn.", 300, "b.vn."),
        address("b.vn.", 200, "203.0.113.7"),
    ];
    let stored = StoredAnswer::new(&answered(&first, records)).expect("stored");
    assert_eq!((stored.lifetime_s(), stored.addresses().len()), (200, 1));

    let mut second = question("A.vN.", RecordType::A);
    second.id = 77;
    second.is_recursion_desired = false;
    let packet = stored.reply(&second, Transport::Udp, Age::Fresh(50), u32::MAX);
    assert_eq!(&packet[12..18], b"\x01A\x02vN\0");
    let reply = read(&packet);
    assert_eq!(
        (reply.metadata.id, reply.metadata.recursion_desired),
        (77, false)
    );
    let times: Vec<u32> = reply.answers.iter().map(|r| r.ttl).collect();
    assert_eq!(times, [250, 150]);

    let captive = read(&stored.reply(&second, Transport::Udp, Age::Fresh(50), 60));
    assert!(captive.answers.iter().all(|r| r.ttl == 60));
    let stale = read(&stored.reply(&second, Transport::Udp, Age::Stale, 60));
    assert!(stale.answers.iter().all(|r| r.ttl == 30));
    assert_eq!(stored.ttl_s(Age::Fresh(50), 60), 60);
    assert_eq!(stored.ttl_s(Age::Fresh(190), 60), 10);
}

#[test]
fn what_does_not_exist_is_stored_for_as_long_as_its_zone_says() {
    let asked = question("a.vn.", RecordType::A);
    let mut message = answered(&asked, vec![]);
    message.metadata.response_code = ResponseCode::NXDomain;
    assert_eq!(StoredAnswer::new(&message).expect("stored").lifetime_s(), 0);
    message.add_authority(zone(900, 40));
    let stored = StoredAnswer::new(&message).expect("stored");
    assert_eq!(stored.lifetime_s(), 40);
    let reply = read(&stored.reply(&asked, Transport::Udp, Age::Fresh(1), 60));
    assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(reply.authorities.len(), 1, "the device stores it too");
}

#[test]
fn a_reply_that_does_not_fit_says_so_and_is_whole_over_tcp() {
    let mut asked = question("a.vn.", RecordType::A);
    let many = (0..40).map(|n| address("a.vn.", 60, &format!("203.0.113.{n}")));
    let stored = StoredAnswer::new(&answered(&asked, many.collect())).expect("stored");
    asked.udp_payload = None;
    let short = stored.reply(&asked, Transport::Udp, Age::Fresh(0), 60);
    assert!(short.len() <= 512);
    let short = read(&short);
    assert!(short.metadata.truncation && short.answers.is_empty());
    let whole = read(&stored.reply(&asked, Transport::Tcp, Age::Fresh(0), 60));
    assert!(!whole.metadata.truncation && whole.edns.is_none());
    assert_eq!(whole.answers.len(), 40);
}

#[test]
fn the_house_answers_with_the_addresses_that_were_asked_for() {
    let own = [ip("10.7.0.1"), ip("fd00:7::1")];
    for (record_type, expected) in [
        (RecordType::A, vec!["10.7.0.1"]),
        (RecordType::AAAA, vec!["fd00:7::1"]),
        (RecordType::HTTPS, vec![]),
    ] {
        let question = question("nhavanhoa.lan.", record_type);
        let reply = read(&answers::with_addresses(&question, &own, 60));
        assert_eq!(addresses(&reply), expected);
    }
}
