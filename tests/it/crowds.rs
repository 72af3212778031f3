//! Crowds before the doors: whoever came first, from many addresses, with half words or with
//! answers that he does not read, keeps nobody out. And ends that say nothing any more: they are
//! asked, or cut.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use conglang::keys::tls;
use conglang::protocol::broker::{AdminQuery, AdminReply, Limits, RefusalReason};
use conglang::supervisor::clock::Clock;

use crate::support::house::House;
use crate::support::peer::{Hello, Peer, packet, text};
use crate::support::worker::{Worker, many_files, wide_limits, wire_accounts};

/// A connection to a port of this machine from one of its many addresses, which has said `words`.
pub fn from(address: Ipv4Addr, port: u16, words: &[u8]) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddrV4::new(address, 0)).expect("an address of 127.0.0.0/8");
    connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).expect("connects");
    let mut stream = TcpStream::from(socket);
    let _ = stream.write_all(words);
    stream
}

/// `each` connections from each of `addresses`, which say these words in turn.
fn crowd(port: u16, addresses: u8, each: usize, words: &[&[u8]]) -> Vec<TcpStream> {
    let one = |(n, address): (usize, u8)| {
        from(
            Ipv4Addr::new(127, 7, 3, address),
            port,
            words[n % words.len()],
        )
    };
    (1..=addresses)
        .flat_map(|a| (0..each).map(move |_| a))
        .enumerate()
        .map(one)
        .collect()
}

fn hello(client: &str) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\xc2\x00\x3c".to_vec();
    for part in [client, "rong", "mat-khau-rong"] {
        text(&mut body, part);
    }
    packet(0x10, &body)
}

/// A frame of a WebSocket client, under a mask of zeros.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![
        0x82,
        0x80 | u8::try_from(payload.len()).expect("short"),
        0,
        0,
        0,
        0,
    ];
    out.extend_from_slice(payload);
    out
}

const UPGRADE: &[u8] =
    b"GET /mqtt HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
        sec-websocket-protocol: mqtt\r\n\r\n";

/// Reads the answer to a handshake, and nothing behind it.
fn read_head(stream: &mut impl Read) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(())
}

