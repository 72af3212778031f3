//! What the broker promises over its own death, one case each; deaths at random under load are in
//! `deaths`, a card that fails is in `full_card`.

use std::time::Duration;

use conglang::protocol::broker::{AdminQuery, AdminReply};

use crate::support::peer::{Hello, Peer};
use crate::support::worker::{Worker, wide_limits, wire_accounts};

#[test]
fn a_will_is_said_once_over_the_broker_s_death_and_not_for_who_comes_back() {
    let mut worker = Worker::started(wide_limits(), None, wire_accounts());
    let will = |client: &'static str, topic: &'static str| Hello {
        client,
        will: Some((topic, "offline", 1, true)),
        ..Hello::default()
    };
    let mut back = Peer::connect(worker.plain, &will("back", "d/back/up"));
    let mut gone = Peer::connect(worker.plain, &will("gone", "d/gone/up"));
    let kept = Hello::persistent("ears");
    let mut ears = Peer::connect(worker.plain, &kept);
    assert_eq!(ears.subscribe("d/+/up", 1), 1);
    assert!(
        back.tell("d/back/up", b"online", true) == Some(0)
            && gone.tell("d/gone/up", b"online", true) == Some(0)
    );
    // Wills are written within a second.
    std::thread::sleep(Duration::from_millis(1_200));
    worker.kill();
    drop((back, gone, ears));
    worker.start();
    let _back = Peer::connect(worker.plain, &will("back", "d/back/up"));
    let mut ears = Peer::connect(worker.plain, &kept);
    assert!(ears.present);
    let mut said = Vec::new();
    while let Some(came) = ears.hear(Duration::from_secs(12)) {
        ears.answer(0x40, came.id);
        if came.payload == b"offline" {
            said.push(came.topic);
        }
    }
    assert_eq!(
        said,
        ["d/gone/up"],
        "once, and only of the one that did not come back"
    );
    let mut later = Peer::connect(worker.plain, &Hello::clean("later"));
    later.subscribe("d/gone/up", 0);
    assert_eq!(
        later
            .hear(Duration::from_secs(3))
            .map(|c| (c.payload, c.retain)),
        Some((b"offline".to_vec(), true)),
        "and it is kept"
    );
}

#[test]
fn a_kept_session_survives_a_polite_end_with_filters_queue_and_retained() {
    let mut worker = Worker::started(wide_limits(), None, wire_accounts());
    let kept = Hello::persistent("away");
    let mut away = Peer::connect(worker.plain, &kept);
    assert_eq!(
        (away.subscribe("d/x/#", 1), away.subscribe("p/#", 2)),
        (1, 2)
    );
    away.leave();
    let mut says = Peer::connect(worker.plain, &Hello::clean("says"));
    for n in 0..50 {
        assert_eq!(
            says.tell(&format!("d/x/{n:02}"), n.to_string().as_bytes(), n % 2 == 0),
            Some(0)
        );
    }
    let large = vec![b'x'; 1 << 20];
    assert_eq!(says.tell("p/large", &large, true), Some(0), "1 MiB");
    worker.stop();
    worker.start();
    let mut away = Peer::connect(worker.plain, &kept);
    assert!(away.present);
    for n in 0..50 {
        let came = away.hear(Duration::from_secs(5)).expect("it was kept");
        assert_eq!((came.topic, came.retain), (format!("d/x/{n:02}"), false));
        away.answer(0x40, came.id);
    }
    assert_eq!(
        away.hear(Duration::from_secs(5))
            .expect("the large one")
            .payload
            .len(),
        large.len()
    );
    let mut fresh = Peer::connect(worker.plain, &Hello::clean("fresh"));
    fresh.subscribe("#", 0);
    let mut topics = Vec::new();
    while let Some(came) = fresh.hear(Duration::from_millis(500)) {
        assert!(came.retain);
        topics.push(came.topic);
    }
    let expected: Vec<String> = (0..50)
        .step_by(2)
        .map(|n| format!("d/x/{n:02}"))
        .chain(["p/large".to_owned()])
        .collect();
    assert_eq!(
        topics, expected,
        "in the order of their topics, with the flag"
    );
}

