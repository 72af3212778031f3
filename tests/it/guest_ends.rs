//! How the time of a visitor ends, in the whole of it: the running download, the open connection,
//! the second tap, the phone that leaves and comes back under the same or another address.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use conglang::domain::calendar::minute_of_day;
use conglang::supervisor::clock::Clock;
use serde_json::json;

use crate::support::guest_village::{GuestVillage, ONLINE, at};
use crate::support::segments::{BOX, HOST, until};

/// Where a host of the internet says back each line that it hears.
const ECHO_PORT: u16 = 7_777;
/// So slow, 64 kB/s, that a download lasts.
const SLOW_KBIT: u32 = 512;
const CAPTIVE_WORDS: &str = "Bấm để vào mạng";
const IN_WORDS: &str = "Máy này đang trong mạng";

fn village() -> GuestVillage {
    let village = GuestVillage::start("");
    village.set_rules(&json!({}));
    for host in HOST {
        let address = at(host, ECHO_PORT);
        let bind = || TcpListener::bind(address).expect("a port");
        let listener = village.segments.inside("net", bind);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || say_back(stream));
            }
        });
    }
    village
}

fn say_back(mut stream: TcpStream) {
    let mut heard = [0; 64];
    while let Ok(n @ 1..) = stream.read(&mut heard) {
        if stream.write_all(&heard[..n]).is_err() {
            return;
        }
    }
}

/// Connections of a phone to the internet, over both families, that stay open.
fn kept_open(village: &GuestVillage, place: &str) -> [TcpStream; 2] {
    HOST.map(|host| {
        let connected = village.segments.connect(place, &at(host, ECHO_PORT));
        let stream = connected.expect("in");
        let limit = Some(Duration::from_secs(2));
        stream.set_read_timeout(limit).expect("timeout");
        stream
    })
}

/// Whether a word that is sent over an open connection comes back.
fn is_heard(mut stream: &TcpStream) -> bool {
    let mut heard = [0; 4];
    let sent = stream.write_all(b"here");
    sent.is_ok() && stream.read_exact(&mut heard).is_ok() && heard == *b"here"
}

/// Reads a download until nothing more comes for a while; when the last byte came.
fn last_byte(mut download: TcpStream) -> Instant {
    let limit = Some(Duration::from_secs(4));
    download.set_read_timeout(limit).expect("timeout");
    let (mut last, mut piece) = (Instant::now(), vec![0; 64 * 1_024]);
    while download.read(&mut piece).is_ok_and(|n| n > 0) {
        last = Instant::now();
    }
    last
}

/// Seconds that the device has left, as it was counted now.
fn seconds_left(village: &GuestVillage) -> u64 {
    let page = village.page("phone");
    assert!(page.contains(IN_WORDS), "{page}");
    let devices = village.devices_in();
    let [device] = &devices[..] else {
        panic!("one device is in: {devices:?}");
    };
    device["seconds_left"].as_u64().expect("a number")
}

/// Waits for the end of a session whose download runs; the end of the download.
fn ends_with(village: &GuestVillage, most: Duration) -> Instant {
    let download = village.download();
    let open = kept_open(village, "phone");
    assert!(open.iter().all(is_heard));
    let began = Instant::now();
    let last = last_byte(download);
    assert!(began.elapsed() < most, "{:?}", began.elapsed());
    assert!(!open.iter().any(is_heard), "an open connection ends, too");
    assert!(!village.is_online("phone"));
    last
}

