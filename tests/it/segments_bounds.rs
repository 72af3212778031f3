//! The bounds that the kernel holds for every guest: speed, connections, floods, time. And what
//! stays in force when it refuses and when a cable is gone.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conglang::protocol::netd::{
    GuestRates, GuestSession, NetdRefusal, NetdReply, NetdRequest, NetworkPlan,
};

use crate::segments::{
    CAPTIVE, MANY, ONLINE, PHONE, PHONE_2, at, done, load, plain, session, slot, uplink, usage,
    village,
};
use crate::support::segments::{BOX, HOST, PORTAL_PORT, Segments, plan, until};

/// A port of the internet's hosts that sends without end, as far as a test is concerned.
const ENDLESS_PORT: u16 = 8_444;
const ENDLESS_BYTES: usize = 2_000_000_000;

pub fn load_plan(segments: &Segments, plan: NetworkPlan, sessions: Vec<GuestSession>) -> NetdReply {
    segments.ask(&NetdRequest::Load {
        plan: Box::new(plan),
        sessions,
        open_uplinks: vec![uplink("up0")],
    })
}

fn both() -> Vec<GuestSession> {
    // More than a cable carries in the seconds of a test.
    let quota = 1_000 * MANY;
    vec![
        session(1, PHONE, 600, quota),
        session(2, PHONE_2, 600, quota),
    ]
}

/// A download that has begun.
pub fn download(segments: &Segments, place: &str, host: &str, port: u16) -> TcpStream {
    let to = at(host, port);
    let mut stream = segments.connect(place, &to).expect("reached");
    let limit = Some(Duration::from_millis(1_500));
    stream.set_read_timeout(limit).expect("timeout");
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("asked");
    let mut first = [0; 1_024];
    assert!(stream.read(&mut first).is_ok_and(|n| n > 0), "it begins");
    stream
}

/// Bytes a second of a download, measured for two seconds or 50 MB once it runs.
fn speed(stream: &mut TcpStream) -> f64 {
    let mut piece = vec![0; 16 * 1_024];
    let mut before = 0;
    while before < 200_000 {
        before += stream.read(&mut piece).expect("it runs");
    }
    let (began, mut bytes) = (Instant::now(), 0_u32);
    while began.elapsed() < Duration::from_secs(2) && bytes < 50_000_000 {
        let more = stream.read(&mut piece).expect("it runs");
        bytes += u32::try_from(more).expect("a piece");
    }
    f64::from(bytes) / began.elapsed().as_secs_f64()
}