/// Says CONNECT through a stream and hears a good CONNACK; over WebSocket in frames.
fn is_let_in(mut stream: impl Read + Write, client: &str, websocket: bool) -> bool {
    let mut exchange = || -> std::io::Result<Vec<u8>> {
        if websocket {
            stream.write_all(UPGRADE)?;
            read_head(&mut stream)?;
        }
        stream.write_all(&if websocket {
            frame(&hello(client))
        } else {
            hello(client)
        })?;
        let mut answer = vec![0; if websocket { 6 } else { 4 }];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    exchange().is_ok_and(|answer| answer.ends_with(&[0x20, 2, 0, 0]))
}

/// How long a lamp needs to come in by each door.
fn comes_in(worker: &Worker, round: usize) -> Vec<(&'static str, Duration)> {
    let doors = [
        ("plain", worker.plain, false, false),
        ("TLS", worker.tls, true, false),
        ("WebSocket", worker.ws, false, true),
        ("WebSocket over TLS", worker.wss, true, true),
    ];
    let come = |(name, port, secure, websocket): (&'static str, u16, bool, bool)| {
        let began = Instant::now();
        let tcp = TcpStream::connect(("127.0.0.1", port)).expect("connects");
        tcp.set_read_timeout(Some(Duration::from_secs(5)))
            .expect("timeout");
        let client = format!("lamp-{round}-{name}");
        let good = if secure {
            let config =
                tls::client_config(&worker.ca(), None, Clock::system(0)).expect("a configuration");
            let connection =
                rustls::ClientConnection::new(config, "localhost".try_into().expect("a name"))
                    .expect("a connection");
            is_let_in(
                rustls::StreamOwned::new(connection, tcp),
                &client,
                websocket,
            )
        } else {
            is_let_in(tcp, &client, websocket)
        };
        assert!(good, "a lamp is kept out of the door {name}");
        (name, began.elapsed())
    };
    doors.into_iter().map(come).collect()
}

#[test]
fn whoever_came_first_keeps_no_lamp_out_of_any_door() {
    many_files();
    // The bounds of a house, but strangers that may stay for long.
    let limits = Limits {
        handshake_s: 60,
        ..Limits::default()
    };
    let mut worker = Worker::started(limits, None, wire_accounts());
    let mut known = Peer::connect(worker.plain, &Hello::clean("known"));
    let words: [&[u8]; 5] = [
        b"",
        b"\x10",
        b"\x10\x20\x00\x04MQTT",
        b"\x16\x03\x01\x02\x00\x01\x00",
        &UPGRADE[..60],
    ];
    let mut slowest = Duration::ZERO;
    // Few addresses with many connections, then many with few; at one door, then at all.
    for (round, (addresses, each)) in [(3, 150), (16, 40), (200, 3)].into_iter().enumerate() {
        let mut held = Vec::new();
        for port in [worker.ws, worker.plain, worker.tls, worker.wss] {
            held.extend(crowd(port, addresses, each, &words));
            for (door, took) in comes_in(&worker, round) {
                assert!(
                    took < Duration::from_secs(1),
                    "{door}: {took:?} with {addresses} addresses of {each}"
                );
                slowest = slowest.max(took);
            }
        }
        assert!(known.barrier(), "who is in does not notice");
    }
    println!("a lamp comes in within {slowest:?}");
    let AdminReply::Refusals(rows) = worker.ask(AdminQuery::Refusals { id: String::new() }) else {
        panic!("why")
    };
    assert!(
        rows.iter()
            .any(|r| r.reason == RefusalReason::PermitReclaimed),
        "{rows:?}"
    );
}

/// A page within a second, by a connection that was not there before.
fn is_shown(port: u16, path: &str) -> Duration {
    let began = Instant::now();
    let answer = crate::support::http::http(port, "GET", path, "", "");
    assert_eq!(answer.status, 200, "{answer:?}");
    began.elapsed()
}

#[test]
fn half_requests_and_unread_answers_keep_nobody_out_of_portal_and_dashboard() {
    // Whoever was kept out waited for 15 s, until the first of the crowd was tired: far more than a
    // busy machine takes.
    const SHUT: Duration = Duration::from_secs(5);
    many_files();
    let mut house = House::new("");
    house.start();
    // Answers that cost little to make: it is held places that are tried here, not the machine's
    // speed.
    let asked = "GET /generate_204 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".repeat(2);
    let words: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ",
        b"POST /sign-in HTTP/1.1\r\nhost: 127.0.0.1\r\n\
            content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\nuser=",
        b"GET /cameras/cong/live HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n\
            connection: upgrade\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        asked.as_bytes(),
    ];
    let mut held = Vec::new();
    let mut slowest = Duration::ZERO;
    for (addresses, each) in [(3, 500), (64, 20), (250, 6)] {
        for port in [house.portal, house.dashboard] {
            held.extend(crowd(port, addresses, each, &words));
            for (port, path) in [(house.portal, "/"), (house.dashboard, "/sign-in")] {
                let took = is_shown(port, path);
                assert!(
                    took < SHUT,
                    "{path}: {took:?} with {addresses} addresses of {each}"
                );
                slowest = slowest.max(took);
            }
        }
    }
    println!(
        "a page comes within {slowest:?} with {} connections held",
        held.len()
    );
    // Their slow words change nothing.
    for stream in &mut held {
        let _ = stream.write_all(b"a");
    }
    assert!(is_shown(house.portal, "/").max(is_shown(house.dashboard, "/sign-in")) < SHUT);
    assert_eq!(
        house.cli(&["status", "--json"]).0,
        0,
        "the control socket answers"
    );
}

