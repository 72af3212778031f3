//! Addresses that people keep for devices, from the technician's command to the device: the whole
//! gateway, `conglang dhcp` and the real `dnsmasq`; and what the command says of leases.

use std::time::Duration;

use conglang::dhcp::folder;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::dhcp::{DhcpRole, NETWORK, ask};
use crate::support::house::House;
use crate::support::segments::{Segments, until};

const CAMERA: [u8; 6] = [0xaa, 0, 0, 0, 8, 1];
const CAMERA_TEXT: &str = "aa:00:00:00:08:01";

/// A house whose configuration names the segments and the role's folders.
fn house(role: &DhcpRole, segments: &Segments) -> House {
    let mut house = House::new(&format!(
        "[network]\nhelper = {:?}\ndhcp = {:?}\ndhcp_run = {:?}\n{NETWORK}",
        segments.socket().display().to_string(),
        role.shared().display().to_string(),
        role.runtime().display().to_string(),
    ));
    house.namespace = Some(segments.name("box"));
    house
}

/// A command that fails: its exit code and what it says of it.
fn failed(house: &House, args: &[&str]) -> (i32, String) {
    let wide = [("CONGLANG_LANG", "vi"), ("COLUMNS", "10000")];
    let (code, _, text) = house.cli_with(&wide, args);
    (code, text)
}

fn listed(house: &House) -> (i32, Value) {
    let (code, text) = house.cli(&["net", "leases", "--json"]);
    (
        code,
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}")),
    )
}

#[test]
fn an_address_is_kept_by_a_command_and_the_camera_gets_it() {
    let segments = Segments::new();
    let mut role = DhcpRole::new(NETWORK);
    let mut house = house(&role, &segments);
    house.start();
    role.start(&segments);
    until("dnsmasq runs", || role.dnsmasq().is_some());
    let camera = || ask(&segments, "camera", "eth0", CAMERA, b"IPC-2208").map(|a| a.address);
    until("the camera has an address", || camera().is_some());
    let (code, text) = house.cli(&["net", "leases"]);
    assert!(
        code == 0 && text.contains(CAMERA_TEXT) && text.contains("IPC-2208"),
        "{text}"
    );

    let name = "Camera ngã ba";
    let (code, text) = house.cli(&["net", "reserve", "AA-00-00-00-08-01", "10.8.0.20", name]);
    assert!(code == 0 && text.contains("10.8.0.20"), "{code}: {text}");
    until("the camera has the address", || {
        camera().is_some_and(|address| address.to_string() == "10.8.0.20")
    });
    let (code, list) = listed(&house);
    let row = &list["leases"][0];
    assert_eq!(code, 0, "{list}");
    assert_eq!(
        (&row["address"], &row["name"]),
        (&"10.8.0.20".into(), &name.into())
    );
    assert_eq!(
        (&row["reserved"], &row["segment"]),
        (&true.into(), &"device".into())
    );

    // What cannot be is said, and nothing changes.
    for (mac, address, words) in [
        ("aa:00:00:00:08", "10.8.0.21", "aa:bb:cc:00:11:22"),
        ("01:00:5e:00:00:01", "10.8.0.21", "aa:bb:cc:00:11:22"),
        ("aa:00:00:00:08:02", "10.7.0.21", "10.8.0.1/24, 10.9.0.1/24"),
        ("aa:00:00:00:08:02", "10.8.0.1", "10.8.0.1/24, 10.9.0.1/24"),
        ("aa:00:00:00:08:02", "10.8.0.20; reboot", "10.8.0.1/24"),
        ("aa:00:00:00:08:02", "10.8.0.20", "10.8.0.20"),
    ] {
        let (code, text) = failed(&house, &["net", "reserve", mac, address, "x"]);
        assert!(
            code == 1 && text.contains(words),
            "{mac} {address}: {code} {text}"
        );
    }
    let file = role.shared().join(folder::RESERVATIONS);
    let read = || std::fs::read_to_string(&file).expect("reservations");
    assert_eq!(read(), format!("{CAMERA_TEXT},10.8.0.20\n"));

    // A gateway that starts again writes what is kept, also when the file is gone.
    house.stop();
    std::fs::remove_file(&file).expect("gone");
    let (code, list) = listed(&house);
    assert_eq!(
        (code, &list["leases"][0]["name"]),
        (0, &"IPC-2208".into()),
        "{list}"
    );
    house.start();
    house.until("the file is back", Duration::from_secs(10), |_| {
        file.exists()
    });
    assert_eq!(read(), format!("{CAMERA_TEXT},10.8.0.20\n"));
    let (code, text) = house.cli(&["net", "release", CAMERA_TEXT]);
    assert_eq!(code, 0, "{text}");
    house.until("nothing is kept", Duration::from_secs(10), |_| {
        read().is_empty()
    });
    let (code, text) = failed(&house, &["net", "release", CAMERA_TEXT]);
    assert!(code == 1 && text.contains(CAMERA_TEXT), "{text}");
    role.end(Signal::TERM);
}