#[test]
fn what_was_never_sent_comes_without_dup_after_a_planned_end_and_with_it_after_a_death() {
    let mut worker = Worker::started(wide_limits(), None, wire_accounts());
    let kept = Hello::persistent("away");
    let mut away = Peer::connect(worker.plain, &kept);
    assert_eq!(away.subscribe("d/x/#", 2), 2);
    let mut says = Peer::connect(worker.plain, &Hello::clean("says"));
    assert_eq!(says.tell("d/x/sent", b"1", false), Some(0));
    assert_eq!(
        away.hear(Duration::from_secs(5)).map(|c| (c.topic, c.dup)),
        Some(("d/x/sent".into(), false))
    );
    away.leave();
    assert_eq!(says.tell("d/x/fresh", b"2", false), Some(0));
    says.publish("d/x/once", b"3", 4, 700);
    assert_eq!(
        says.packet(Duration::from_secs(5)).map(|p| p.0),
        Some(0x50),
        "PUBREC"
    );
    drop(says);
    // The second end finds what the first life never sent, in a life that did not send it either.
    for _ in 0..2 {
        worker.stop();
        worker.start();
    }
    let hears = |worker: &Worker| {
        let mut away = Peer::connect(worker.plain, &kept);
        assert!(away.present);
        let mut came: Vec<(String, bool)> = (0..3)
            .map(|_| {
                away.hear(Duration::from_secs(5))
                    .map(|c| (c.topic, c.dup))
                    .expect("it was kept")
            })
            .collect();
        came.sort();
        came
    };
    let all = |fresh| {
        vec![
            ("d/x/fresh".to_owned(), fresh),
            ("d/x/once".to_owned(), fresh),
            ("d/x/sent".to_owned(), true),
        ]
    };
    assert_eq!(hears(&worker), all(false));
    // Sent now and not acknowledged; and a death, after which nobody knows what was sent.
    worker.kill();
    worker.start();
    assert_eq!(hears(&worker), all(true));
}

#[test]
fn a_session_that_was_ended_stays_ended() {
    let mut worker = Worker::started(wide_limits(), None, wire_accounts());
    for client in ["kicked", "left"] {
        let mut peer = Peer::connect(worker.plain, &Hello::persistent_v5(client));
        assert_eq!(peer.subscribe("d/#", 1), 1);
        if client == "left" {
            // DISCONNECT with session expiry 0.
            peer.send(0xe0, &[0, 5, 0x11, 0, 0, 0, 0]);
        }
    }
    assert_eq!(
        worker.ask(AdminQuery::Kick {
            id: "kicked".into()
        }),
        AdminReply::Kicked(1)
    );
    worker.counters("both are gone", |c| c.connected == 0 && c.disconnected == 0);
    std::thread::sleep(Duration::from_millis(1_200));
    worker.kill();
    worker.start();
    for client in ["kicked", "left"] {
        assert!(
            !Peer::connect(worker.plain, &Hello::persistent_v5(client)).present,
            "{client}"
        );
    }
}

#[test]
fn a_publisher_may_use_all_of_what_was_agreed() {
    let worker = Worker::started(wide_limits(), None, wire_accounts());
    let mut away = Peer::connect(worker.plain, &Hello::persistent("away"));
    assert_eq!(away.subscribe("d/#", 2), 2);
    away.leave();
    let mut says = Peer::connect(
        worker.plain,
        &Hello {
            client: "says",
            v5: true,
            clean: false,
            expiry: 100,
            ..Hello::default()
        },
    );
    for id in 1..=64 {
        says.publish("d/x", b"x", 4, id);
    }
    for id in 1..=64u16 {
        let (first, body) = says.packet(Duration::from_secs(5)).expect("an answer");
        assert_eq!(
            (first, u16::from_be_bytes([body[0], body[1]])),
            (0x50, id),
            "all of the receive maximum, in order"
        );
    }
}

#[test]
fn a_planned_end_is_told_and_says_no_will() {
    let mut worker = Worker::started(wide_limits(), None, wire_accounts());
    let hello = Hello {
        client: "lamp",
        v5: true,
        will: Some(("d/lamp/up", "offline", 1, true)),
        ..Hello::default()
    };
    let mut lamp = Peer::connect(worker.plain, &hello);
    assert_eq!(lamp.tell("d/lamp/up", b"online", true), Some(0));
    worker.stop();
    assert_eq!(
        lamp.packet(Duration::from_secs(5))
            .map(|(first, body)| (first, body[0])),
        Some((0xe0, 0x8b)),
        "the server shuts down"
    );
    worker.start();
    let _lamp = Peer::connect(worker.plain, &hello);
    let mut ears = Peer::connect(worker.plain, &Hello::clean("ears"));
    ears.subscribe("d/lamp/up", 0);
    assert_eq!(
        ears.hear(Duration::from_secs(5)).map(|c| c.payload),
        Some(b"online".to_vec())
    );
    assert!(
        ears.hears_nothing(Duration::from_secs(11)),
        "who came back is not told dead"
    );
}
