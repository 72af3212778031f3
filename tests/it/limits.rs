//! Bounds of the broker that nothing else meets: each is hit, told to the one who hits it, and
//! remembered in its sentence.

use std::time::Duration;

use conglang::keys::authority::{Authority, CertificateFiles};
use conglang::keys::tls;
use conglang::protocol::broker::{AdminQuery, AdminReply};
use conglang::supervisor::clock::Clock;

use crate::support::peer::{Hello, Peer};
use crate::support::worker::{Worker, wide_limits, wire_accounts};

fn named(client: &str) -> Hello<'_> {
    Hello::clean(client)
}

fn why(worker: &mut Worker, id: &str) -> Vec<String> {
    let AdminReply::Refusals(rows) = worker.ask(AdminQuery::Refusals { id: id.into() }) else {
        panic!("why")
    };
    rows.into_iter().map(|r| r.reason.to_string()).collect()
}

#[test]
fn connections_in_all_and_of_one_address_are_bounded_and_places_come_back() {
    for (all, each, sentence) in [
        (3, 100, "the broker has no place for more connections"),
        (100, 3, "too many connections of this address"),
    ] {
        let mut limits = wide_limits();
        (limits.connections, limits.per_address) = (all, each);
        let mut worker = Worker::started(limits, None, wire_accounts());
        let mut three: Vec<Peer> = ["a", "b", "c"]
            .into_iter()
            .map(|c| Peer::connect(worker.plain, &named(c)))
            .collect();
        assert_eq!(
            Peer::try_connect(worker.plain, &named("d")).err(),
            Some(0xff),
            "closed"
        );
        assert_eq!(why(&mut worker, "127.0.0.1"), [sentence]);
        assert!(three[0].barrier(), "the others do not notice");
        three.pop().expect("three").leave();
        worker.counters("its place is free", |c| c.connected == 2);
        let until = std::time::Instant::now() + Duration::from_secs(5);
        while Peer::try_connect(worker.plain, &named("d")).is_err() {
            assert!(std::time::Instant::now() < until, "there is room again");
        }
    }
}

#[test]
fn keep_alive_and_the_life_of_sessions_are_bounded_and_told() {
    let mut limits = wide_limits();
    (limits.keep_alive_s, limits.session_s) = (1, 1);
    let mut worker = Worker::started(limits, None, wire_accounts());
    let hello = Hello {
        v5: true,
        clean: false,
        expiry: 1_000,
        ..named("a")
    };
    let mut peer = Peer::connect(worker.plain, &hello);
    // Server keep alive (0x13) and session expiry (0x11) of CONNACK say what is granted.
    assert!(
        peer.welcome.windows(3).any(|w| w == [0x13, 0, 1])
            && peer.welcome.windows(5).any(|w| w == [0x11, 0, 0, 0, 1]),
        "{:?}",
        peer.welcome
    );
    assert_eq!(peer.subscribe("d/#", 1), 1);
    let cut = peer.packet(Duration::from_secs(5)).expect("it is told");
    assert_eq!((cut.0, cut.1[0]), (0xe0, 0x8d), "keep alive timeout");
    assert_eq!(
        why(&mut worker, "rong"),
        ["it was silent longer than its keep alive"]
    );
    worker.counters("its session is over", |c| {
        c.connected == 0 && c.disconnected == 0
    });
    assert!(!Peer::connect(worker.plain, &hello).present);
}

#[test]
fn what_waits_for_all_sessions_together_is_bounded_and_the_publisher_is_told() {
    let mut limits = wide_limits();
    limits.queued_all = 1 << 20;
    let mut worker = Worker::started(limits, None, wire_accounts());
    for client in ["a", "b", "c"] {
        let mut away = Peer::connect(
            worker.plain,
            &Hello {
                clean: false,
                ..named(client)
            },
        );
        assert_eq!(away.subscribe("m/#", 1), 1);
        away.leave();
    }
    let mut says = Peer::connect(
        worker.plain,
        &Hello {
            v5: true,
            ..named("says")
        },
    );
    let told: Vec<Option<u8>> = (0..20)
        .map(|_| says.tell("m/x", &[b'x'; 10_000], false))
        .collect();
    // An account’s share is an eighth of all: four messages for each of three sessions, a fifth for
    // one.
    assert_eq!(
        told.iter().take_while(|t| **t == Some(0)).count(),
        5,
        "{told:?}"
    );
    assert!(
        told.iter().skip(5).all(|t| *t == Some(0x97)),
        "quota exceeded: {told:?}"
    );
    let counters = worker.counters("it is counted", |c| c.dropped > 0);
    assert!(
        counters.queued_bytes <= 1 << 17,
        "{}",
        counters.queued_bytes
    );
    assert!(
        why(&mut worker, "rong")
            .contains(&"a bound of retained messages or of a queue was reached".to_owned())
    );
}

#[test]
fn a_certificate_of_the_house_opens_its_account_and_only_that() {
    let mut worker = Worker::new(wide_limits(), None, wire_accounts());
    worker.settings.certificate_only = true;
    worker.start();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_secs();
    let authority =
        Authority::load_or_make(&worker.folder.join("ca"), "Bến Thóc", now).expect("the CA");
    let come = |name: Option<&str>| -> Result<(u8, u8), String> {
        let files = name.map(|name| {
            let files = CertificateFiles::named(&worker.folder, name);
            files
                .write(&authority.issue_client(name, now).expect("a leaf"))
                .expect("written");
            files
        });
        let config = tls::client_config(&worker.ca(), files.as_ref(), Clock::system(0))
            .expect("a configuration");
        let mut connection =
            rustls::ClientConnection::new(config, "localhost".try_into().expect("a name"))
                .expect("a connection");
        let mut tcp = std::net::TcpStream::connect(("127.0.0.1", worker.tls)).expect("connects");
        tcp.set_read_timeout(Some(Duration::from_secs(5)))
            .expect("timeout");
        let mut stream = rustls::Stream::new(&mut connection, &mut tcp);
        // No user name, no password: the certificate says who it is.
        std::io::Write::write_all(
            &mut stream,
            b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x",
        )
        .map_err(|e| e.to_string())?;
        let mut answer = [0; 4];
        std::io::Read::read_exact(&mut stream, &mut answer).map_err(|e| e.to_string())?;
        Ok((answer[0], answer[3]))
    };
    assert_eq!(come(Some("rong")), Ok((0x20, 0)), "its account");
    assert_eq!(
        come(Some("ai-do")),
        Ok((0x20, 5)),
        "a name without an account is not authorized"
    );
    assert!(
        come(None).is_err(),
        "without a certificate the handshake fails"
    );
}
