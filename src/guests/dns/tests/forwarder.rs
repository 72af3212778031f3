//! The fate of a question, by who asks and how the way out stands.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::super::block_list::BlockList;
use super::super::budgets::BudgetLimits;
use super::super::forwarder::Decision;
use super::super::garden::OpenAddresses;
use super::super::policy::AskingSegment::{Guest, Staff};
use super::super::policy::InternetAccess;
use super::super::question::Transport;
use super::packets::{addresses, asked, ip, read};
use super::rig::{GUEST, PlayedResolver, Rig, STAFF, policy};
use crate::supervisor::clock::Clock;

const A: RecordType = RecordType::A;

/// A rig whose guests and staff have no way out.
fn cut() -> Rig {
    let rig = Rig::new(policy(vec![]));
    rig.change(|p| {
        p.guest_access = InternetAccess::None;
        p.staff_access = InternetAccess::None;
    });
    rig
}

#[test]
fn the_chiefs_page_is_found_on_both_segments_with_the_uplink_cut() {
    let rig = cut();
    for own in ["nhavanhoa.lan.", "h123.example.vn.", "NhaVanHoa.lan."] {
        let staff = rig.at_once(Staff, own, A);
        assert_eq!(addresses(&staff), ["10.8.0.1"], "{own}");
        assert!(staff.answers.iter().all(|r| r.ttl <= 60));
        assert_eq!(addresses(&rig.at_once(Guest, own, A)), ["10.7.0.1"]);
        let v6 = rig.at_once(Guest, own, RecordType::AAAA);
        assert_eq!(addresses(&v6), ["fd00:7::1"]);
        let none = rig.at_once(Staff, own, RecordType::AAAA);
        assert_eq!(none.metadata.response_code, ResponseCode::NoError);
        assert!(none.answers.is_empty(), "the staff's segment has no IPv6");
    }
}

