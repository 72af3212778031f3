//! Who the broker lets in and what they may say: permissions that change under open connections,
//! devices without an account, names that strangers invent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use conglang::protocol::broker::{AdminQuery, AdminReply, RefusalReason};

use crate::support::peer::{Hello, Peer};
use crate::support::worker::{Worker, wide_limits, wire_accounts};

#[test]
fn permissions_take_effect_on_open_connections_and_a_kicked_client_is_told_why() {
    let mut worker = Worker::started(wide_limits(), None, wire_accounts());
    let narrow = Hello {
        user: "hep",
        password: "mat-khau-hep",
        client: "narrow",
        v5: true,
        ..Hello::default()
    };
    let mut peer = Peer::connect(worker.plain, &narrow);
    assert_eq!(
        (
            peer.subscribe("c/hep/#", 1),
            peer.tell("d/hep/x", b"1", false)
        ),
        (1, Some(0x10))
    );
    let mut accounts = wire_accounts();
    accounts[1].subscribe = vec!["d/hep/#".into()];
    accounts[1].publish = vec!["d/hep/y".into()];
    worker.accounts(accounts.clone());
    assert_eq!(
        peer.tell("d/hep/x", b"1", false),
        Some(0x87),
        "what was taken away is refused on the open connection"
    );
    let mut wide = Peer::connect(worker.plain, &Hello::clean_v5("wide"));
    assert_eq!(
        wide.tell("c/hep/x", b"1", false),
        Some(0x10),
        "and its subscription is gone"
    );
    // Its will is judged too.
    let refused = Peer::try_connect(
        worker.plain,
        &Hello {
            will: Some(("d/hep/z", "x", 1, false)),
            client: "will",
            ..narrow.clone()
        },
    );
    assert_eq!(refused.err(), Some(0x87));
    let AdminReply::Refusals(why) = worker.ask(AdminQuery::Refusals { id: "hep".into() }) else {
        panic!("why")
    };
    assert!(
        why.iter()
            .any(|r| r.reason == RefusalReason::WillNotAuthorized)
            && why.iter().any(|r| r
                .reason
                .to_string()
                .contains("outside of its permission: d/hep/x")),
        "{why:?}"
    );
    assert_eq!(
        worker.ask(AdminQuery::Kick {
            id: "narrow".into()
        }),
        AdminReply::Kicked(1)
    );
    let (first, body) = peer.packet(Duration::from_secs(5)).expect("it is told");
    assert_eq!((first, body[0]), (0xe0, 0x98), "administrative action");
    // An account that is gone ends its connection.
    let mut peer = Peer::connect(worker.plain, &narrow);
    accounts.pop();
    worker.accounts(accounts);
    assert_eq!(
        peer.packet(Duration::from_secs(5))
            .map(|(first, body)| (first, body[0])),
        Some((0xe0, 0x87))
    );
    assert_eq!(Peer::try_connect(worker.plain, &narrow).err(), Some(0x86));
}