#[test]
fn closing_time_ends_a_running_download() {
    let village = village();
    let now = Clock::system(0).wall_ms();
    // The next minute but one that begins: at least a minute from now, at most two.
    let closes = (minute_of_day(now) + 2) % 1_440;
    let opens = (closes + 1_437) % 1_440;
    let hours = json!({ "from": opens, "until": closes });
    village.set_rules(&json!({ "hours": hours, "device_kbit": SLOW_KBIT }));
    village.enter("phone", 4);
    let left = seconds_left(&village);
    assert!((1..=120).contains(&left), "{left}");
    let due = Instant::now() + Duration::from_secs(left);
    let last = ends_with(&village, Duration::from_secs(130));
    let late = last.saturating_duration_since(due);
    let early = due.saturating_duration_since(last);
    assert!(late < Duration::from_secs(3) && early < Duration::from_secs(5));
    let page = village.tap("phone", 4).body;
    assert!(page.contains("Wifi đã đóng, "), "{page}");
    assert!(!village.is_online("phone"));
    assert_eq!(village.devices_in(), [] as [serde_json::Value; 0]);
}

/// The shortest session of the rules has five minutes.
#[test]
fn the_length_of_a_session_ends_a_running_download_and_a_tap_begins_another() {
    if std::env::var_os("CONGLANG_LONG").is_none() {
        return;
    }
    let village = village();
    village.set_rules(&json!({ "session_minutes": 5, "device_kbit": SLOW_KBIT }));
    let began = Instant::now();
    village.enter("phone", 4);
    let last = ends_with(&village, Duration::from_secs(310));
    let lasted = last.duration_since(began).as_secs_f64();
    assert!((295.0..304.0).contains(&lasted), "{lasted} s");
    assert!(village.page("phone").contains(CAPTIVE_WORDS));
    village.enter("phone", 4);
    assert!(village.is_online("phone") && seconds_left(&village) > 295);
    // Its row is written with the next count.
    let most = Duration::from_secs(20);
    village.house.until("a row", most, |house| {
        let ended = house.cli(&["guest", "sessions", "--json"]).1;
        let ended: serde_json::Value = serde_json::from_str(&ended).expect("JSON");
        ended["sessions"].as_array().map(Vec::len) == Some(1)
    });
}

