//! The kernel's rules and the helper against those who try them: addresses that are made up, doors
//! beside the garden's, a connection that holds the helper, a configuration that cannot be read.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use conglang::protocol::netd::{NetdReply, NetdRequest};
use serde_json::json;

use crate::segments::{CAPTIVE, MANY, ONLINE, PHONE, at, done, load, plain, session, village};
use crate::segments_bounds::{download, load_plan};
use crate::support::segments::{BOX, GARDEN_HOST, HOST, Segments, plan, until};

/// Devices that the kernel counts before their tap.
const MAX_CAPTIVE: usize = 1_024;

/// Fills a set of bounds as somebody does who sends from one made-up address after the other.
fn fill(segments: &Segments, set: &str) {
    let mut elements = Vec::new();
    for n in 0..MAX_CAPTIVE {
        elements.push(format!(
            "02:00:00:66:{:02x}:{:02x} limit rate 30/second burst 60 packets timeout 600s",
            n / 256,
            n % 256
        ));
    }
    // Somebody is in it already: each alone, so that those for whom there is no room fail alone.
    let mut script = String::new();
    for element in &elements {
        let _ = writeln!(script, "add element inet conglang {set} {{ {element} }}");
    }
    let path = segments.socket().with_extension(set);
    for lines in script.lines().collect::<Vec<_>>().chunks(64) {
        std::fs::write(&path, lines.join("\n")).expect("written");
        let file = path.display().to_string();
        if !segments.exec("box", &["nft", "-f", &file]).0 {
            for line in lines {
                std::fs::write(&path, line).expect("written");
                let _ = segments.exec("box", &["nft", "-f", &file]);
            }
        }
    }
    let (_, shown) = segments.exec("box", &["nft", "list", "set", "inet", "conglang", set]);
    let count = shown.matches("limit rate").count();
    assert_eq!(count, MAX_CAPTIVE, "the set is full");
}

/// A server of names, as far as the kernel knows: it sends back what it gets.
fn serve_names(segments: &Segments) {
    let names = segments.inside("box", || UdpSocket::bind("[::]:5300").expect("a port"));
    std::thread::spawn(move || {
        let mut words = [0; 512];
        while let Ok((length, from)) = names.recv_from(&mut words) {
            let _ = names.send_to(&words[..length], from);
        }
    });
}

/// Whether a question for a name is answered, over one of the families.
fn is_answered(segments: &Segments, place: &str, host: &str) -> bool {
    segments.inside(place, || {
        let any = if host.contains(':') {
            "[::]:0"
        } else {
            "0.0.0.0:0"
        };
        let socket = UdpSocket::bind(any).expect("a port");
        let wait = Some(Duration::from_millis(400));
        socket.set_read_timeout(wait).expect("timeout");
        socket.send_to(b"where", at(host, 53)).expect("sent");
        socket.recv(&mut [0; 16]).is_ok()
    })
}

#[test]
fn made_up_addresses_keep_out_newcomers_and_nobody_who_is_there() {
    let segments = village();
    serve_names(&segments);
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    // The second phone has not tapped, and is counted before the crowd comes.
    for host in BOX {
        until("an answer", || is_answered(&segments, "phone2", host));
    }
    assert_eq!(plain(&segments, "phone2", HOST[0]), CAPTIVE);
    for set in ["captive_questions", "captive_visits"] {
        fill(&segments, set);
    }
    for host in BOX {
        until("an answer", || is_answered(&segments, "phone2", host));
        assert!(is_answered(&segments, "phone", host), "in session, {host}");
    }
    for host in HOST {
        assert_eq!(plain(&segments, "phone2", host), CAPTIVE, "{host}");
        assert_eq!(plain(&segments, "phone", host), ONLINE, "{host}");
    }
    for host in BOX {
        assert_eq!(
            plain(&segments, "phone", host),
            CAPTIVE,
            "the portal, {host}"
        );
    }
    // One address more is nobody's, for as long as the sets are full.
    let other = ["link", "set", "wlan0", "address", "02:00:00:00:07:99"];
    segments.ip("phone2", &other);
    segments.ip(
        "phone2",
        &["route", "replace", "default", "via", "10.7.0.1"],
    );
    for set in ["captive_questions", "captive_visits"] {
        // Its own row is gone after ten seconds.
        let row = ["{", "02:00:00:00:07:12", "}"];
        let delete = ["nft", "delete", "element", "inet", "conglang", set];
        segments.exec("box", &[&delete[..], &row[..]].concat());
        fill(&segments, set);
    }
    assert!(!is_answered(&segments, "phone2", BOX[0]));
    assert_eq!(plain(&segments, "phone2", HOST[0]), "TimedOut");
    assert!(is_answered(&segments, "phone", BOX[0]));
}

