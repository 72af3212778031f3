//! Loads on the broker's doors: memory stays bounded whatever a client invents, the others hardly
//! notice. Figures are printed; bounds are wide, because the machine may be busy.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use conglang::log::sim::TestRng;
use conglang::protocol::broker::{AdminQuery, AdminReply, Limits};

use crate::support::office::memory_kb;
use crate::support::peer::{Hello, Peer};
use crate::support::worker::{Worker, account, many_files, wide_limits, wire_accounts};

/// Memory of a fresh worker that no file holds, KiB, besides the tables of the program that the
/// loader fills in.
const OWN_KB_MAX: u64 = 1_500;

/// How long one device waits for its acknowledgement, the slowest of many.
fn slowest(good: &mut Peer, times: usize) -> Duration {
    (0..times)
        .map(|n| {
            let began = Instant::now();
            assert_eq!(
                good.tell("d/rong/good", n.to_string().as_bytes(), false),
                Some(0)
            );
            began.elapsed()
        })
        .max()
        .unwrap_or_default()
}

/// The tables of the program that the loader fills in with addresses: its segment GNU_RELRO, KiB
/// (ELF-64, little endian).
fn loaders_tables_kb() -> u64 {
    let program = std::fs::read(env!("CARGO_BIN_EXE_conglang")).expect("the program");
    let number = |at: usize, bytes: usize| {
        let field = program.get(at..at + bytes).expect("a field");
        field
            .iter()
            .rev()
            .fold(0_u64, |n, byte| n << 8 | u64::from(*byte))
    };
    let at = |n: u64| usize::try_from(n).expect("an address");
    let (headers, size, count) = (
        at(number(0x20, 8)),
        at(number(0x36, 2)),
        at(number(0x38, 2)),
    );
    let relro = (0..count)
        .map(|n| headers + n * size)
        .find(|header| number(*header, 4) == 0x6474_e552);
    number(relro.expect("GNU_RELRO") + 0x28, 8) / 1_024
}

#[test]
fn a_worker_without_clients_has_loaded_no_texts() {
    let worker = Worker::started(wide_limits(), None, wire_accounts());
    let own = memory_kb(worker.pid(), "RssAnon:");
    let tables = loaders_tables_kb();
    println!("a fresh worker: {own} KiB of its own, {tables} of them the loader's tables");
    // The texts of both languages would take two megabytes.
    let own = own.saturating_sub(tables);
    assert!((1..OWN_KB_MAX).contains(&own), "{own} KiB of its own");
}

#[test]
fn a_crowd_costs_little_memory_and_leaves_none_behind() {
    many_files();
    let mut limits = wide_limits();
    limits.connections = 6_000;
    let mut worker = Worker::started(limits, None, wire_accounts());
    // What the allocator takes once is not the crowd's.
    let warm: Vec<Peer> = (0..50)
        .map(|n| {
            Peer::connect(
                worker.plain,
                &Hello {
                    client: &format!("warm{n}"),
                    ..Hello::default()
                },
            )
        })
        .collect();
    drop(warm);
    let empty = worker.memory();
    let crowd: Vec<Peer> = (0..5_000)
        .map(|n| {
            let mut peer = Peer::connect(
                worker.plain,
                &Hello {
                    client: &format!("c{n}"),
                    ..Hello::default()
                },
            );
            assert_eq!(peer.subscribe(&format!("d/{n}/#"), 0), 0);
            peer
        })
        .collect();
    let each = worker.memory().saturating_sub(empty) / 5_000;
    println!("5,000 idle connections: {each} bytes each");
    assert!(each < 6_000, "{each} bytes for an idle connection");
    drop(crowd);
    worker.counters("all are gone", |c| c.connected == 0 && c.subscriptions == 0);

    // Client ids and topics that a client invents.
    let before = worker.memory();
    for n in 0..20_000 {
        Peer::connect(
            worker.plain,
            &Hello {
                client: &format!("id{n}"),
                ..Hello::default()
            },
        )
        .send(0xe0, &[]);
    }
    println!(
        "after ids: {} kB",
        worker.memory().saturating_sub(before) / 1024
    );
    let mut inventor = Peer::connect(worker.plain, &Hello::clean("inventor"));
    for n in 0..100_000 {
        inventor.publish(&format!("t/{n}"), b"x", 0, 0);
    }
    assert!(inventor.barrier());
    println!(
        "after topics: {} kB",
        worker.memory().saturating_sub(before) / 1024
    );
    for n in 0..5_000 {
        assert_eq!(inventor.subscribe(&format!("s/{n}/+/x"), 1), 1);
    }
    drop(inventor);
    let counters = worker.counters("all are gone", |c| c.connected == 0 && c.subscriptions == 0);
    let grown = worker.memory().saturating_sub(before);
    println!(
        "20,000 client ids, 100,000 topics, 5,000 filters: {} kB stay",
        grown / 1024
    );
    assert!(grown < 24 << 20, "{grown} bytes stay behind");
    assert_eq!((counters.disconnected, counters.queued), (0, 0));
}

