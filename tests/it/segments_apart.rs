//! Isolation as a matrix: every place of the house against every address of every other, TCP and
//! UDP, IPv4 and IPv6, under the kernel's own rules. False sources are dropped likewise.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::segments::{MANY, PHONE, load, session, village};
use crate::support::segments::{HOST, Segments, until};

const PLACES: [&str; 6] = ["phone", "phone2", "camera", "staff", "net", "box"];
const TCP_PORTS: [u16; 6] = [22, 80, 443, 554, 1_883, 8_443];
const UDP_PORTS: [u16; 4] = [123, 554, 5_353, 9_999];
/// The addresses, and where they are; the box's by the place that is beside them.
const ADDRESSES: [(&str, &str, &str); 19] = [
    ("10.7.0.11", "phone", ""),
    ("fd00:7::11", "phone", ""),
    ("10.7.0.12", "phone2", ""),
    ("fd00:7::12", "phone2", ""),
    ("10.8.0.20", "camera", ""),
    ("fd00:8::20", "camera", ""),
    ("10.9.0.30", "staff", ""),
    ("fd00:9::30", "staff", ""),
    (HOST[0], "net", ""),
    (HOST[1], "net", ""),
    ("10.7.0.1", "box", "phone"),
    ("fd00:7::1", "box", "phone"),
    ("10.8.0.1", "box", "camera"),
    ("fd00:8::1", "box", "camera"),
    ("10.9.0.1", "box", "staff"),
    ("fd00:9::1", "box", "staff"),
    ("203.0.113.2", "box", "net"),
    ("203.0.113.6", "box", "net"),
    ("2001:db8:1::2", "box", "net"),
];