/// Reads so many bytes of a download.
fn read_some(stream: &mut TcpStream, most: u32) -> u32 {
    let mut piece = vec![0; 16 * 1_024];
    let mut bytes = 0;
    while bytes < most {
        let more = stream.read(&mut piece).expect("it runs");
        bytes += u32::try_from(more).expect("a piece");
    }
    bytes
}

#[test]
fn without_a_tap_the_garden_has_the_doors_of_pages_and_one_speed_for_all() {
    let segments = village();
    let other_port = 8_444;
    for host in GARDEN_HOST {
        segments.serve("net", &at(host, other_port), "200 OK", 100);
    }
    let addresses = GARDEN_HOST.map(|h| (h.parse().expect("an address"), 60));
    let mut shaped = plan();
    shaped.rates.device_kbit = Some(4_000);
    let sessions = vec![session(1, PHONE, 600, MANY)];
    assert_eq!(
        load_plan(&segments, shaped.clone(), sessions),
        NetdReply::Done
    );
    let open = NetdRequest::Garden {
        addresses: addresses.to_vec(),
    };
    done(&segments, &open);
    for host in GARDEN_HOST {
        assert_eq!(plain(&segments, "phone2", host), ONLINE, "{host}");
        let other = at(host, other_port);
        let refused = segments.connect("phone2", &other).map(drop);
        assert_eq!(refused, Err(ErrorKind::ConnectionRefused), "{host}");
        assert!(segments.connect("phone", &other).is_ok(), "it is counted");
    }
    let received = segments.inside("net", || {
        [443, 444].map(|port| UdpSocket::bind(("::", port)).expect("a port"))
    });
    segments.inside("phone2", || {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a port");
        for port in [444, 443] {
            let to = at(GARDEN_HOST[0], port);
            let _ = socket.send_to(b"x", to);
        }
    });
    let wait = Some(Duration::from_secs(3));
    received[0].set_read_timeout(wait).expect("timeout");
    assert!(received[0].recv(&mut [0; 8]).is_ok(), "QUIC");
    received[1].set_nonblocking(true).expect("set");
    assert!(received[1].recv(&mut [0; 8]).is_err(), "no other port");
    // Both phones without a session have together what one device has; where no device is limited,
    // what is made out for them all.
    // Packets that are dropped instead of waiting cost a download some of its speed.
    for (rates, kbit, most, bounds) in [
        (shaped, 4_000.0, 750_000, 0.6..1.3),
        (plan(), 5_000.0, 1_500_000, 0.15..1.8),
    ] {
        assert_eq!(load_plan(&segments, rates, Vec::new()), NetdReply::Done);
        done(&segments, &open);
        let part = both_in_the_garden(&segments, most) / (kbit * 125.0);
        assert!(bounds.contains(&part), "{part} of {kbit} kbit/s");
    }
}

/// Bytes a second that both phones together get from the garden, `most` bytes each.
fn both_in_the_garden(segments: &Segments, most: u32) -> f64 {
    let began = Instant::now();
    let bytes: u32 = std::thread::scope(|scope| {
        ["phone", "phone2"]
            .map(|place| download(segments, place, GARDEN_HOST[0], 443))
            .map(|mut stream| scope.spawn(move || read_some(&mut stream, most)))
            .map(|read| read.join().expect("read"))
            .iter()
            .sum()
    });
    f64::from(bytes) / began.elapsed().as_secs_f64()
}