#[test]
fn retained_messages_and_sessions_are_bounded_and_come_in_order() {
    let mut limits = wide_limits();
    limits.retained = 10_000;
    limits.sessions = 100;
    limits.connections = 200;
    let mut worker = Worker::started(limits, None, wire_accounts());
    let before = worker.memory();
    let mut says = Peer::connect(worker.plain, &Hello::clean_v5("says"));
    for n in 0..10_000 {
        says.publish(
            &format!("r/{n:05}"),
            format!("{n:0100}").as_bytes(),
            3,
            u16::try_from(n % 60 + 1).expect("small"),
        );
        if n % 60 == 59 {
            assert!(says.barrier());
        }
    }
    assert!(says.barrier());
    assert_eq!(
        says.tell("r/one-more", b"x", true),
        Some(0x97),
        "the bound is told"
    );
    let mut hears = Peer::connect(worker.plain, &Hello::clean("hears"));
    assert_eq!(hears.subscribe("r/#", 1), 1);
    for n in 0..10_000 {
        let came = hears.hear(Duration::from_secs(10)).unwrap_or_else(|| {
            panic!(
                "all of them, not only {n}: {:?}",
                worker.ask(AdminQuery::Refusals { id: String::new() })
            )
        });
        assert_eq!(
            (came.topic, came.retain, came.qos),
            (format!("r/{n:05}"), true, 1)
        );
        hears.answer(0x40, came.id);
    }
    println!(
        "10,000 retained of 100 bytes: {} bytes each",
        worker.memory().saturating_sub(before) / 10_000
    );
    // Sessions that are kept push out the oldest of those that are away.
    for n in 0..400 {
        Peer::connect(
            worker.plain,
            &Hello {
                client: &format!("kept{n}"),
                clean: false,
                ..Hello::default()
            },
        )
        .leave();
    }
    let counters = worker.counters("they are away", |c| {
        c.disconnected >= 100 && c.connected == 2
    });
    assert!(
        counters.disconnected <= 101,
        "{} sessions are kept",
        counters.disconnected
    );
    let AdminReply::Topics(rows, more) = worker.ask(AdminQuery::Topics {
        filter: "r/0000+".into(),
        after: None,
    }) else {
        panic!("topics")
    };
    assert_eq!(
        (rows.len(), more),
        (0, false),
        "a filter of a part of a level matches nothing"
    );
    let AdminReply::Topics(rows, more) = worker.ask(AdminQuery::Topics {
        filter: "r/#".into(),
        after: Some("r/00199".into()),
    }) else {
        panic!("topics")
    };
    assert!(
        rows.len() > 100 && rows[0].topic == "r/00200" && more,
        "as many as fit into an answer: {}",
        rows.len()
    );
}

