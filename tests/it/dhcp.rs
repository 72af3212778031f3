//! Addresses on the segments of the house: `conglang dhcp` as an ordinary user, with the real
//! `dnsmasq`, beside the rules of the real network helper, and time from the real `chronyd`.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conglang::dhcp::folder::{write_captive_option, write_reservations};
use conglang::protocol::netd::{MacAddress, NetdReply, NetdRequest};
use rustix::process::Signal;

use crate::support::dhcp::{Answer, DhcpRole, NETWORK, ask, kill};
use crate::support::segments::{Segments, plan, until};

const PHONE: [u8; 6] = [2, 0, 0, 0, 7, 0x11];
const CAMERA: [u8; 6] = [0xaa, 0, 0, 0, 8, 1];

/// The house's segments under the helper's rules; nobody on them has an address.
pub fn village() -> Segments {
    let segments = Segments::new();
    for (place, interface) in [
        ("phone", "wlan0"),
        ("phone2", "wlan0"),
        ("camera", "eth0"),
        ("staff", "eth0"),
    ] {
        segments.ip(
            place,
            &["addr", "flush", "dev", interface, "scope", "global"],
        );
    }
    let load = NetdRequest::Load {
        plan: Box::new(plan()),
        sessions: Vec::new(),
        open_uplinks: Vec::new(),
    };
    assert_eq!(segments.ask(&load), NetdReply::Done);
    segments
}

/// Whether the technician is told that nobody gives out addresses, and that nobody gives the time.
fn doctor(segments: &Segments, role: &DhcpRole) -> [bool; 2] {
    let (program, config) = (env!("CARGO_BIN_EXE_conglang"), role.config());
    let config = config.to_str().expect("a path");
    let (_, text) = segments.exec("box", &[program, "--config", config, "--json", "doctor"]);
    ["D-NET-02", "D-NET-03"].map(|code| text.contains(code))
}

pub fn served(segments: &Segments) -> DhcpRole {
    let mut role = DhcpRole::new(NETWORK);
    role.start(segments);
    until("dnsmasq runs", || role.dnsmasq().is_some());
    role
}

/// An answer as soon as the server gives one.
pub fn answer(
    segments: &Segments,
    place: &str,
    interface: &str,
    mac: [u8; 6],
    name: &[u8],
) -> Answer {
    let mut got = None;
    until("an address", || {
        got = ask(segments, place, interface, mac, name);
        got.is_some()
    });
    got.expect("an answer")
}