#[tokio::test]
async fn offline_a_guest_finds_the_portal_and_staff_are_told_quickly() {
    let rig = cut();
    for is_admitted in [false, true] {
        rig.is_admitted.store(is_admitted, Ordering::SeqCst);
        let reply = rig.at_once(Guest, "connectivitycheck.gstatic.com.", A);
        assert_eq!(addresses(&reply), ["192.0.2.1"]);
        assert_eq!(reply.answers[0].ttl, 5);
        let garden = rig.at_once(Guest, "dichvucong.gov.vn.", A);
        assert_eq!(addresses(&garden), ["192.0.2.1"]);
        let service = rig.at_once(Guest, "www.gstatic.com.", RecordType::HTTPS);
        assert_eq!(service.metadata.response_code, ResponseCode::NoError);
        assert!(service.answers.is_empty());
        let absent = rig.at_once(Guest, "printer.local.", A);
        assert_eq!(absent.metadata.response_code, ResponseCode::NXDomain);
    }
    let staff = rig.ask(Staff, "www.gstatic.com.", A).await;
    assert_eq!(staff.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn a_captive_device_gets_addresses_of_hosts_and_nothing_else() {
    let resolver = PlayedResolver::of("203.0.113.7", 900).await;
    let rig = Rig::new(policy(vec![resolver.at]));
    let reply = rig.ask(Guest, "www.example.com.", A).await;
    assert_eq!(addresses(&reply), ["203.0.113.7"]);
    assert_eq!(reply.answers[0].ttl, 60, "not longer while captive");
    assert_eq!(resolver.asked(), 1);
    let long = format!("{}.example.com.", "a".repeat(41));
    for (name, record_type, code) in [
        ("www.example.com.", RecordType::TXT, ResponseCode::Refused),
        ("www.example.com.", RecordType::NULL, ResponseCode::Refused),
        ("www.example.com.", RecordType::ANY, ResponseCode::Refused),
        ("www.example.com.", RecordType::HTTPS, ResponseCode::NoError),
        (long.as_str(), A, ResponseCode::Refused),
    ] {
        let reply = rig.at_once(Guest, name, record_type);
        assert_eq!(reply.metadata.response_code, code, "{name} {record_type}");
        assert!(reply.answers.is_empty());
    }
    assert_eq!(resolver.asked(), 1, "the resolver received none of it");

    rig.is_admitted.store(true, Ordering::SeqCst);
    let reply = rig.at_once(Guest, "WWW.example.com.", A);
    assert_eq!(reply.answers[0].ttl, 900, "from the cache, and whole");
    rig.ask(Guest, "www.example.com.", RecordType::TXT).await;
    rig.ask(Guest, &long, A).await;
    assert_eq!(resolver.asked(), 3);
    let any = rig.at_once(Guest, "www.example.com.", RecordType::ANY);
    assert_eq!(any.metadata.response_code, ResponseCode::Refused);
}

#[tokio::test]
async fn a_tunnel_ends_with_its_budget_and_the_portal_stays() {
    let resolver = PlayedResolver::of("203.0.113.7", 900).await;
    let budgets = BudgetLimits {
        names: 5,
        ..BudgetLimits::default()
    };
    let rig = Rig::with(policy(vec![resolver.at]), budgets, Clock::manual(0));
    for n in 0..20 {
        let reply = rig.ask(Guest, &format!("d{n}.tunnel.example."), A).await;
        let expected = if n < 5 { "203.0.113.7" } else { "192.0.2.1" };
        assert_eq!(addresses(&reply), [expected], "{n}");
    }
    assert_eq!(resolver.asked(), 5);
    assert_eq!(rig.forwarder.counts().over_budget, 15);
    let staff = rig.ask(Staff, "d19.tunnel.example.", A).await;
    assert_eq!(addresses(&staff), ["203.0.113.7"]);
    rig.clock.advance(Duration::from_secs(600));
    rig.ask(Guest, "next.example.", A).await;
    assert_eq!(resolver.asked(), 7, "the next window");
}

#[tokio::test]
async fn a_garden_answer_goes_out_after_it_is_open_also_from_the_cache() {
    let resolver = PlayedResolver::of("203.0.113.7", 600).await;
    let mut rig = Rig::new(policy(vec![resolver.at]));
    let mut seen = Vec::new();
    let open = |request: OpenAddresses, seen: &mut Vec<(String, u32)>| {
        let all = request.addresses.iter();
        seen.extend(all.map(|(a, s)| (a.to_string(), *s)));
        request.done.send(true).expect("somebody waits");
    };
    // Staff need no opening; and now the cache has it.
    rig.ask(Staff, "dichvucong.gov.vn.", A).await;
    assert!(rig.helper.try_recv().is_err());
    for (at_s, is_opened) in [(0, true), (240, false), (310, true)] {
        rig.clock.advance(Duration::from_secs(at_s));
        let packet = asked("dichvucong.gov.vn.", A);
        match rig.decide(Guest, &packet) {
            Decision::Later(pending) if is_opened => {
                let forwarder = rig.forwarder.clone();
                let mut reply = std::pin::pin!(forwarder.finish(*pending));
                let request = tokio::select! {
                    biased;
                    _ = &mut reply => panic!("it went out before it was open"),
                    request = rig.opening() => request,
                };
                open(request, &mut seen);
                assert_eq!(addresses(&read(&reply.await)), ["203.0.113.7"]);
            }
            Decision::Reply(reply) if !is_opened => {
                assert_eq!(addresses(&read(&reply)), ["203.0.113.7"]);
                // Nobody waits for it, and it is asked for again: the kernel may have lost it.
                let renewed = rig.helper.try_recv().expect("asked again");
                assert!(renewed.done.send(true).is_err() && !renewed.addresses.is_empty());
            }
            _ => panic!("at {at_s}"),
        }
    }
    assert_eq!(resolver.asked(), 1, "all but the first from the cache");
    let expected = ("203.0.113.7".to_owned(), 360);
    assert_eq!(seen, [expected.clone(), expected]);
    drop(rig.helper);
    rig.clock.advance(Duration::from_secs(600));
    let (forwarder, packet) = (rig.forwarder.clone(), asked("nap.example.vn.", A));
    let Decision::Later(pending) = forwarder.decide(Guest, ip(GUEST), &packet, Transport::Udp)
    else {
        panic!("it asks");
    };
    let failed = read(&forwarder.finish(*pending).await);
    assert_eq!(failed.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(forwarder.counts().garden_failed, 1);
}

#[tokio::test]
async fn on_an_uplink_that_is_paid_by_the_byte_guests_reach_the_garden_alone() {
    let resolver = PlayedResolver::of("203.0.113.7", 600).await;
    let mut rig = Rig::new(policy(vec![]));
    rig.change(|p| {
        p.guest_access = InternetAccess::GardenOnly(vec![resolver.at]);
        p.staff_access = InternetAccess::Open(vec![resolver.at]);
    });
    rig.is_admitted.store(true, Ordering::SeqCst);
    let other = rig.at_once(Guest, "www.example.com.", A);
    assert_eq!(addresses(&other), ["192.0.2.1"]);
    let (forwarder, packet) = (rig.forwarder.clone(), asked("nap.example.vn.", A));
    let asking = async {
        let Decision::Later(pending) = forwarder.decide(Guest, ip(GUEST), &packet, Transport::Udp)
        else {
            panic!("it asks");
        };
        forwarder.finish(*pending).await
    };
    let helping = async {
        let request = rig.opening().await;
        request.done.send(true).expect("somebody waits");
    };
    let (reply, ()) = tokio::join!(asking, helping);
    assert_eq!(addresses(&read(&reply)), ["203.0.113.7"]);
    let staff = forwarder.decide(Staff, ip(STAFF), &asked("a.example.", A), Transport::Udp);
    assert!(matches!(staff, Decision::Later(_)));
}

#[tokio::test]
async fn a_block_list_counts_when_it_is_given_and_never_against_own_names_or_the_garden() {
    let resolver = PlayedResolver::of("203.0.113.7", 600).await;
    let rig = Rig::new(policy(vec![resolver.at]));
    rig.is_admitted.store(true, Ordering::SeqCst);
    rig.ask(Guest, "www.xau.example.", A).await;
    let names = "xau.example\nh123.example.vn\nnhavanhoa.lan\ngov.vn";
    let list = BlockList::load(names.as_bytes()).expect("a list").list;
    rig.change(|p| p.block_list = Some(Arc::new(list)));
    for segment in [Guest, Staff] {
        let blocked = rig.at_once(segment, "www.XAU.example.", A);
        assert_eq!(blocked.metadata.response_code, ResponseCode::NXDomain);
        let own = rig.at_once(segment, "h123.example.vn.", A);
        assert_eq!(own.answers.len(), 1);
    }
    assert_eq!(rig.forwarder.counts().blocked, 2);
    let garden = rig.ask(Staff, "a.gov.vn.", A).await;
    assert_eq!(addresses(&garden), ["203.0.113.7"]);
}

#[tokio::test]
async fn a_name_that_leads_into_the_village_hall_leads_nowhere() {
    let resolver = PlayedResolver::of("10.8.0.1", 600).await;
    let rig = Rig::new(policy(vec![resolver.at]));
    for segment in [Guest, Staff] {
        let reply = rig.ask(segment, "rebind.example.", A).await;
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
        assert!(reply.answers.is_empty());
    }
    assert_eq!(rig.forwarder.counts().rebinding, 2);
}

#[test]
fn packets_of_other_networks_and_floods_are_not_answered() {
    let rig = Rig::new(policy(vec![]));
    let packet = asked("nhavanhoa.lan.", A);
    let is_answered = |segment, from: &str| {
        let decision = rig
            .forwarder
            .decide(segment, ip(from), &packet, Transport::Udp);
        !matches!(decision, Decision::Silence)
    };
    assert!(!is_answered(Guest, STAFF) && !is_answered(Staff, GUEST));
    assert!(!is_answered(Guest, "203.0.113.1"));
    assert!(is_answered(Guest, "fe80::5") && is_answered(Guest, "fd00:7::5"));
    assert_eq!(rig.forwarder.counts().foreign, 3);
    let answered = (0..200).filter(|_| is_answered(Guest, GUEST)).count();
    assert_eq!(answered, 60, "the burst");
    assert!(is_answered(Guest, "10.7.0.51"), "others are not concerned");
    assert!((0..200).all(|_| is_answered(Staff, STAFF)));
}
