//! The segments of the house in real namespaces, with the real helper and the kernel's own rules:
//! who reaches whom, before a session, in it, and after it ended.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use conglang::protocol::netd::{
    GuestRates, GuestSession, InterfaceName, NetdRefusal, NetdReply, NetdRequest, NetworkPlan,
    SlotId, SlotUsage,
};

use crate::support::segments::{
    BOX, GARDEN_HOST, HOST, PORTAL_PORT, Segments, plan, read_answer, until,
};

pub const PHONE: &str = "02:00:00:00:07:11";
pub const PHONE_2: &str = "02:00:00:00:07:12";
pub const MANY: u64 = 1_000_000_000;

pub fn slot(number: u16) -> SlotId {
    SlotId::new(number).expect("a slot")
}

pub fn session(number: u16, mac: &str, seconds: u32, quota_bytes: u64) -> GuestSession {
    GuestSession {
        slot: slot(number),
        mac: mac.parse().expect("an address"),
        seconds,
        quota_bytes,
        used_bytes: 0,
    }
}

pub fn uplink(name: &str) -> InterfaceName {
    InterfaceName::new(name).expect("a name")
}

/// With these sessions, over the first uplink.
pub fn load(segments: &Segments, sessions: Vec<GuestSession>) {
    let request = NetdRequest::Load {
        plan: Box::new(plan()),
        sessions,
        open_uplinks: vec![uplink("up0")],
    };
    assert_eq!(segments.ask(&request), NetdReply::Done);
}

pub fn done(segments: &Segments, request: &NetdRequest) {
    assert_eq!(segments.ask(request), NetdReply::Done, "{request:?}");
}

pub fn usage(segments: &Segments) -> BTreeMap<SlotId, SlotUsage> {
    match segments.ask(&NetdRequest::Usage) {
        NetdReply::Usage { slots } => slots.into_iter().map(|s| (s.slot, s)).collect(),
        other => panic!("{other:?}"),
    }
}