#[test]
fn floods_trickles_and_strangers_do_not_stop_the_others() {
    many_files();
    let mut limits = wide_limits();
    // A house's usual rates.
    limits.messages_per_second = Limits::default().messages_per_second;
    limits.bytes_per_second = Limits::default().bytes_per_second;
    limits.handshake_s = 30;
    limits.half_open_per_address = 4_000;
    limits.queued = 100;
    let mut accounts = wire_accounts();
    accounts.push(account(
        "lu",
        "mat-khau-lu",
        vec!["#".into()],
        vec!["#".into()],
    ));
    let mut worker = Worker::started(limits, None, accounts);
    let mut good = Peer::connect(worker.plain, &Hello::clean("good"));
    let quiet = slowest(&mut good, 100);

    // 50,000 messages from one device as fast as the socket takes them, to a subscriber that never
    // reads.
    let flooder = |client: &'static str| Hello {
        user: "lu",
        password: "mat-khau-lu",
        client,
        ..Hello::default()
    };
    let mut deaf = Peer::connect(worker.plain, &Hello::clean("deaf"));
    assert_eq!(deaf.subscribe("flood/#", 1), 1);
    let port = worker.plain;
    let flood = std::thread::spawn(move || {
        let mut peer = Peer::connect(port, &flooder("flood"));
        for n in 0..50_000u32 {
            peer.publish(
                "flood/x",
                &n.to_be_bytes(),
                2,
                u16::try_from(n % 60_000 + 1).expect("16 bits"),
            );
        }
    });
    let flooded = slowest(&mut good, 100);
    // Connections that say nothing, and such that say one byte now and then.
    let silent: Vec<TcpStream> = (0..2_000)
        .map(|_| TcpStream::connect(("127.0.0.1", worker.plain)).expect("connects"))
        .collect();
    let half_open = slowest(&mut good, 100);
    drop(silent);
    let mut trickle = Vec::new();
    for _ in 0..10_000 {
        // Beyond the bound of strangers a connection is closed at once.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", worker.plain)) {
            let _ = stream.write_all(&[0x10]);
            trickle.push(stream);
        }
    }
    for stream in trickle.iter_mut().step_by(7) {
        let _ = stream.write_all(&[0x20]);
    }
    // The strangers hold all their places; a device that was known before goes on, a new one is
    // closed until there is room.
    let AdminReply::Clients(rows, _) = worker.ask(AdminQuery::Clients { after: None }) else {
        panic!("clients")
    };
    assert!(
        rows.iter().any(|r| r.client_id == "deaf" && r.connected),
        "the others are still there"
    );
    drop(trickle);
    let after = slowest(&mut good, 100);
    println!(
        "slowest of 100 acknowledgements: {quiet:?} quiet, {flooded:?} in a flood, {half_open:?} \
         with 2,000 half-open, {after:?} after 10,000 that trickled"
    );
    for (what, took) in [
        ("flood", flooded),
        ("half-open", half_open),
        ("trickle", after),
    ] {
        assert!(took < Duration::from_secs(2), "{what}: {took:?}");
    }
    let counters = worker.counters("the queue of the one that never reads is full", |c| {
        c.dropped > 0
    });
    let memory = worker.memory_with_program();
    assert!(memory < 120 << 20, "{} MB", memory >> 20);
    assert!(
        counters.queued <= 150,
        "{} wait for the one that never reads",
        counters.queued
    );
    worker.kill();
    let _ = flood.join();
}

#[test]
fn garbage_at_every_door_hurts_nobody_and_large_messages_pass_every_door() {
    let mut limits = wide_limits();
    limits.half_open_per_address = 4_000;
    let mut worker = Worker::started(limits, None, wire_accounts());
    let mut random = TestRng(7);
    let mut dice = || random.next_u64();
    let rounds = if std::env::var_os("CONGLANG_LONG").is_some() {
        20_000
    } else {
        800
    };
    for round in 0..rounds {
        let port = [worker.plain, worker.tls, worker.ws, worker.wss][round % 4];
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
            continue;
        };
        let mut bytes: Vec<u8> = (0..dice() % 300).map(|_| (dice() & 0xff) as u8).collect();
        match round % 3 {
            0 => bytes
                .splice(0..0, *b"\x10\x20\x00\x04MQTT\x05\xc2\x00\x3c")
                .for_each(drop),
            1 => bytes
                .splice(0..0, *b"GET /mqtt HTTP/1.1\r\nupgrade: websocket\r\n")
                .for_each(drop),
            _ => {}
        }
        let _ = stream.write_all(&bytes);
    }
    // A known client that goes mad behind its CONNECT.
    for round in 0..rounds / 4 {
        let mut mad = Peer::connect(
            worker.plain,
            &Hello {
                client: &format!("mad{}", round % 10),
                v5: round % 2 == 0,
                clean: round % 3 == 0,
                ..Hello::default()
            },
        );
        let body: Vec<u8> = (0..dice() % 60).map(|_| (dice() & 0xff) as u8).collect();
        mad.send((dice() & 0xff) as u8, &body);
        mad.send((dice() & 0xff) as u8, &body);
    }
    assert!(worker.lives(), "nothing of it ended the broker");
    let AdminReply::Refusals(all) = worker.ask(AdminQuery::Refusals { id: String::new() }) else {
        panic!("why")
    };
    assert!(!all.is_empty(), "it is remembered why");
    let mut hears = Peer::connect(worker.plain, &Hello::clean("hears"));
    assert_eq!(hears.subscribe("big/#", 2), 2);
    let mut says = Peer::connect(worker.plain, &Hello::clean("says"));
    let large: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    for n in 0..20 {
        assert_eq!(says.tell(&format!("big/{n}"), &large, false), Some(0));
        let came = hears.hear(Duration::from_secs(10)).expect("it comes");
        assert!(came.payload == large, "1 MiB, unchanged");
        hears.answer(0x40, came.id);
    }
}