#[test]
fn a_device_without_an_account_may_announce_itself_and_nothing_else() {
    let mut worker = Worker::new(wide_limits(), None, wire_accounts());
    worker.settings.quarantine = true;
    worker.settings.limits.quarantined = 3;
    worker.start();
    let mut ears = Peer::connect(worker.plain, &Hello::clean("ears"));
    assert_eq!(ears.subscribe("#", 1), 1);
    let stranger = Hello {
        user: "den-99",
        password: "any",
        client: "den-99",
        v5: true,
        clean: false,
        expiry: 1_000,
        will: Some(("d/den-99/up", "offline", 1, true)),
    };
    let mut lamp = Peer::connect(worker.plain, &stranger);
    assert_eq!(
        lamp.tell("homeassistant/light/den-99/light/config", b"{}", true),
        Some(0)
    );
    for topic in [
        "d/den-99/state",
        "homeassistant/light/den-01/light/config",
        "homeassistant/light/den-99/state",
        "quarantine/den-99/x",
    ] {
        assert_eq!(lamp.tell(topic, b"x", false), Some(0x87), "{topic}");
    }
    assert_eq!(lamp.subscribe("c/den-99/#", 0), 0x87);
    let came = ears.hear(Duration::from_secs(5)).expect("it is announced");
    assert_eq!(
        (came.topic.as_str(), came.retain),
        (
            "quarantine/den-99/homeassistant/light/den-99/light/config",
            false
        )
    );
    let counters = worker.counters("it is counted", |c| c.quarantined == 1);
    assert_eq!(counters.retained, 0, "nothing of it is kept");
    // It asks for its session to be kept, at its end too: it is not.
    lamp.send(0xe0, &[0, 5, 0x11, 0, 9, 0x3a, 0x80]);
    drop(lamp);
    worker.counters("it leaves no session", |c| c.quarantined == 0);
    assert!(
        ears.hears_nothing(Duration::from_millis(500)),
        "and no will"
    );
    let many: Vec<_> = (0..5)
        .map(|n| {
            Peer::try_connect(
                worker.plain,
                &Hello {
                    user: &format!("la-{n}"),
                    password: "x",
                    client: "x",
                    ..Hello::default()
                },
            )
        })
        .collect();
    assert!(
        (3..5).contains(&many.iter().filter(|p| p.is_ok()).count()),
        "a few at a time; who came first makes room"
    );
    worker.counters("never more at once", |c| c.quarantined == 3);
    assert!(
        Peer::try_connect(
            worker.plain,
            &Hello {
                user: "rong",
                password: "wrong",
                ..Hello::default()
            }
        )
        .is_err(),
        "a known name needs its secret"
    );
    let mut read = [0; 1];
    drop(many);
    let mut tcp = TcpStream::connect(("127.0.0.1", worker.plain)).expect("connects");
    tcp.set_read_timeout(Some(Duration::from_secs(5)))
        .expect("timeout");
    tcp.write_all(b"\x10\x0c\x00\x04MQTT\x09\x02\x00\x3c\x00\x00")
        .expect("written");
    assert!(
        tcp.read_exact(&mut read).is_ok() && read == [0x20],
        "an unknown version is answered"
    );
}

#[test]
fn what_strangers_call_themselves_neither_ends_the_broker_nor_forges_a_row() {
    let mut worker = Worker::started(wide_limits(), None, wire_accounts());
    for n in 0..700 {
        let name = format!("{n:03}\n{}", "\u{1}\u{202e}".repeat(40));
        let client = if n % 2 == 0 { "a" } else { "\u{1}" };
        assert_eq!(
            Peer::try_connect(
                worker.plain,
                &Hello {
                    user: &name,
                    client,
                    ..Hello::default()
                }
            )
            .err(),
            Some(if n % 2 == 0 { 4 } else { 2 })
        );
        // Under a known name the sentence changes each time.
        assert!(
            Peer::try_connect(
                worker.plain,
                &Hello {
                    password: "wrong",
                    client,
                    ..Hello::default()
                }
            )
            .is_err_and(|code| code != 0xff),
            "answered, not cut"
        );
    }
    let mut says = Peer::connect(worker.plain, &Hello::clean("says"));
    for n in 0..400 {
        assert_eq!(
            says.tell(&format!("x/{n}/{}", "\u{1}".repeat(900)), b"\n\n\n", true),
            Some(0)
        );
    }
    for n in 0..60 {
        assert_eq!(
            says.subscribe(&format!("y/{n}/{}", "\u{1}".repeat(900)), 0),
            0
        );
    }
    let AdminReply::Refusals(all) = worker.ask(AdminQuery::Refusals { id: String::new() }) else {
        panic!("why")
    };
    assert!(
        !all.is_empty() && all.iter().all(|r| !r.client.contains(char::is_control)),
        "{all:?}"
    );
    assert!(matches!(
        worker.ask(AdminQuery::Clients { after: None }),
        AdminReply::Clients(rows, _) if !rows.is_empty()
    ));
    assert!(matches!(
        worker.ask(AdminQuery::Topics { filter: "#".into(), after: None }),
        AdminReply::Topics(rows, true) if !rows.is_empty()
    ));
    assert!(worker.lives(), "nothing of it ended the broker");
}
