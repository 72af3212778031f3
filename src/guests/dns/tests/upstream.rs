//! Resolvers that are silent, lie, forge or answer too long; what devices get then.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::super::budgets::BudgetLimits;
use super::super::forwarder::Decision;
use super::super::policy::AskingSegment::{Guest, Staff};
use super::super::question::{Question, Transport};
use super::packets::{address, addresses, answer_with, answered, asked, read};
use super::rig::{PlayedResolver, Rig, policy};
use crate::supervisor::clock::Clock;

const A: RecordType = RecordType::A;

#[tokio::test]
async fn the_next_resolver_is_asked_and_the_silent_one_left_in_peace() {
    let silent = PlayedResolver::start(|_| None).await;
    let good = PlayedResolver::of("203.0.113.7", 60).await;
    let clock = Clock::manual(0);
    let rig = Rig::with(
        policy(vec![silent.at, good.at]),
        BudgetLimits::default(),
        clock.clone(),
    );
    let reply = rig.ask(Guest, "a.example.", A).await;
    assert_eq!(addresses(&reply), ["203.0.113.7"]);
    // Once more, for a packet may be lost.
    silent.was_asked(2).await;
    rig.ask(Guest, "b.example.", A).await;
    good.was_asked(2).await;
    silent.was_asked(2).await;
    clock.advance(Duration::from_secs(3));
    let (first, second) = tokio::join!(
        rig.ask(Guest, "c.example.", A),
        rig.ask(Guest, "d.example.", A)
    );
    assert_eq!((first.answers.len(), second.answers.len()), (1, 1));
    // A probe has tried it, and no name that a device chose.
    silent.was_asked(2).await;
}

#[tokio::test]
async fn a_name_whose_own_servers_are_silent_silences_no_resolver() {
    let resolver = PlayedResolver::play(
        |question| {
            let is_slow = question.lower_name().starts_with(b"\x04slow");
            (!is_slow).then(|| answer_with(question, 60, "203.0.113.7"))
        },
        true,
    )
    .await;
    let rig = Rig::with(
        policy(vec![resolver.at]),
        BudgetLimits::default(),
        Clock::manual(0),
    );
    let reply = rig.ask(Staff, "slow.example.", A).await;
    assert_eq!(addresses(&reply), [""; 0]);
    // The resolver answers a probe, and so the next question.
    let reply = rig.ask(Staff, "quick.example.", A).await;
    assert_eq!(addresses(&reply), ["203.0.113.7"]);
}

#[tokio::test]
async fn when_all_are_silent_a_captive_phone_finds_the_portal_and_others_the_old_answer() {
    let resolver = PlayedResolver::start({
        let asked = AtomicUsize::new(0);
        move |question| {
            let is_first = asked.fetch_add(1, Ordering::SeqCst) == 0;
            is_first.then(|| answer_with(question, 60, "203.0.113.7"))
        }
    })
    .await;
    let rig = Rig::new(policy(vec![resolver.at]));
    rig.ask(Staff, "known.example.", A).await;
    rig.clock.advance(Duration::from_secs(120));
    let portal = rig.ask(Guest, "new.example.", A).await;
    assert_eq!(addresses(&portal), ["192.0.2.1"]);
    resolver.was_asked(3).await;
    let known = rig.ask(Guest, "known.example.", A).await;
    assert_eq!(addresses(&known), ["203.0.113.7"]);
    assert_eq!(known.answers[0].ttl, 30);
    let unknown = rig.ask(Staff, "other.example.", A).await;
    assert_eq!(unknown.metadata.response_code, ResponseCode::ServFail);
    // At once: nobody was asked.
    resolver.was_asked(3).await;
    let counts = rig.forwarder.counts();
    assert_eq!((counts.silent, counts.stale, counts.offline), (3, 1, 1));
}