#[test]
fn a_network_of_the_house_is_closed_whatever_its_addresses_and_the_routes_are() {
    let segments = village();
    // Lamps with addresses of the internet, and their cable is unplugged: the kernel has no route
    // to them but the internet's.
    let lamps = ["11.22.44.20", "2a00:1450:44::20"];
    segments.address("net", "lo", &["11.22.44.20/32", "2a00:1450:44::20/128"]);
    for lamp in lamps {
        segments.serve("net", &at(lamp, 443), "200 OK", 100);
    }
    let mut odd = plan();
    odd.device = serde_json::from_value(json!({
        "interface": "dev0", "v4": "11.22.44.1/24", "v6": "2a00:1450:44::1/64"
    }))
    .ok();
    let sessions = vec![session(1, PHONE, 600, MANY)];
    assert_eq!(load_plan(&segments, odd, sessions), NetdReply::Done);
    let addresses = lamps.map(|h| (h.parse().expect("an address"), 60)).to_vec();
    done(&segments, &NetdRequest::Garden { addresses });
    for lamp in lamps {
        for place in ["phone", "phone2", "staff"] {
            let reached = segments.connect(place, &at(lamp, 443));
            assert!(reached.is_err(), "{place} reaches {lamp}");
        }
    }
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
}

#[test]
fn the_newest_connection_is_the_one_that_is_answered() {
    let segments = village();
    let mode = std::fs::metadata(segments.socket()).expect("a socket");
    assert_eq!(mode.permissions().mode() & 0o777, 0o660);
    // Somebody with the right of the gateway holds a connection and says half a line.
    let mut idle = UnixStream::connect(segments.socket()).expect("the helper");
    idle.write_all(br#"{"do":"#).expect("written");
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
    let wait = Some(Duration::from_secs(10));
    idle.set_read_timeout(wait).expect("timeout");
    let ended = idle.read(&mut [0; 8]);
    assert!(
        matches!(&ended, Ok(0)) || ended.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset)
    );
}

/// Starts a helper on the rules of a configuration that is no good, and waits for its end.
fn fails_with(segments: &Segments, configuration: &str) {
    let path = segments.socket().with_extension("toml");
    std::fs::write(&path, configuration).expect("written");
    let status = Command::new("ip")
        .args(["netns", "exec", &segments.name("box")])
        .arg(env!("CARGO_BIN_EXE_conglang"))
        .args(["netd", "--gateway-user", "65534", "--socket"])
        .arg(segments.socket())
        .args(["--base", "--config"])
        .arg(&path)
        .stdin(Stdio::null())
        .status();
    assert_eq!(status.expect("it runs").code(), Some(78), "{configuration}");
}

#[test]
fn without_a_configuration_that_can_be_read_nothing_is_forwarded() {
    let mut segments = village();
    segments.kill_helper();
    // Somebody switched forwarding on, and answers find their way back.
    segments.ip("net", &["route", "add", "10.0.0.0/8", "via", "203.0.113.2"]);
    let reaches = |from: &str, to: &str| segments.connect(from, to).is_ok();
    let (host, camera) = (at(HOST[0], 443), at("10.8.0.20", 554));
    segments.serve("camera", &camera, "200 OK", 10);
    assert!(
        reaches("phone", &host) && reaches("phone", &camera),
        "an open box"
    );
    let village = "[village]\nid = \"a\"\nname = \"A\"\ncommune = \"B\"\n";
    for broken in ["[network\n", village, "[network]\nguest = 5\n"] {
        fails_with(&segments, broken);
        assert!(!reaches("phone", &host), "{broken}");
        assert!(
            !reaches("phone", &camera) && !reaches("net", &camera),
            "{broken}"
        );
        let delete = ["nft", "delete", "table", "inet", "conglang"];
        assert!(segments.exec("box", &delete).0, "{broken}");
    }
    // Rules that are in force go on as they are.
    segments.start_helper();
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    segments.kill_helper();
    let rules = ["nft", "list", "chain", "inet", "conglang", "guest_out"];
    let before = segments.exec("box", &rules);
    fails_with(&segments, "[network\n");
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
    assert_eq!(segments.exec("box", &rules), before);
}