/// What the kernel's timer of the far end of this connection waits for: 2 = keepalive.
fn timer_of(near: &TcpStream) -> u8 {
    let hex = |address: std::net::SocketAddr| match address {
        std::net::SocketAddr::V4(v4) => format!(
            "{:08X}:{:04X}",
            u32::from_ne_bytes(v4.ip().octets()),
            v4.port()
        ),
        std::net::SocketAddr::V6(_) => unreachable!("these tests speak IPv4"),
    };
    let (here, there) = (
        hex(near.local_addr().expect("address")),
        hex(near.peer_addr().expect("address")),
    );
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
    let row = table
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>())
        .find(|f| f.len() > 5 && f[1] == there && f[2] == here)
        .expect("the far end is of this machine");
    u8::from_str_radix(&row[5][..2], 16).expect("a timer")
}

#[test]
fn the_kernel_asks_silent_ends_of_every_door_whether_they_are_there() {
    let mut house = House::new("");
    house.start();
    for port in [
        house.mqtt,
        house.mqtts,
        house.ws,
        house.portal,
        house.dashboard,
    ] {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
        house.until(
            "the far end is asked now and then",
            Duration::from_secs(4),
            |_| timer_of(&stream) == 2,
        );
    }
}

#[test]
fn who_takes_nothing_is_cut_whatever_comes_for_it_and_who_takes_slowly_is_not() {
    let mut worker = Worker::started(wide_limits(), None, wire_accounts());
    let small = |stream: &TcpStream| {
        rustix::net::sockopt::set_socket_recv_buffer_size(stream, 8_192).expect("a small buffer");
    };
    // One that stops reading at the plain door, one behind frames, one that is slow.
    let subscribe = {
        let mut body = vec![0, 9];
        text(&mut body, "flood/#");
        body.push(0);
        packet(0x82, &body)
    };
    let mut plain = TcpStream::connect(("127.0.0.1", worker.plain)).expect("connects");
    small(&plain);
    plain
        .write_all(&[hello("stuck-plain"), subscribe.clone()].concat())
        .expect("said");
    let mut ws = TcpStream::connect(("127.0.0.1", worker.ws)).expect("connects");
    small(&ws);
    ws.write_all(UPGRADE).expect("said");
    read_head(&mut ws).expect("the answer to the handshake");
    ws.write_all(&[frame(&hello("stuck-ws")), frame(&subscribe)].concat())
        .expect("said");
    let mut slow = TcpStream::connect(("127.0.0.1", worker.plain)).expect("connects");
    slow.write_all(&[hello("slow"), subscribe].concat())
        .expect("said");
    let connected = |worker: &mut Worker| -> Vec<String> {
        let AdminReply::Clients(rows, _) = worker.ask(AdminQuery::Clients { after: None }) else {
            panic!("clients")
        };
        rows.into_iter()
            .filter(|r| r.connected && !r.filters.is_empty())
            .map(|r| r.client_id)
            .collect()
    };
    let until = Instant::now() + Duration::from_secs(10);
    while connected(&mut worker).len() < 3 {
        assert!(Instant::now() < until, "three hear");
    }
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = stop.clone();
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 16_384];
        while !flag.load(std::sync::atomic::Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(100));
            if slow.read(&mut buffer).unwrap_or(0) == 0 {
                return false;
            }
        }
        true
    });
    // More than sockets and queues take; then something small all the time.
    let mut says = Peer::connect(worker.plain, &Hello::clean("says"));
    for _ in 0..300 {
        says.publish("flood/x", &vec![b'z'; 60_000], 0, 0);
    }
    assert!(says.barrier());
    let began = Instant::now();
    loop {
        says.publish("flood/x", b"1", 0, 0);
        assert!(says.barrier());
        let left = connected(&mut worker);
        if left == ["slow"] {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(25),
            "still there: {left:?}"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    println!("cut after {:?}", began.elapsed());
    let AdminReply::Refusals(rows) = worker.ask(AdminQuery::Refusals { id: "rong".into() }) else {
        panic!("why")
    };
    assert!(
        rows.iter().any(|r| r.reason == RefusalReason::WriteTimeout),
        "{rows:?}"
    );
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(
        reader.join().expect("it reads"),
        "who takes a little all the time is not cut"
    );
}