#[tokio::test]
async fn a_lost_packet_makes_no_resolver_silent() {
    let resolver = PlayedResolver::start(|question| {
        let is_lost = question.lower_name().starts_with(b"\x04lost");
        (!is_lost).then(|| answer_with(question, 60, "203.0.113.7"))
    })
    .await;
    let clock = Clock::manual(0);
    let rig = Rig::with(
        policy(vec![resolver.at]),
        BudgetLimits::default(),
        clock.clone(),
    );
    let others = async {
        rig.ask(Staff, "a.example.", A).await;
        clock.advance(Duration::from_millis(100));
        rig.ask(Staff, "b.example.", A).await
    };
    let (lost, _) = tokio::join!(rig.ask(Staff, "lost.example.", A), others);
    assert_eq!(lost.metadata.response_code, ResponseCode::ServFail);
    let after = rig.ask(Staff, "c.example.", A).await;
    assert_eq!(addresses(&after), ["203.0.113.7"]);
}

#[tokio::test]
async fn the_same_question_of_many_devices_goes_out_once() {
    let resolver = PlayedResolver::of("203.0.113.7", 60).await;
    let rig = Rig::new(policy(vec![resolver.at]));
    let packet = asked("probe.example.", A);
    let mut all = tokio::task::JoinSet::new();
    for n in 0..100_u8 {
        let (forwarder, packet) = (rig.forwarder.clone(), packet.clone());
        let from = std::net::IpAddr::from([10, 7, 1, n]);
        let transport = Transport::Udp;
        // All of them are decided before the first is worked on.
        let decision = forwarder.decide(Guest, from, &packet, transport);
        all.spawn(async move {
            match decision {
                Decision::Later(p) => forwarder.finish(*p).await,
                _ => Vec::new(),
            }
        });
    }
    for reply in all.join_all().await {
        assert_eq!(addresses(&read(&reply)), ["203.0.113.7"]);
    }
    assert_eq!(resolver.asked(), 1);
    assert_eq!(rig.forwarder.counts().joined, 99);
}

#[tokio::test]
async fn other_codes_go_to_the_next_and_old_routers_are_asked_without_edns() {
    let code = |question: &Question, code| {
        let mut message = answered(question, vec![]);
        message.metadata.response_code = code;
        Some(message.to_vec().expect("a packet"))
    };
    let broken = PlayedResolver::start(move |q| code(q, ResponseCode::ServFail)).await;
    let old = PlayedResolver::start(move |q| match q.udp_payload {
        Some(_) => code(q, ResponseCode::FormErr),
        None => Some(answer_with(q, 60, "203.0.113.7")),
    })
    .await;
    let rig = Rig::new(policy(vec![broken.at, old.at]));
    let reply = rig.ask(Staff, "a.example.", A).await;
    assert_eq!(addresses(&reply), ["203.0.113.7"]);
    assert_eq!((broken.asked(), old.asked()), (1, 2));
    let alone = Rig::new(policy(vec![broken.at]));
    let reply = alone.ask(Staff, "a.example.", A).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    let reply = alone.ask(Guest, "a.example.", A).await;
    assert_eq!(addresses(&reply), ["192.0.2.1"], "the router is cut off");
}