pub fn at(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// A network with an internet of two hosts, and something that answers where the portal listens.
pub fn village() -> Segments {
    let segments = Segments::new();
    for host in HOST.iter().chain(&GARDEN_HOST) {
        segments.serve("net", &at(host, 80), "204 No Content", 0);
        segments.serve("net", &at(host, 443), "200 OK", 12_000_000);
    }
    for any in ["0.0.0.0", "[::]"] {
        let address = format!("{any}:{PORTAL_PORT}");
        if any == "[::]" {
            segments.serve("box", &address, "302 Found", 0);
        }
    }
    segments
}

/// The first line of what port 80 of a host answers.
pub fn plain(segments: &Segments, place: &str, host: &str) -> String {
    match segments.get(place, &at(host, 80)) {
        Ok((line, _)) => line,
        Err(kind) => format!("{kind:?}"),
    }
}

/// Whether a TLS port of a host is reached: `Ok`, or how it was refused.
fn tls(segments: &Segments, place: &str, host: &str) -> Result<(), ErrorKind> {
    segments.connect(place, &at(host, 443)).map(drop)
}

pub const CAPTIVE: &str = "HTTP/1.1 302 Found";
pub const ONLINE: &str = "HTTP/1.1 204 No Content";

#[test]
fn a_guest_sees_the_portal_then_the_internet_then_the_portal_again() {
    let segments = village();
    load(&segments, Vec::new());
    let is_captive = |place: &str| {
        for host in HOST {
            assert_eq!(plain(&segments, place, host), CAPTIVE, "{place} {host}");
            let refused = tls(&segments, place, host);
            assert_eq!(refused, Err(ErrorKind::ConnectionRefused), "{place} {host}");
        }
    };
    is_captive("phone");
    done(
        &segments,
        &NetdRequest::Admit {
            session: session(1, PHONE, 600, MANY),
        },
    );
    for host in HOST {
        assert_eq!(plain(&segments, "phone", host), ONLINE, "{host}");
        assert_eq!(tls(&segments, "phone", host), Ok(()), "{host}");
    }
    is_captive("phone2");
    done(&segments, &NetdRequest::Cut { slot: slot(1) });
    is_captive("phone");
}

#[test]
fn a_used_up_quota_and_a_cut_end_a_running_download() {
    let segments = village();
    load(&segments, vec![session(1, PHONE, 600, 5_000_000)]);
    let (_, bytes) = segments.get("phone", &at(HOST[0], 443)).expect("begins");
    assert!((4_000_000..5_000_000).contains(&bytes), "{bytes}");
    assert_eq!(plain(&segments, "phone", HOST[0]), CAPTIVE);
    let used = usage(&segments)[&slot(1)].used_bytes;
    assert!((4_900_000..5_300_000).contains(&used), "{used}");

    // The day's rest does not come back when the device is let in again with what it used.
    let again = GuestSession {
        used_bytes: used,
        ..session(1, PHONE, 600, 5_000_000)
    };
    done(&segments, &NetdRequest::Admit { session: again });
    assert_eq!(plain(&segments, "phone", HOST[0]), CAPTIVE);

    done(
        &segments,
        &NetdRequest::Admit {
            session: session(2, PHONE_2, 600, MANY),
        },
    );
    let mut stream = segments.connect("phone2", &at(HOST[1], 443)).expect("in");
    let limit = Some(Duration::from_secs(2));
    stream.set_read_timeout(limit).expect("timeout");
    let asked = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
    asked.expect("asked");
    let mut piece = vec![0; 64 * 1_024];
    let mut total = stream.read(&mut piece).expect("it runs");
    assert!(total > 0);
    done(&segments, &NetdRequest::Cut { slot: slot(2) });
    // What the phone had received before the cut is still read; nothing comes behind it.
    while let Ok(n @ 1..) = stream.read(&mut piece) {
        total += n;
    }
    assert!(total < 12_000_000, "{total}");
}

#[test]
fn a_session_ends_on_time_with_the_helper_dead_and_nobody_new_gets_in() {
    let mut segments = village();
    load(&segments, vec![session(1, PHONE, 3, MANY)]);
    segments.kill_helper();
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
    let began = Instant::now();
    // A connection that is cut while it waits for an answer waits long; a new one is refused.
    until("the session ends", || {
        tls(&segments, "phone", HOST[0]) == Err(ErrorKind::ConnectionRefused)
    });
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(plain(&segments, "phone2", HOST[1]), CAPTIVE);

    // A helper that starts again knows nothing, and says so rather than guessing.
    segments.start_helper();
    let refused = segments.ask(&NetdRequest::Cut { slot: slot(1) });
    assert!(
        matches!(
            refused,
            NetdReply::Refused {
                reason: NetdRefusal::NoPlan,
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(plain(&segments, "phone", HOST[0]), CAPTIVE);
}

#[test]
fn the_garden_needs_no_session_and_is_not_counted() {
    let segments = village();
    load(&segments, vec![session(1, PHONE, 600, 1_000_000)]);
    let addresses = GARDEN_HOST.map(|h| (h.parse().expect("an address"), 60));
    done(
        &segments,
        &NetdRequest::Garden {
            addresses: addresses.to_vec(),
        },
    );
    for host in GARDEN_HOST {
        assert_eq!(plain(&segments, "phone2", host), ONLINE, "{host}");
        let whole = segments.get("phone", &at(host, 443)).expect("reached");
        assert_eq!(whole.1, 12_000_000, "{host}");
    }
    let used = usage(&segments)[&slot(1)].used_bytes;
    assert!(used < 10_000, "{used}");
    // A second opening makes the time longer; a reload keeps it.
    done(
        &segments,
        &NetdRequest::Garden {
            addresses: vec![(addresses[0].0, 120)],
        },
    );
    load(&segments, Vec::new());
    assert_eq!(plain(&segments, "phone2", GARDEN_HOST[0]), ONLINE);
}

#[test]
fn a_metered_uplink_leaves_guests_the_portal_and_the_garden() {
    let segments = village();
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    let addresses = GARDEN_HOST.map(|h| (h.parse().expect("an address"), 60));
    done(
        &segments,
        &NetdRequest::Garden {
            addresses: addresses.to_vec(),
        },
    );
    let mut running = segments.connect("phone", &at(HOST[0], 443)).expect("in");
    segments.route_by(1);
    done(
        &segments,
        &NetdRequest::OpenUplinks {
            uplinks: Vec::new(),
        },
    );
    let rest = read_answer(&mut running);
    assert!(rest.is_err() || rest.is_ok_and(|(_, b)| b < 12_000_000));
    for host in HOST {
        assert_eq!(plain(&segments, "phone", host), CAPTIVE, "{host}");
    }
    for host in GARDEN_HOST {
        assert_eq!(plain(&segments, "phone", host), ONLINE, "{host}");
    }
    segments.route_by(0);
    let open = vec![uplink("up0")];
    done(&segments, &NetdRequest::OpenUplinks { uplinks: open });
    for host in HOST {
        assert_eq!(plain(&segments, "phone", host), ONLINE, "{host}");
    }
}

#[test]
fn a_reload_keeps_sessions_and_what_they_used() {
    let segments = village();
    let in_use = session(1, PHONE, 600, MANY);
    load(&segments, vec![in_use]);
    let whole = segments.get("phone", &at(HOST[0], 443)).expect("reached");
    assert_eq!(whole.1, 12_000_000);
    let before = usage(&segments)[&slot(1)].used_bytes;
    assert!(before > 12_000_000, "{before}");
    load(&segments, vec![in_use, session(2, PHONE_2, 600, MANY)]);
    let after = usage(&segments);
    assert!(after[&slot(1)].used_bytes >= before);
    assert_eq!(after[&slot(2)].used_bytes, 0);
    assert_eq!(plain(&segments, "phone", HOST[1]), ONLINE);
    // What the gateway knows to be used counts where the kernel has forgotten it.
    let known = GuestSession {
        used_bytes: MANY,
        ..in_use
    };
    load(&segments, vec![known]);
    assert_eq!(plain(&segments, "phone", HOST[0]), CAPTIVE);
    assert_eq!(plain(&segments, "phone2", HOST[0]), CAPTIVE);
}

#[test]
fn a_new_hardware_address_is_a_new_guest() {
    let segments = village();
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
    let other = ["link", "set", "wlan0", "address", "02:00:00:00:07:99"];
    segments.ip("phone", &other);
    // DHCP gives it another address: the one that it had is the other device's.
    segments.ip("phone", &["addr", "del", "10.7.0.11/22", "dev", "wlan0"]);
    segments.address("phone", "wlan0", &["10.7.0.21/22"]);
    segments.ip("phone", &["route", "replace", "default", "via", "10.7.0.1"]);
    until("the new address is a stranger", || {
        plain(&segments, "phone", HOST[0]) == CAPTIVE
    });
}

#[test]
fn a_cut_or_a_tap_just_when_the_time_is_over_is_carried_out() {
    let segments = village();
    load(&segments, Vec::new());
    let admit = |slot: u16, mac: &str, seconds: u32| {
        let session = session(slot, mac, seconds, MANY);
        done(&segments, &NetdRequest::Admit { session });
    };
    // The kernel clears away what has ended once a second: each round meets another moment of it.
    for _ in 0..4 {
        admit(1, PHONE, 1);
        admit(2, PHONE_2, 1);
        until("their time is over", || {
            ["phone", "phone2"].map(|place| plain(&segments, place, HOST[0])) == [CAPTIVE; 2]
        });
        done(&segments, &NetdRequest::Cut { slot: slot(1) });
        // The other taps again: it has one slot, and what is left of the one before goes.
        admit(3, PHONE_2, 60);
        assert_eq!(plain(&segments, "phone2", HOST[0]), ONLINE);
        done(&segments, &NetdRequest::Cut { slot: slot(3) });
    }
}

#[test]
fn three_hundred_sessions_come_and_go() {
    let segments = village();
    let mac = |n: u16| format!("02:00:00:01:{:02x}:{:02x}", n >> 8, n & 0xff);
    let all: Vec<GuestSession> = (1..=300).map(|n| session(n, &mac(n), 600, MANY)).collect();
    load(&segments, all);
    assert_eq!(usage(&segments).len(), 300);
    done(
        &segments,
        &NetdRequest::Change {
            cut: (1..=20).map(slot).collect(),
            admit: vec![session(22, &mac(22), 60, MANY)],
        },
    );
    assert_eq!(usage(&segments).len(), 280);
    // One that cannot be keeps all the others from being carried out.
    let none = segments.ask(&NetdRequest::Change {
        cut: vec![slot(30)],
        admit: vec![
            session(1, PHONE, 600, MANY),
            session(31, PHONE_2, 600, MANY),
        ],
    });
    assert!(matches!(none, NetdReply::Refused { .. }), "{none:?}");
    assert_eq!(usage(&segments).len(), 280);
    assert_eq!(plain(&segments, "phone", HOST[0]), CAPTIVE);
    done(
        &segments,
        &NetdRequest::Admit {
            session: session(7, PHONE, 600, MANY),
        },
    );
    assert_eq!(usage(&segments).len(), 281);
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
    let taken = segments.ask(&NetdRequest::Admit {
        session: session(21, PHONE_2, 600, MANY),
    });
    assert!(
        matches!(
            taken,
            NetdReply::Refused {
                reason: NetdRefusal::NotThisDevice,
                ..
            }
        ),
        "{taken:?}"
    );
}

#[test]
fn a_line_that_is_no_request_changes_nothing() {
    let segments = village();
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    for line in [
        "",
        "{}",
        r#"{"do":"flush"}"#,
        r#"{"do":"cut","slot":0}"#,
        r#"{"do":"cut","slot":1,"more":1}"#,
        r#"{"do":"open_uplinks","uplinks":["up0\"; flush ruleset"]}"#,
        r#"{"do":"garden","addresses":[["1.2.3.4; drop",5]]}"#,
    ] {
        let answer = segments.ask_line(line);
        assert!(
            matches!(
                answer,
                NetdReply::Refused {
                    reason: NetdRefusal::NotARequest,
                    ..
                }
            ),
            "{line}: {answer:?}"
        );
    }
    let foreign = segments.ask(&NetdRequest::OpenUplinks {
        uplinks: vec![uplink("dev0")],
    });
    assert!(matches!(foreign, NetdReply::Refused { .. }), "{foreign:?}");
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
}

#[test]
fn the_box_knows_who_has_an_address() {
    let segments = village();
    load(&segments, Vec::new());
    for (i, host) in HOST.iter().enumerate() {
        assert_eq!(plain(&segments, "phone", host), CAPTIVE);
        let address = ["10.7.0.11", "fd00:7::11"][i].parse().expect("an address");
        assert_eq!(segments.neighbor(address), PHONE.parse().ok());
    }
    let itself = BOX[0].parse().expect("an address");
    assert_eq!(segments.neighbor(itself), None);
}

/// The configuration of a village with this port of the staff's.
fn configuration(staff_port: u16) -> String {
    format!(
        "[village]\nid = \"a\"\nname = \"A\"\ncommune = \"B\"\n\
         [doors]\nportal = \"0.0.0.0:{PORTAL_PORT}\"\n\
         [network]\ndns_port = 5300\nstaff_ports = [{staff_port}]\n\
         guest = {{ interface = \"guest0\", v4 = \"10.7.0.1/22\", v6 = \"fd00:7::1/64\" }}\n\
         staff = {{ interface = \"staff0\", v4 = \"10.9.0.1/24\" }}\n\
         [[network.uplink]]\ninterface = \"up0\"\n"
    )
}

fn plan_of(configuration: &str) -> NetworkPlan {
    let layers = [("a.toml".to_owned(), configuration.to_owned())];
    let config = conglang::config::load_from(&layers).expect("a configuration");
    let plan = config.network_plan(GuestRates::default());
    plan.expect("a plan")
}

#[test]
fn the_helper_begins_with_the_configuration_and_takes_no_other_plan() {
    let mut segments = village();
    segments.kill_helper();
    let first = configuration(22);
    segments.start_helper_of(&first);
    // Nobody has asked for anything yet: guests see the portal and nothing else.
    for host in HOST {
        assert_eq!(plain(&segments, "phone", host), CAPTIVE, "{host}");
        assert!(tls(&segments, "phone", host).is_err(), "{host}");
    }
    let load = |segments: &Segments, plan: NetworkPlan| {
        segments.ask(&NetdRequest::Load {
            plan: Box::new(plan),
            sessions: vec![session(1, PHONE, 600, MANY)],
            open_uplinks: vec![uplink("up0")],
        })
    };
    let mut wider = plan_of(&first);
    wider.ports.uplink = vec![22];
    let reply = load(&segments, wider);
    let is_other = matches!(
        reply,
        NetdReply::Refused {
            reason: NetdRefusal::OtherPlan,
            ..
        }
    );
    assert!(is_other, "{reply:?}");
    assert_eq!(plain(&segments, "phone", HOST[0]), CAPTIVE);
    // Speeds are the village's own to change.
    let mut slower = plan_of(&first);
    slower.rates.device_kbit = Some(50_000);
    assert_eq!(load(&segments, slower), NetdReply::Done);
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
    // Another configuration takes the place of the rules in the kernel, and sessions go on.
    segments.kill_helper();
    let second = configuration(23);
    segments.start_helper_of(&second);
    // Its socket is there before its rules are.
    until("the rules of the second configuration", || {
        let chain = ["nft", "list", "chain", "inet", "conglang", "staff_input"];
        let (_, rules) = segments.exec("box", &chain);
        rules.contains("dport { 23,") && !rules.contains("22")
    });
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
    let held: Vec<SlotId> = usage(&segments).into_keys().collect();
    assert_eq!(held, [slot(1)]);
}
