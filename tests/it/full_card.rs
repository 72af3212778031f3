//! The broker on a card that is full or can only be read: publishers are told, nothing that is
//! acknowledged is lost, what needs no card goes on.

use std::time::{Duration, Instant};

use conglang::protocol::broker::{AdminQuery, AdminReply, RefusalReason};

use crate::support::peer::{Hello, Peer};
use crate::support::worker::{Disk, Worker, card_dies, may_mount, wide_limits, wire_accounts};

/// While the card fails: a lamp of 3.1.1 says what must be kept. It cannot be told, so it is not
/// answered; what needs no card goes on, and it hears its orders.
fn a_publisher_of_before(worker: &mut Worker, says: &mut Peer, word: &[u8]) -> Peer {
    let mut lamp = Peer::connect(worker.plain, &Hello::persistent("lamp"));
    lamp.publish("d/x", word, 2, 7);
    let until = Instant::now() + Duration::from_secs(10);
    while !matches!(
        worker.ask(AdminQuery::Refusals { id: "rong".into() }),
        AdminReply::Refusals(rows) if rows.iter().any(
            |r| r.reason == RefusalReason::StorageUnavailable
        )
    ) {
        assert!(
            Instant::now() < until,
            "the technician is told why it gets no answer"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    lamp.send(0x82, b"\x00\x4d\x00\x08c/lamp/#\x01");
    let began = Instant::now();
    let code = loop {
        match lamp.packet(Duration::from_secs(10)).expect("SUBACK") {
            (0x90, body) => break body[2],
            (0x40, _) => panic!("it must not be acknowledged"),
            _ => {}
        }
    };
    assert_eq!(code, 0x80, "its filter is not kept");
    says.publish("c/lamp/set", b"ON", 2, 0x7777);
    let came = lamp.hear(Duration::from_secs(2)).expect("the order");
    lamp.answer(0x40, came.id);
    assert_eq!(
        says.packet(Duration::from_secs(2)),
        Some((0x40, vec![0x77, 0x77])),
        "who has it acknowledged it: no card is needed"
    );
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    // Nor are the end of a subscription and QoS 2 answered, however often it is said, kept session
    // or none.
    let mut dimmer = Peer::connect(worker.plain, &Hello::clean("dimmer"));
    lamp.send(0xa2, b"\x00\x4e\x00\x08c/lamp/#");
    for dup in [0, 8] {
        for peer in [&mut lamp, &mut dimmer] {
            peer.publish("d/x", word, 4 | dup, 9);
            while let Some((first, _)) = peer.packet(Duration::from_millis(1_500)) {
                assert!(
                    ![0x40, 0x50, 0xb0].contains(&first),
                    "{first:#x} though nothing is kept"
                );
            }
            assert!(!peer.ended);
        }
    }
    lamp
}

/// So that it says it again.
fn is_cut_in_the_end(mut lamp: Peer) {
    while let Some((first, body)) = lamp.packet(Duration::from_secs(40)) {
        assert!(
            first != 0x40 || body != [0, 7],
            "it must not be acknowledged"
        );
    }
    assert!(lamp.ended);
}

#[test]
fn a_full_card_is_told_to_publishers_and_the_others_go_on() {
    let mut worker = Worker::new(wide_limits(), None, wire_accounts());
    worker.disk = Disk::Small(8 << 20);
    worker.start();
    let mut away = Peer::connect(worker.plain, &Hello::persistent_v5("away"));
    assert_eq!(away.subscribe("d/#", 1), 1);
    away.leave();
    let mut says = Peer::connect(worker.plain, &Hello::clean_v5("says"));
    assert_eq!(says.tell("d/x", b"kept", false), Some(0));
    // Somebody fills the card to the last byte.
    let filler = worker.inside("filler");
    let fill = std::io::copy(
        &mut std::io::repeat(0),
        &mut std::fs::File::create(&filler).expect("made"),
    );
    assert!(fill.is_err(), "full");
    let large = vec![b'x'; 300_000];
    let refused = (0..40).any(|_| says.tell("d/x", &large, false) == Some(0x97));
    assert!(refused, "the publisher is told");
    worker.counters("the card is told of", |c| c.storage_failing);
    let old = a_publisher_of_before(&mut worker, &mut says, &large);
    is_cut_in_the_end(old);
    std::fs::remove_file(filler).expect("room again");
    worker.counters("the card takes it again", |c| !c.storage_failing);
    assert_eq!(says.tell("d/y", b"kept again", false), Some(0));
    let mut away = Peer::connect(worker.plain, &Hello::persistent_v5("away"));
    assert!(away.present);
    let first = away.hear(Duration::from_secs(5)).expect("what waited");
    assert_eq!(first.payload, b"kept");
}

#[test]
fn a_card_that_can_only_be_read_is_told_to_publishers_and_lamps_are_switched() {
    if !may_mount() {
        return;
    }
    let mut worker = Worker::new(wide_limits(), None, wire_accounts());
    worker.disk = Disk::Card("errors=remount-ro");
    worker.start();
    let mut away = Peer::connect(worker.plain, &Hello::persistent_v5("away"));
    assert_eq!(away.subscribe("d/#", 1), 1);
    away.leave();
    let says = |worker: &Worker| Peer::connect(worker.plain, &Hello::clean_v5("says"));
    let mut before = says(&worker);
    assert_eq!(before.tell("d/x", b"kept", false), Some(0));
    assert_eq!(before.tell("d/y", b"bright", true), Some(0));
    let known = |worker: &Worker| {
        Peer::connect(worker.plain, &Hello::persistent("known")).subscribe("c/known/#", 1)
    };
    assert_eq!(known(&worker), 1);
    card_dies(worker.pid(), &worker.folder);
    // It fails under the broker, then the broker is killed and begins on a card that can only be
    // read.
    for begun in [false, true] {
        if begun {
            worker.kill();
            worker.disk = Disk::Card("ro,noload");
            worker.start();
        }
        let mut says = says(&worker);
        assert!(
            (0..40).any(|_| says.tell("d/x", b"not kept", false) == Some(0x97)),
            "the publisher is told"
        );
        worker.counters("the card is told of", |c| c.storage_failing);
        assert_eq!(known(&worker), 1, "what the card has is not refused");
        let _old = a_publisher_of_before(&mut worker, &mut says, b"not kept");
        // What stands on the card is known though it cannot be written.
        let mut fresh = Peer::connect(worker.plain, &Hello::clean("fresh"));
        fresh.subscribe("d/y", 0);
        assert_eq!(
            fresh.hear(Duration::from_secs(5)).map(|c| c.payload),
            Some(b"bright".to_vec()),
            "begun on it: {begun}"
        );
    }
    // The card is mended and the box started again.
    worker.kill();
    worker.disk = Disk::Card("errors=remount-ro");
    worker.start();
    assert_eq!(says(&worker).tell("d/z", b"kept again", false), Some(0));
    let mut away = Peer::connect(worker.plain, &Hello::persistent_v5("away"));
    assert!(away.present);
    let mut came = Vec::new();
    while let Some(next) = away.hear(Duration::from_secs(2)) {
        away.answer(0x40, next.id);
        came.push(String::from_utf8_lossy(&next.payload).into_owned());
    }
    assert_eq!(
        came,
        ["kept", "bright", "kept again"],
        "what was acknowledged, and nothing that was refused"
    );
}
