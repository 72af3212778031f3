//! Answers of resolvers that lead into the village hall, or elsewhere than was asked.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::svcb::{IpHint, SVCB, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, CNAME, HTTPS, SOA};
use hickory_proto::rr::{RData, Record, RecordType};

use super::super::question::Question;
use super::super::rebinding::{Filtered, filtered, is_private};
use super::packets::{address, addresses, answered, ip, name, question};

fn passed(question: &Question, records: Vec<Record>) -> Filtered {
    let own = ["203.0.113.129/25".parse().expect("a network")];
    filtered(&answered(question, records), question, &own)
}

#[test]
fn private_addresses_are_known_in_every_dress() {
    for text in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.251",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:192.168.1.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:c0a8:101::1",
        "fc00::1",
        "fd00:7::5",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(is_private(ip(text), &[]), "{text}");
    }
    for text in [
        "1.1.1.1",
        "100.63.0.1",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.2.1",
        "192.169.0.1",
        "198.17.0.1",
        "203.0.113.1",
        "223.255.255.255",
        "2001:db8::1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ] {
        assert!(!is_private(ip(text), &[]), "{text}");
    }
}

#[test]
fn an_address_of_the_village_hall_is_taken_out_and_the_others_stay() {
    let question = question("a.vn.", RecordType::A);
    let mixed = passed(
        &question,
        vec![
            address("a.vn.", 60, "192.168.1.1"),
            address("a.vn.", 60, "203.0.113.7"),
            address("a.vn.", 60, "203.0.113.200"),
        ],
    );
    assert_eq!(
        mixed.removed, 2,
        "one of them is of the village hall's own network"
    );
    assert_eq!(addresses(&mixed.message), ["203.0.113.7"]);
    let alone = passed(&question, vec![address("a.vn.", 60, "10.0.0.1")]);
    assert_eq!(alone.message.metadata.response_code, ResponseCode::NoError);
    assert!(alone.message.answers.is_empty());
}

#[test]
fn a_hint_beside_a_service_leads_nowhere_else() {
    let question = question("a.vn.", RecordType::HTTPS);
    let service = |hint: A| {
        let hint = SvcParamValue::Ipv4Hint(IpHint(vec![hint]));
        let svcb = SVCB::new(1, name("."), vec![(SvcParamKey::Ipv4Hint, hint)]);
        Record::from_rdata(name("a.vn."), 60, RData::HTTPS(HTTPS(svcb)))
    };
    let bad = passed(&question, vec![service(A::new(192, 168, 1, 1))]);
    assert_eq!((bad.removed, bad.message.answers.len()), (1, 0));
    let good = passed(&question, vec![service(A::new(203, 0, 113, 7))]);
    assert_eq!((good.removed, good.message.answers.len()), (0, 1));
}

#[test]
fn only_the_chain_of_aliases_goes_on() {
    let alias =
        |of: &str, to: &str| Record::from_rdata(name(of), 60, RData::CNAME(CNAME(name(to))));
    let question = question("a.vn.", RecordType::A);
    let chain = passed(
        &question,
        vec![
            address("c.vn.", 60, "203.0.113.7"),
            alias("b.vn.", "c.vn."),
            alias("A.vn.", "b.vn."),
            address("bank.vn.", 60, "203.0.113.66"),
            address("a.vn.", 60, "203.0.113.66"),
        ],
    );
    assert_eq!(addresses(&chain.message), ["203.0.113.7"]);
    assert_eq!(chain.message.answers.len(), 3);
    let circle = passed(
        &question,
        vec![alias("a.vn.", "b.vn."), alias("b.vn.", "a.vn.")],
    );
    assert!(circle.message.answers.len() <= 12 && addresses(&circle.message).is_empty());
}

#[test]
fn the_word_of_a_zone_is_taken_only_of_a_zone_above_the_name() {
    let question = question("a.vn.", RecordType::A);
    let zone = |of: &str| {
        let soa = SOA::new(name("ns.vn."), name("a.vn."), 1, 60, 60, 60, 60);
        Record::from_rdata(name(of), 60, RData::SOA(soa))
    };
    for (of, expected) in [("vn.", 1), ("com.", 0)] {
        let mut message = answered(&question, vec![]);
        message.add_authority(zone(of));
        let passed = filtered(&message, &question, &[]).message.authorities;
        assert_eq!(passed.len(), expected, "{of}");
    }
}

#[test]
fn a_flood_of_records_is_cut() {
    let question = question("a.vn.", RecordType::A);
    let many = (0..200).map(|n| address("a.vn.", 60, &format!("203.0.113.{}", n % 100)));
    assert_eq!(passed(&question, many.collect()).message.answers.len(), 48);
}