/// What was received over UDP: where, and the words.
type Received = Arc<Mutex<BTreeSet<(&'static str, String)>>>;

fn address(host: &str, port: u16) -> SocketAddr {
    let host: IpAddr = host.parse().expect("an address");
    SocketAddr::new(host, port)
}

/// Whether a connection comes about. Port 80 of the box is the portal by whatever address of the
/// box it is called, and of a stranger without a session every port 80 is.
fn may_connect(from: &str, to: (&str, &str, &str), port: u16, in_session: bool) -> bool {
    let (_, place, beside) = to;
    match (from, place) {
        _ if from == place => true,
        ("box", "phone" | "phone2") => false,
        ("box", _) | ("staff", "net") => true,
        ("phone", "net") => in_session || port == 80,
        ("phone2", "net") | ("phone" | "phone2", "box") => port == 80,
        ("staff", "box") => port == 80 || beside == from && [22, 8_443].contains(&port),
        ("camera", "box") => beside == from && port == 1_883,
        _ => false,
    }
}

/// Whether a datagram arrives.
fn may_send(from: &str, to: (&str, &str, &str), port: u16, in_session: bool) -> bool {
    let (_, place, beside) = to;
    match (from, place) {
        _ if from == place => true,
        ("box", _) | ("staff", "net") => true,
        ("phone", "net") => in_session,
        ("staff" | "camera", "box") => beside == from && port == 123,
        _ => false,
    }
}

/// The connections from a place that came about, all tried at once.
fn connected(segments: &Segments, from: &str) -> BTreeSet<(SocketAddr, bool)> {
    let limit = Duration::from_millis(1_500);
    segments.inside(from, || {
        std::thread::scope(|scope| {
            let targets = ADDRESSES.iter().flat_map(|(host, ..)| {
                let ports = TCP_PORTS.iter();
                ports.map(|port| address(host, *port))
            });
            // A thread is born in the namespace of the one that makes it.
            let tries: Vec<_> = targets
                .map(|to| scope.spawn(move || (to, TcpStream::connect_timeout(&to, limit).is_ok())))
                .collect();
            let tries = tries.into_iter();
            tries.map(|t| t.join().expect("an end")).collect()
        })
    })
}

fn listen_udp(segments: &Segments, received: &Received) {
    for place in PLACES {
        for port in UDP_PORTS {
            let socket = segments.inside(place, || UdpSocket::bind(("::", port)).expect("a port"));
            let received = Arc::clone(received);
            std::thread::spawn(move || {
                let mut words = [0; 128];
                while let Ok((length, _)) = socket.recv_from(&mut words) {
                    let words = String::from_utf8_lossy(&words[..length]).into_owned();
                    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
                    received.insert((place, words));
                }
            });
        }
    }
}

fn words(from: &str, to: SocketAddr) -> String {
    format!("{from} to {to}")
}

/// One datagram from a place to each address and port.
fn send_udp(segments: &Segments, from: &str) {
    segments.inside(from, || {
        let v4 = UdpSocket::bind("0.0.0.0:0").expect("a port");
        let v6 = UdpSocket::bind("[::]:0").expect("a port");
        for (host, ..) in ADDRESSES {
            for port in UDP_PORTS {
                let to = address(host, port);
                let socket = if to.is_ipv4() { &v4 } else { &v6 };
                // Where there is no way, nothing arrives either.
                let _ = socket.send_to(words(from, to).as_bytes(), to);
            }
        }
    });
}

/// Everybody's attempts, with ways that nobody gave them: the neighbour by the box, and from the
/// internet inwards.
fn roads(segments: &Segments) {
    for (place, to, via) in [
        ("phone", "10.7.0.12/32", "10.7.0.1"),
        ("phone", "fd00:7::12/128", "fd00:7::1"),
        ("net", "10.0.0.0/8", "203.0.113.2"),
        ("net", "fd00::/8", "2001:db8:1::2"),
    ] {
        let family = if to.contains(':') { "-6" } else { "-4" };
        segments.ip(place, &[family, "route", "add", to, "via", via]);
    }
}

#[test]
fn nobody_reaches_another_segment_by_any_address_or_family() {
    let segments = village();
    roads(&segments);
    for place in PLACES {
        for port in TCP_PORTS {
            // The internet's hosts serve these two already.
            if place != "net" || ![80, 443].contains(&port) {
                segments.serve(place, &format!("[::]:{port}"), "200 OK", 0);
            }
        }
    }
    let received = Received::default();
    listen_udp(&segments, &received);
    for in_session in [false, true] {
        let sessions = if in_session {
            vec![session(1, PHONE, 600, MANY)]
        } else {
            Vec::new()
        };
        load(&segments, sessions);
        for from in PLACES {
            let mut expected = BTreeSet::new();
            for to in ADDRESSES {
                for port in TCP_PORTS {
                    let may = may_connect(from, to, port, in_session);
                    expected.insert((address(to.0, port), may));
                }
            }
            let differences: Vec<_> = connected(&segments, from)
                .difference(&expected)
                .copied()
                .collect();
            assert!(differences.is_empty(), "{from}: {differences:?}");
        }
        let mut expected = BTreeSet::new();
        for from in PLACES {
            for to in ADDRESSES {
                for port in UDP_PORTS {
                    if may_send(from, to, port, in_session) {
                        expected.insert((to.1, words(from, address(to.0, port))));
                    }
                }
            }
        }
        until("the datagrams that may arrive", || {
            for from in PLACES {
                send_udp(&segments, from);
            }
            let received = received.lock().unwrap_or_else(PoisonError::into_inner);
            received.is_superset(&expected)
        });
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        let more: Vec<_> = received.difference(&expected).collect();
        assert!(more.is_empty(), "{more:?}");
        received.clear();
    }
}

#[test]
fn a_false_source_is_dropped_in_both_families() {
    let segments = village();
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    let received = Received::default();
    listen_udp(&segments, &received);
    // Of the staff, and of nobody in the house.
    let false_sources = [
        ("10.9.0.77", HOST[0]),
        ("198.51.100.9", HOST[0]),
        ("fd00:9::77", HOST[1]),
        ("2001:db8:77::9", HOST[1]),
    ];
    for (source, _) in false_sources {
        let bits = if source.contains(':') { 128 } else { 32 };
        segments.address("phone", "wlan0", &[&format!("{source}/{bits}")]);
    }
    let true_sources = [("10.7.0.11", HOST[0]), ("fd00:7::11", HOST[1])];
    let send = |source: &str, host: &str| {
        segments.inside("phone", || {
            let socket = UdpSocket::bind(address(source, 0)).expect("a port");
            let sent = socket.send_to(source.as_bytes(), address(host, 9_999));
            sent.expect("sent");
        });
    };
    until("the true sources", || {
        for (source, host) in false_sources.iter().chain(&true_sources) {
            send(source, host);
        }
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = |source: &str| received.contains(&("net", source.to_owned()));
        true_sources.iter().all(|(source, _)| is_there(source))
    });
    let received = received.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(received.len(), 2, "{received:?}");
}