#[test]
fn a_second_tap_and_coming_back_make_no_session_longer() {
    let village = village();
    village.set_rules(&json!({ "session_minutes": 5 }));
    village.enter("phone", 4);
    until("time goes by", || seconds_left(&village) <= 293);
    for family in [4, 6, 4] {
        let page = village.tap("phone", family).body;
        assert!(page.contains("Còn "), "{page}");
        let left = seconds_left(&village);
        assert!(left <= 293, "a tap over IPv{family}: {left} s");
    }
    // It leaves the wifi and joins it again.
    village
        .segments
        .ip("phone", &["link", "set", "wlan0", "down"]);
    village
        .segments
        .ip("phone", &["link", "set", "wlan0", "up"]);
    let by_the_box = ["route", "replace", "default", "via", BOX[0]];
    village.segments.ip("phone", &by_the_box);
    until("it is back", || village.page("phone").contains(IN_WORDS));
    village.tap("phone", 4);
    let left = seconds_left(&village);
    assert!(left <= 293, "after coming back: {left} s");
    assert!(village.is_online("phone"));
    // A device that a person put out begins anew.
    let id = village.devices_in()[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(village.house.cli(&["guest", "cut", &id]).0, 0);
    village.enter("phone", 4);
    assert!(seconds_left(&village) >= 297);
}

#[test]
fn a_connection_that_is_older_than_the_session_or_than_its_end_gets_nothing() {
    let village = village();
    // Opened before the tap: it leads to the portal, and stays there.
    let older = HOST.map(|host| {
        village
            .segments
            .connect("phone", &at(host, 80))
            .expect("portal")
    });
    for port in [443, ECHO_PORT] {
        for host in HOST {
            let refused = village.segments.connect("phone", &at(host, port));
            let kind = refused.err();
            assert_eq!(kind, Some(ErrorKind::ConnectionRefused), "{host} {port}");
        }
    }
    village.enter("phone", 4);
    for mut stream in older {
        let limit = Some(Duration::from_secs(5));
        stream.set_read_timeout(limit).expect("timeout");
        let request = b"GET /generate_204 HTTP/1.1\r\nhost: example.com\r\n\r\n";
        stream.write_all(request).expect("sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("Máy này đã vào mạng"), "{answer}");
    }
    let fresh = village.visit("phone", 4, "example.com", "/generate_204");
    assert_eq!(fresh.map(|a| a.status), Some(ONLINE));
    // Opened while it was in: nothing comes after the cut, whatever is sent.
    let open = kept_open(&village, "phone");
    assert!(open.iter().all(is_heard));
    let id = village.devices_in()[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(village.house.cli(&["guest", "cut", &id]).0, 0);
    assert!(!open.iter().any(is_heard));
    assert!(village.page("phone").contains(CAPTIVE_WORDS));
}

#[test]
fn another_hardware_address_is_another_visitor_and_the_first_has_what_was_left() {
    let village = village();
    village.set_rules(&json!({ "session_minutes": 5 }));
    village.enter("phone", 4);
    until("time goes by", || seconds_left(&village) <= 297);
    let open = kept_open(&village, "phone");
    assert!(open.iter().all(is_heard));
    // Another hardware address gets another address of its own: DHCP gives one to each.
    let becomes = |mac: &str, own: &str| {
        let segments = &village.segments;
        segments.ip("phone", &["link", "set", "wlan0", "address", mac]);
        let whole = format!("{own}/22");
        segments.ip("phone", &["addr", "replace", &whole, "dev", "wlan0"]);
        let near = [
            "route",
            "replace",
            "10.7.0.0/22",
            "dev",
            "wlan0",
            "src",
            own,
        ];
        segments.ip("phone", &near);
        let far = ["route", "replace", "default", "via", BOX[0], "src", own];
        segments.ip("phone", &far);
        // As a phone that joins does, it makes itself known.
        let forget = ["neigh", "flush", "dev", "guest0"];
        village.segments.ip("box", &forget);
    };
    becomes("02:00:00:00:07:99", "10.7.0.99");
    until("it is a stranger", || {
        village.page("phone").contains(CAPTIVE_WORDS)
    });
    assert!(!village.is_online("phone"));
    assert!(
        !open.iter().any(is_heard),
        "open connections are not inherited"
    );
    village.enter("phone", 4);
    assert!(village.is_online("phone"));
    assert_eq!(village.devices_in().len(), 2);
    becomes("02:00:00:00:07:11", "10.7.0.11");
    until("it is itself again", || {
        let page = village.page("phone");
        page.contains(IN_WORDS) && village.is_online("phone")
    });
    village.tap("phone", 4);
    let devices = village.devices_in();
    let left = |n: usize| devices[n]["seconds_left"].as_u64().expect("a number");
    // The longest is first.
    assert!(devices.len() == 2 && left(0) <= 297, "{devices:?}");
}

#[test]
fn whoever_takes_the_address_of_a_visitor_has_to_tap_and_is_counted_apart() {
    let village = village();
    village.enter("phone", 4);
    assert!(village.is_online("phone"));
    let phone2 = |args: &[&str]| village.segments.ip("phone2", args);
    phone2(&["addr", "flush", "dev", "wlan0", "scope", "global"]);
    village
        .segments
        .address("phone2", "wlan0", &["10.7.0.11/22"]);
    phone2(&["route", "replace", "default", "via", BOX[0]]);
    until("the second phone is met", || {
        phone2(&["neigh", "flush", "dev", "wlan0"]);
        let answer = village.get("phone2", &at(HOST[0], 80), "example.com", "/");
        assert_ne!(answer.as_ref().map(|a| a.status), Some(ONLINE));
        answer.is_some_and(|a| a.status == 302) && village.page("phone2").contains(CAPTIVE_WORDS)
    });
    let before = village.devices_in();
    assert_eq!(before.len(), 1);
    village.enter("phone2", 4);
    let after = village.devices_in();
    assert_eq!(after.len(), 2, "a session of its own: {after:?}");
    let ids: Vec<&serde_json::Value> = after.iter().map(|d| &d["id"]).collect();
    assert!(ids.contains(&&before[0]["id"]) && ids[0] != ids[1]);
}