#[test]
fn leases_are_told_without_a_gateway_and_a_repeater_in_words() {
    let segments = Segments::new();
    let role = DhcpRole::new(NETWORK);
    let house = house(&role, &segments);
    let (code, list) = listed(&house);
    assert_eq!(
        (code, list["leases"].as_array().map(Vec::len)),
        (0, Some(0))
    );
    let mut rows = String::from("garbage\n1764496800 06-00 x\n");
    for n in 20..23 {
        rows.push_str(&format!(
            "1964496800 02:00:00:00:07:11 10.7.0.{n} \u{1b}[31m *\n"
        ));
    }
    std::fs::write(role.shared().join(folder::LEASES), rows).expect("written");
    let (code, list) = listed(&house);
    assert_eq!(
        (code, list["leases"].as_array().map(Vec::len)),
        (2, Some(3)),
        "{list}"
    );
    assert_eq!(list["signs"][0]["sign"], "many_addresses");
    let (code, text) = house.cli(&["net", "leases"]);
    assert!(code == 2 && text.contains("02:00:00:00:07:11") && !text.contains('\u{1b}'));
    let (_, text) = house.cli(&["net", "leases", "--lang", "en"]);
    assert!(text.contains("repeater"), "{text}");
    // What other programs are configured with, as it is used.
    for (what, words) in [
        ("dnsmasq", "set:device,10.8.0.128,10.8.0.254"),
        ("chrony", "allow 10.8.0.0/24"),
        ("sysctl", "net.ipv6.conf.guest0.accept_ra = 0"),
    ] {
        let (code, text) = house.cli(&["net", "render", what]);
        assert!(code == 0 && text.contains(words), "{what}: {text}");
    }
    let (code, text) = failed(&house, &["net", "render", "hostapd"]);
    assert!(code == 1 && text.contains("radio"), "{text}");
}

#[test]
fn without_networks_the_commands_say_what_to_do() {
    let house = House::new("");
    for command in [&["net", "leases"][..], &["net", "render", "dnsmasq"]] {
        let (code, text) = failed(&house, command);
        assert!(code == 1 && text.contains("[network]"), "{text}");
    }
}

/// What `sysctl.d` gets for every box is what the program prints.
#[test]
fn the_file_for_every_box_is_the_one_that_is_printed() {
    let file = include_str!("../../systemd/90-conglang.sysctl");
    let printed = include_str!("../../src/dhcp/sysctl.conf");
    let settings = |text: &str| {
        let lines = text.lines().filter(|line| line.contains(" = "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(settings(file), settings(printed));
    // The helper's unit alone decides what is forwarded: with a line here the guests would be cut off
    // whenever Debian reads these settings again.
    let unit = include_str!("../../systemd/conglang-netd.service");
    for setting in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
        assert!(!file.contains(setting), "{setting}");
        for switched in ["1", "0"] {
            assert!(unit.contains(&format!("{setting}={switched}")), "{setting}");
        }
    }
}