/// Reads a download slowly, as a weak radio does, until no more comes: the time of the last byte.
fn last_byte(mut stream: TcpStream) -> Instant {
    let mut piece = vec![0; 16 * 1_024];
    let (began, mut last) = (Instant::now(), Instant::now());
    while stream.read(&mut piece).is_ok_and(|n| n > 0) {
        last = Instant::now();
        assert!(began.elapsed() < Duration::from_secs(12), "it goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
    last
}

fn endless() -> Segments {
    let segments = village();
    for host in HOST {
        let to = at(host, ENDLESS_PORT);
        segments.serve("net", &to, "200 OK", ENDLESS_BYTES);
    }
    segments
}

#[test]
fn a_device_and_the_house_have_their_speed() {
    let segments = endless();
    let mut shaped = plan();
    shaped.rates = GuestRates {
        all_kbit: Some(6_000),
        device_kbit: Some(4_000),
    };
    assert_eq!(load_plan(&segments, shaped, both()), NetdReply::Done);
    let is_near = |speed: f64, kbit: f64| (speed / (kbit * 125.0) - 1.0).abs() <= 0.25;
    for host in HOST {
        let alone = speed(&mut download(&segments, "phone", host, ENDLESS_PORT));
        assert!(is_near(alone, 4_000.0), "{host}: {alone} bytes/s");
    }
    let [one, two] = std::thread::scope(|scope| {
        ["phone", "phone2"]
            .map(|place| (download(&segments, place, HOST[0], ENDLESS_PORT), place))
            .map(|(mut stream, _)| scope.spawn(move || speed(&mut stream)))
            .map(|measured| measured.join().expect("measured"))
    });
    assert!(is_near(one + two, 6_000.0), "{one} and {two} bytes/s");
    assert!(
        one.min(two) >= 0.25 * (one + two),
        "{one} and {two} bytes/s"
    );
    // Without rates the same devices are as fast as the cable.
    assert_eq!(load_plan(&segments, plan(), both()), NetdReply::Done);
    let free = speed(&mut download(&segments, "phone", HOST[0], ENDLESS_PORT));
    assert!(free >= 5.0 * 500_000.0, "{free} bytes/s");
}

#[test]
fn a_device_with_too_many_connections_keeps_nobody_else_out() {
    let segments = village();
    let mut few = plan();
    few.limits.connections = 20;
    assert_eq!(load_plan(&segments, few, both()), NetdReply::Done);
    let open = |place: &str, host: &str| segments.connect(place, &at(host, 443));
    // Both families, the internet and the portal draw on the same number.
    let mut held: Vec<TcpStream> = (0..20)
        .map(|n| open("phone", HOST[n % 2]).unwrap_or_else(|e| panic!("connection {n}: {e:?}")))
        .collect();
    for host in HOST {
        assert!(open("phone", host).is_err(), "one more to {host}");
    }
    for host in BOX {
        let portal = segments.connect("phone", &at(host, 80));
        assert!(portal.is_err(), "one more to {host}");
    }
    for host in HOST {
        assert!(open("phone2", host).is_ok(), "the other device to {host}");
    }
    held.clear();
    until("room again", || open("phone", HOST[0]).is_ok());
}

#[test]
fn a_flood_of_questions_is_dropped_and_others_are_answered() {
    const FLOOD: usize = 5_000;
    let segments = village();
    load(&segments, Vec::new());
    // A server of names, as far as the kernel knows: it sends back what it gets.
    let names = segments.inside("box", || UdpSocket::bind("[::]:5300").expect("a port"));
    let flooded = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&flooded);
    std::thread::spawn(move || {
        let mut words = [0; 512];
        while let Ok((length, from)) = names.recv_from(&mut words) {
            if words.starts_with(b"flood") {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            let _ = names.send_to(&words[..length], from);
        }
    });
    let sockets = |place: &str| {
        let any = ["0.0.0.0:0", "[::]:0"];
        segments.inside(place, || any.map(|a| UdpSocket::bind(a).expect("a port")))
    };
    let (noisy, quiet) = (sockets("phone"), sockets("phone2"));
    let to = BOX.map(|host| at(host, 53).parse::<SocketAddr>().expect("an address"));
    let began = Instant::now();
    for round in 0..FLOOD {
        for (socket, to) in noisy.iter().zip(to) {
            // A full queue of the sender drops, too.
            let _ = socket.send_to(b"flood", to);
        }
        if round % 1_000 == 500 {
            for (socket, to) in quiet.iter().zip(to) {
                let limit = Some(Duration::from_secs(2));
                socket.set_read_timeout(limit).expect("timeout");
                socket.send_to(b"where", to).expect("sent");
                let mut answer = [0; 16];
                let got = socket.recv(&mut answer);
                assert_eq!(got.ok(), Some(5), "the other device by {to}");
            }
        }
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("short") + 1;
    // Thirty a second, and twice that at once.
    let most = 60 + 30 * seconds;
    let came = flooded.load(Ordering::SeqCst);
    assert!((30..=most).contains(&came), "{came} in {seconds} s");
}

/// The first packet of a connection from the phone to port 80 of the box.
fn first_packet(source_port: u16) -> [u8; 20] {
    let mut packet = [0; 20];
    packet[..2].copy_from_slice(&source_port.to_be_bytes());
    packet[3] = 80;
    packet[12] = 5 << 4;
    packet[13] = 2;
    packet[14] = 0x20;
    // The sum is over both addresses, the protocol and the length, too.
    let beside = [10, 7, 0, 11, 10, 7, 0, 1, 0, 6, 0, 20];
    let pairs = beside.chunks(2).chain(packet.chunks(2));
    let mut sum: u32 = pairs.map(|p| u32::from(p[0]) << 8 | u32::from(p[1])).sum();
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    let sum = !u16::try_from(sum).expect("folded");
    packet[16..18].copy_from_slice(&sum.to_be_bytes());
    packet
}

#[test]
fn half_open_connections_of_one_device_leave_the_portal_to_others() {
    let segments = village();
    // Without its cookies the kernel has nothing else against it, and the phone never says that
    // it knows of no connection.
    for (place, program) in [
        ("box", "sysctl -q -w net.ipv4.tcp_syncookies=0"),
        ("phone", "nft add table ip quiet"),
        (
            "phone",
            "nft add chain ip quiet out { type filter hook output priority 0 ; }",
        ),
        ("phone", "nft add rule ip quiet out tcp flags rst drop"),
    ] {
        let words: Vec<&str> = program.split(' ').collect();
        let (ok, text) = segments.exec(place, &words);
        assert!(ok, "{program}: {text}");
    }
    let mut bounds = plan();
    bounds.limits.portal_per_second = 5;
    bounds.limits.connections = 10_000;
    assert_eq!(load_plan(&segments, bounds, Vec::new()), NetdReply::Done);
    assert_eq!(plain(&segments, "phone", HOST[0]), CAPTIVE);
    let raw = segments.inside("phone", || {
        use rustix::net::{AddressFamily, SocketType, ipproto, socket};
        let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::TCP));
        UdpSocket::from(raw.expect("a raw socket"))
    });
    for round in 0..3 {
        for port in 0..1_000 {
            let packet = first_packet(10_000 + round * 1_000 + port);
            let _ = raw.send_to(&packet, at(BOX[0], 0));
        }
        for host in HOST {
            let page = plain(&segments, "phone2", host);
            assert_eq!(page, CAPTIVE, "the other device by {host}");
        }
    }
    let (ok, half_open) = segments.exec("box", &["ss", "-Htan", "state", "syn-recv"]);
    assert!(ok, "{half_open}");
    let count = half_open.lines().count();
    assert!((1..=60).contains(&count), "{count}");
}

#[test]
fn a_session_that_ends_on_time_ends_a_running_download() {
    let segments = endless();
    load(&segments, Vec::new());
    let began = Instant::now();
    done(
        &segments,
        &NetdRequest::Admit {
            session: session(1, PHONE, 3, 2_000_000_000),
        },
    );
    let ends = std::thread::scope(|scope| {
        HOST.map(|host| download(&segments, "phone", host, ENDLESS_PORT))
            .map(|stream| scope.spawn(move || last_byte(stream)))
            .map(|end| end.join().expect("an end"))
    });
    for end in ends {
        let after = end.duration_since(began).as_secs_f64();
        assert!((2.0..5.0).contains(&after), "{after} s");
    }
    assert_eq!(usage(&segments)[&slot(1)].seconds_left, 0);
}

#[test]
fn a_metered_uplink_ends_a_running_download() {
    let segments = endless();
    load(&segments, vec![session(1, PHONE, 600, 2_000_000_000)]);
    let running = HOST.map(|host| download(&segments, "phone", host, ENDLESS_PORT));
    let (changed, ends) = std::thread::scope(|scope| {
        let readers = running.map(|stream| scope.spawn(move || last_byte(stream)));
        let before = usage(&segments)[&slot(1)].used_bytes;
        until("they run", || {
            usage(&segments)[&slot(1)].used_bytes > before + 100_000
        });
        let uplinks = Vec::new();
        done(&segments, &NetdRequest::OpenUplinks { uplinks });
        let changed = Instant::now();
        (changed, readers.map(|end| end.join().expect("an end")))
    });
    for end in ends {
        let after = end.saturating_duration_since(changed);
        assert!(after < Duration::from_secs(2), "{after:?}");
    }
}

fn is_refused_by_the_kernel(reply: &NetdReply) -> bool {
    let NetdReply::Refused { reason, detail } = reply else {
        return false;
    };
    *reason == NetdRefusal::Kernel && !detail.is_empty()
}

#[test]
fn what_the_kernel_refuses_leaves_all_as_it_was() {
    let segments = village();
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    let is_as_it_was = || {
        for host in HOST {
            assert_eq!(plain(&segments, "phone", host), ONLINE, "{host}");
            assert_eq!(plain(&segments, "phone2", host), CAPTIVE, "{host}");
        }
        let held: Vec<_> = usage(&segments).into_keys().collect();
        assert_eq!(held, [slot(1)]);
    };
    is_as_it_was();
    // The kernel counts to 2^63: the tool takes the text, and the kernel does not.
    let endless = session(2, PHONE_2, 600, u64::MAX);
    let mut other = plan();
    other.ports.portal = PORTAL_PORT + 1;
    let reply = load_plan(&segments, other, vec![endless]);
    assert!(is_refused_by_the_kernel(&reply), "{reply:?}");
    is_as_it_was();
    let reply = segments.ask(&NetdRequest::Admit { session: endless });
    assert!(is_refused_by_the_kernel(&reply), "{reply:?}");
    is_as_it_was();
    // The helper knows what is in force, and goes on from there.
    let session = session(2, PHONE_2, 600, MANY);
    done(&segments, &NetdRequest::Admit { session });
    done(&segments, &NetdRequest::Cut { slot: slot(1) });
    assert_eq!(plain(&segments, "phone", HOST[0]), CAPTIVE);
    assert_eq!(plain(&segments, "phone2", HOST[0]), ONLINE);
}

#[test]
fn an_interface_that_vanishes_opens_nothing() {
    let segments = village();
    let mut shaped = plan();
    shaped.rates.device_kbit = Some(50_000);
    let in_session = vec![session(1, PHONE, 600, MANY)];
    let reply = load_plan(&segments, shaped.clone(), in_session.clone());
    assert_eq!(reply, NetdReply::Done);
    // The cable of the cameras, and the stick of the second uplink.
    for interface in ["dev0", "up1"] {
        segments.ip("box", &["link", "del", interface]);
    }
    let is_closed = || {
        for (from, host) in [
            ("phone", "10.8.0.20"),
            ("phone", "fd00:8::20"),
            ("staff", "10.8.0.20"),
            ("phone", "10.8.0.1"),
            ("phone", "203.0.113.2"),
        ] {
            let reached = segments.connect(from, &at(host, PORTAL_PORT));
            assert!(reached.is_err(), "{from} reaches {host}");
        }
        assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
        assert_eq!(plain(&segments, "phone2", HOST[0]), CAPTIVE);
    };
    is_closed();
    // The helper answers, and puts in force what there is, with a speed where there is a cable.
    assert_eq!(usage(&segments).len(), 1);
    shaped.rates.device_kbit = Some(40_000);
    let reply = load_plan(&segments, shaped.clone(), in_session.clone());
    assert_eq!(reply, NetdReply::Done);
    is_closed();
    let classes = |interface: &str| {
        let program = ["tc", "class", "show", "dev", interface];
        segments.exec("box", &program).1
    };
    for interface in ["guest0", "up0"] {
        let shown = classes(interface);
        assert!(shown.contains("ceil 40Mbit"), "{interface}: {shown}");
    }
    // The stick is back, and has its speed with the next plan.
    segments.ip("box", &["link", "add", "up1", "type", "bridge"]);
    assert_eq!(load_plan(&segments, shaped, in_session), NetdReply::Done);
    let shown = classes("up1");
    assert!(shown.contains("ceil 40Mbit"), "{shown}");
}