/// Asks again at a phone's pace until the server tells it: a radio that asks faster than phones do
/// is answered no more for a while.
fn until_told(what: &str, mut is_told: impl FnMut() -> bool) {
    for _ in 0..20 {
        if is_told() {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("{what}");
}

fn phone(segments: &Segments) -> Answer {
    answer(segments, "phone", "wlan0", PHONE, b"")
}

fn camera(segments: &Segments) -> Answer {
    answer(segments, "camera", "eth0", CAMERA, b"IPC-2208")
}

#[test]
fn each_segment_gets_its_own_addresses_and_options() {
    let segments = village();
    let mut role = served(&segments);
    let guest = phone(&segments);
    assert_eq!(guest.address.octets()[..2], [10, 7]);
    let own = Some(Ipv4Addr::new(10, 7, 0, 1));
    assert_eq!((guest.address_of(3), guest.address_of(6)), (own, own));
    assert_eq!(guest.address_of(1), Some(Ipv4Addr::new(255, 255, 252, 0)));
    assert_eq!(guest.seconds(51), Some(45 * 60));
    // Guests get no time, and without a certificate no address to ask.
    assert!(!guest.options.contains_key(&42) && !guest.options.contains_key(&114));

    let device = camera(&segments);
    let pool = Ipv4Addr::new(10, 8, 0, 128)..=Ipv4Addr::new(10, 8, 0, 254);
    assert!(pool.contains(&device.address), "{device:?}");
    assert_eq!(device.address_of(42), Some(Ipv4Addr::new(10, 8, 0, 1)));
    assert!(
        !device.options.contains_key(&3) && !device.options.contains_key(&6),
        "no way out"
    );
    assert_eq!(device.seconds(51), Some(30 * 86_400));
    assert_eq!(device.seconds(58), Some(3_600), "it asks again each hour");

    let staff = answer(
        &segments,
        "staff",
        "eth0",
        [0xaa, 0, 0, 0, 9, 1],
        b"may-tinh",
    );
    assert_eq!(staff.address.octets()[..3], [10, 9, 0]);
    let own = Some(Ipv4Addr::new(10, 9, 0, 1));
    let options = [3, 6, 42].map(|option| staff.address_of(option));
    assert_eq!(options, [own; 3]);
    assert_eq!(staff.seconds(51), Some(12 * 3_600));

    // The uplink is nobody's business of ours.
    assert!(ask(&segments, "net", "in0", [0xaa, 0, 0, 0, 1, 1], b"").is_none());

    // A real certificate came: the running server announces the portal's address.
    let url = "https://benthoc.example/api/captive";
    assert!(write_captive_option(&role.shared(), Some(url)).expect("written"));
    until_told("option 114", || {
        phone(&segments)
            .options
            .get(&114)
            .is_some_and(|told| told == url.as_bytes())
    });
    role.end(Signal::TERM);
}

#[test]
fn a_reservation_holds_without_a_restart_and_goes_again() {
    let segments = village();
    let role = served(&segments);
    let first = camera(&segments).address;
    let pid = role.dnsmasq();
    let kept = Ipv4Addr::new(10, 8, 0, 20);
    let row = (MacAddress::new(CAMERA), kept);
    assert!(write_reservations(&role.shared(), [row]).expect("written"));
    until("the camera has its address", || {
        camera(&segments).address == kept
    });
    assert_eq!(role.dnsmasq(), pid, "the server went on");
    // Nobody else gets it.
    let other = answer(&segments, "camera", "eth0", [0xaa, 0, 0, 0, 8, 2], b"");
    assert_ne!(other.address, kept);
    assert!(write_reservations(&role.shared(), []).expect("written"));
    until("the address is free", || camera(&segments).address != kept);
    assert_eq!(
        camera(&segments).address,
        first,
        "a device gets the same address again"
    );
}

#[test]
fn what_the_gateway_did_not_mean_reaches_no_device() {
    let segments = village();
    let role = served(&segments);
    let first = phone(&segments);
    let write = |name: &str, text: &str| {
        std::fs::write(role.shared().join(name), text).expect("written");
    };
    // A gateway that was taken over would lead everybody to names and routers of its own, and give
    // itself the address of the box.
    write(
        "options",
        "tag:guest,6,203.0.113.66\ntag:guest,3,10.7.0.66\ntag:device,option:router,10.8.0.66\n\
         tag:guest,114,https://benthoc.example/api\n",
    );
    write(
        "reservations",
        "aa:00:00:00:08:01,10.8.0.20\naa:00:00:00:08:02,10.8.0.1\n02:00:00:00:07:11,ignore\n\
         02:00:00:00:07:11,set:device,10.7.0.77\n",
    );
    until_told("what it may say holds", || {
        camera(&segments).address == Ipv4Addr::new(10, 8, 0, 20)
            && phone(&segments).options.contains_key(&114)
    });
    let (guest, device) = (phone(&segments), camera(&segments));
    let own = Some(Ipv4Addr::new(10, 7, 0, 1));
    assert_eq!((guest.address_of(3), guest.address_of(6)), (own, own));
    assert_eq!(guest.address, first.address);
    assert!(!device.options.contains_key(&3), "{device:?}");
    // Without any of it all is as before.
    write("options", &"x".repeat(5_000));
    write("reservations", "");
    until("the reservation is gone", || {
        camera(&segments).address != Ipv4Addr::new(10, 8, 0, 20)
    });
    assert!(phone(&segments).options.contains_key(&114), "kept");
}

#[test]
fn what_a_device_calls_itself_goes_nowhere() {
    let segments = village();
    let role = served(&segments);
    let names: [&[u8]; 6] = [
        b"\x1b[2J\x07",
        b"a,option:router,1.2.3.4",
        b"$(reboot)`reboot`",
        b"\n5 aa:aa:aa:aa:aa:aa 10.8.0.9 evil *",
        "Camera của Ông Mẫu".as_bytes(),
        &[0xff; 255],
    ];
    for (n, name) in (10..).zip(names) {
        let device = answer(&segments, "camera", "eth0", [0xaa, 0, 0, 0, 8, n], name);
        assert_eq!(device.address.octets()[..3], [10, 8, 0], "{name:?}");
    }
    // A guest's plain name is not kept either; a camera's is, so that somebody finds it.
    answer(&segments, "phone", "wlan0", PHONE, b"Nguyen-Van-A-iPhone");
    answer(&segments, "camera", "eth0", CAMERA, b"IPC-2208");
    let leases = role.leases();
    assert_eq!(leases.len(), names.len() + 2, "{leases:?}");
    let told: Vec<_> = leases
        .iter()
        .filter_map(|lease| lease.name.as_deref())
        .collect();
    assert_eq!(told, ["IPC-2208"]);
    assert!(
        leases
            .iter()
            .all(|lease| lease.mac.bytes()[..4] != [0xaa; 4])
    );
    let file = std::fs::read_to_string(role.runtime().join("leases")).expect("leases");
    assert!(!file.contains("Nguyen"), "{file}");
}

/// A process that ended and that nobody has waited for yet is no longer one.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some(Some('Z' | 'X')))
}

#[test]
fn the_server_comes_back_by_itself_and_keeps_what_it_gave() {
    let segments = village();
    let mut role = served(&segments);
    let (guest, device) = (phone(&segments).address, camera(&segments).address);
    let first = role.dnsmasq().expect("it runs");
    kill(first, Signal::KILL);
    until("another dnsmasq", || {
        role.dnsmasq().is_some_and(|pid| pid != first)
    });
    assert_eq!(role.leases().len(), 2);
    assert_eq!(
        (phone(&segments).address, camera(&segments).address),
        (guest, device)
    );

    // An end in order saves them; a reboot empties the folder in memory, and they come back.
    let second = role.dnsmasq().expect("it runs");
    role.end(Signal::TERM);
    until("the server ends too", || !runs(second));
    std::fs::remove_file(role.runtime().join("leases")).expect("rebooted");
    // The phone's row was in memory alone, also when an older program had saved it.
    let saved = role.shared().join("leases");
    let text = std::fs::read_to_string(&saved).expect("a copy");
    assert!(!text.contains("02:00:00:00:07:11"), "{text}");
    assert_eq!(role.leases().len(), 1, "the saved copy is read");
    let older = format!("{text}5000000000 02:00:00:00:07:11 {guest} * *\n");
    std::fs::write(&saved, older).expect("written");
    role.start(&segments);
    until("dnsmasq runs", || role.dnsmasq().is_some());
    assert_eq!(role.leases().len(), 1);
    until("the older copy goes", || {
        std::fs::read_to_string(&saved).is_ok_and(|now| now == text)
    });
    assert_eq!(
        (phone(&segments).address, camera(&segments).address),
        (guest, device)
    );

    // Nothing that the role started outlives it.
    let last = role.dnsmasq().expect("it runs");
    role.end(Signal::KILL);
    until("the server is gone", || !runs(last));
    assert!(doctor(&segments, &role)[0], "the technician is told");
}

#[test]
fn started_by_hand_it_makes_its_folders() {
    let segments = village();
    let mut role = DhcpRole::new(NETWORK);
    role.start_by_hand(&segments);
    until("dnsmasq runs", || role.dnsmasq().is_some());
    let first = camera(&segments).address;
    assert_eq!(role.leases().len(), 1);
    assert_eq!(doctor(&segments, &role), [false, true]);
    role.end(Signal::TERM);
    assert_eq!(role.leases()[0].address, first, "the copy is saved");
}

#[test]
fn an_unusable_configuration_is_refused_with_its_line() {
    let segments = village();
    let narrow = NETWORK.replace("fd00:8::1/64", "fd00:8::1/48");
    let (code, log) = DhcpRole::new(&narrow).refused(&segments);
    assert_eq!(code, Some(78), "{log}");
    for words in ["dnsmasq refuses line", "fd00:8::,ra-only,48", "at least 64"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    let (code, log) = DhcpRole::new("").refused(&segments);
    assert!(
        code == Some(78) && log.contains("no segment"),
        "{code:?} {log}"
    );
    let broken = NETWORK.replace("10.8.0.1/24", "10.8.0.1");
    let (code, log) = DhcpRole::new(&broken).refused(&segments);
    assert_eq!(code, Some(78), "{log}");
}

#[test]
fn phones_learn_their_prefix_and_whom_to_ask_for_names() {
    let segments = village();
    let _role = served(&segments);
    let mut told = String::new();
    until("a router announces itself", || {
        let (ok, text) = segments.exec("phone", &["rdisc6", "-1", "-r", "1", "-w", "500", "wlan0"]);
        told = text;
        ok && told.contains("fd00:7::/64")
    });
    let dns = told
        .lines()
        .find(|line| line.contains("Recursive DNS server"));
    assert!(
        dns.is_some_and(|line| line.ends_with(": fd00:7::1")),
        "{told}"
    );
    assert!(
        told.lines()
            .any(|l| l.contains("Router lifetime") && l.contains("1800")),
        "{told}"
    );
    // Devices learn their prefix, and no way out.
    until("devices hear it too", || {
        let (ok, text) = segments.exec("camera", &["rdisc6", "-1", "-r", "1", "-w", "500", "eth0"]);
        told = text;
        ok && told.contains("fd00:8::/64")
    });
    assert!(
        told.lines()
            .any(|l| l.contains("Router lifetime") && l.contains(" 0 ")),
        "{told}"
    );
    assert!(!told.contains("Recursive DNS server"), "{told}");
    for setting in ["accept_ra=1", "autoconf=1"] {
        let setting = format!("net.ipv6.conf.wlan0.{setting}");
        assert!(segments.exec("phone", &["sysctl", "-qw", &setting]).0);
    }
    segments.ip("phone", &["link", "set", "wlan0", "down"]);
    segments.ip("phone", &["link", "set", "wlan0", "up"]);
    until("the phone makes itself an address", || {
        let (_, text) = segments.exec("phone", &["ip", "-6", "addr", "show", "dev", "wlan0"]);
        text.contains("inet6 fd00:7::")
    });
}

/// A `chronyd` in the box that does not touch the machine's clock; it ends with the test.
struct Chrony(Child);

impl Chrony {
    fn start(segments: &Segments, folder: &std::path::Path, role: &DhcpRole) -> Self {
        let mut render = Command::new(env!("CARGO_BIN_EXE_conglang"));
        let render = render
            .arg("--config")
            .arg(role.config())
            .args(["net", "render", "chrony"]);
        let text = String::from_utf8(render.output().expect("rendered").stdout).expect("text");
        let drift = folder.join("drift").display().to_string();
        let text = text.replace("/var/lib/chrony/chrony.drift", &drift);
        let pid = folder.join("pid").display().to_string();
        let path = folder.join("chrony.conf");
        std::fs::write(&path, format!("{text}bindcmdaddress /\npidfile {pid}\n")).expect("written");
        let child = Command::new("ip")
            .args(["netns", "exec", &segments.name("box")])
            .arg(crate::support::dhcp::chronyd())
            .args(["-x", "-d", "-u", "root", "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("chronyd starts"))
    }
}

impl Drop for Chrony {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks for the time; the first two bytes of the answer, none = nobody answers.
fn time(segments: &Segments, place: &str, server: &str) -> Option<[u8; 2]> {
    segments.inside(place, || {
        let socket = UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0"));
        let socket = socket.expect("a socket");
        let wait = Some(Duration::from_millis(500));
        socket.set_read_timeout(wait).expect("timeout");
        let mut question = [0; 48];
        question[0] = 0x23;
        let to = if server.contains(':') {
            format!("[{server}]:123")
        } else {
            format!("[::ffff:{server}]:123")
        };
        socket.send_to(&question, to).ok()?;
        let mut answer = [0; 128];
        let length = socket.recv(&mut answer).ok()?;
        (length >= 48).then_some([answer[0], answer[1]])
    })
}

#[test]
fn devices_get_the_time_from_a_box_that_has_none_itself_and_guests_do_not() {
    let segments = Segments::new();
    let role = DhcpRole::new(NETWORK);
    let folder = tempfile::tempdir().expect("folder");
    assert_eq!(doctor(&segments, &role), [true, true]);
    let chrony = Chrony::start(&segments, folder.path(), &role);
    let mut first = None;
    until("an answer to a camera", || {
        first = time(&segments, "camera", "10.8.0.1");
        first.is_some()
    });
    let [head, stratum] = first.expect("an answer");
    assert_eq!(head & 7, 4, "a server's answer");
    assert_eq!(stratum, 10, "it says that its clock is its own");
    assert!(time(&segments, "camera", "fd00:8::1").is_some());
    assert_eq!(doctor(&segments, &role), [true, false]);
    assert!(time(&segments, "staff", "10.9.0.1").is_some());
    // By its own configuration, before any rule of the kernel.
    assert_eq!(time(&segments, "phone", "10.7.0.1"), None);
    assert_eq!(time(&segments, "phone", "fd00:7::1"), None);
    // And through the rules of the helper.
    let load = NetdRequest::Load {
        plan: Box::new(plan()),
        sessions: Vec::new(),
        open_uplinks: Vec::new(),
    };
    assert_eq!(segments.ask(&load), NetdReply::Done);
    assert!(time(&segments, "camera", "10.8.0.1").is_some());
    assert_eq!(time(&segments, "phone", "10.8.0.1"), None);
    // It is killed: the technician is told.
    drop(chrony);
    assert_eq!(doctor(&segments, &role), [true, true]);
}