/// A resolver over both transports on one port.
async fn both_transports() -> (UdpSocket, TcpListener) {
    for _ in 0..20 {
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let at = tcp.local_addr().expect("an address");
        if let Ok(udp) = UdpSocket::bind(at).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both");
}

/// Answers one question over TCP with many addresses.
async fn answer_over_tcp(tcp: TcpListener) {
    let (mut stream, _) = tcp.accept().await.expect("a connection");
    let length = stream.read_u16().await.expect("a length");
    let mut packet = vec![0; usize::from(length)];
    stream.read_exact(&mut packet).await.expect("a question");
    let question = Question::read(&packet).expect("a question");
    let name = question.name.to_string();
    let many = (0..40).map(|n| address(&name, 60, &format!("203.0.113.{n}")));
    let answer = answered(&question, many.collect());
    let answer = answer.to_vec().expect("a packet");
    let length = u16::try_from(answer.len()).expect("short");
    stream.write_u16(length).await.expect("written");
    stream.write_all(&answer).await.expect("written");
}

/// Plays a resolver whose datagrams are as `reply` makes them, and that tells the truth over TCP.
async fn truth_over_tcp(reply: impl Fn(&Question) -> Vec<Vec<u8>>) {
    let (udp, tcp) = both_transports().await;
    let rig = Rig::new(policy(vec![udp.local_addr().expect("an address")]));
    let resolver = async {
        let mut buffer = [0; 2_048];
        let (length, peer) = udp.recv_from(&mut buffer).await.expect("a question");
        let question = Question::read(&buffer[..length]).expect("a question");
        for packet in reply(&question) {
            udp.send_to(&packet, peer).await.expect("sent");
        }
        let answering = tokio::time::timeout(Duration::from_secs(10), answer_over_tcp(tcp));
        answering.await.expect("the question comes over TCP");
    };
    let (answer, ()) = tokio::join!(rig.ask(Staff, "a.example.", A), resolver);
    assert!(!addresses(&answer).contains(&"203.0.113.66".to_owned()));
    assert_eq!(answer.answers.len(), 40);
}

#[tokio::test]
async fn an_answer_that_is_cut_is_fetched_over_tcp() {
    truth_over_tcp(|question| {
        let mut cut = answered(question, vec![]);
        cut.metadata.truncation = true;
        vec![cut.to_vec().expect("a packet")]
    })
    .await;
}

#[tokio::test]
async fn a_forger_who_guesses_numbers_drives_the_question_to_tcp() {
    truth_over_tcp(|question| {
        let forged = |n: u16| {
            let mut message =
                Message::from_vec(&answer_with(question, 60, "203.0.113.66")).expect("a message");
            message.metadata.id = question.id.wrapping_add(n);
            message.to_vec().expect("a packet")
        };
        // The number is right in the third, but the question is another.
        let mut other = answer_with(question, 60, "203.0.113.66");
        other[13] ^= 1;
        vec![forged(1), forged(2), other]
    })
    .await;
}

#[tokio::test]
async fn a_device_that_waits_too_often_is_told_so() {
    let silent = PlayedResolver::start(|_| None).await;
    let rig = Rig::new(policy(vec![silent.at]));
    let decisions: Vec<_> = (0..40)
        .map(|n| rig.decide(Guest, &asked(&format!("n{n}.example."), A)))
        .collect();
    let waiting = decisions.iter().filter(|d| matches!(d, Decision::Later(_)));
    assert_eq!(waiting.count(), 32);
    assert_eq!(rig.forwarder.counts().busy, 8);
    drop(decisions);
    let again = rig.decide(Guest, &asked("again.example.", A));
    assert!(matches!(again, Decision::Later(_)));
}

#[tokio::test]
async fn captive_devices_leave_places_to_the_others_however_many_they_are() {
    let silent = PlayedResolver::start(|_| None).await;
    let rig = Rig::new(policy(vec![silent.at]));
    let decide = |from: [u8; 4], n: u8| {
        let packet = asked(&format!("n{n}.example."), A);
        let transport = Transport::Udp;
        let decision = rig.forwarder.decide(Guest, from.into(), &packet, transport);
        match decision {
            Decision::Later(pending) => Some(pending),
            _ => None,
        }
    };
    let waiting: Vec<_> = (0..40)
        .flat_map(|device| (0..30).map(move |n| (device, n)))
        .filter_map(|(device, n)| decide([10, 7, 2, device], n))
        .collect();
    assert_eq!(waiting.len(), 128, "of 1,200");
    rig.is_admitted.store(true, Ordering::SeqCst);
    assert!(decide([10, 7, 3, 1], 1).is_some());
}
