//! One device that makes up hardware addresses: how many places it takes, what a visitor reads who has
//! to wait, and where the technician sees it. The whole gateway, the kernel, a phone in a namespace.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::guest_village::GuestVillage;
use crate::support::http::http_unix;
use crate::support::segments::until;

/// Places of the wifi: two newcomers at once, then one a minute.
const PLACES: u64 = 4;

/// The page behind the tap of a phone that has just made up another hardware address.
fn tap_as(village: &GuestVillage, number: u8) -> String {
    let mac = format!("02:00:00:00:aa:{number:02x}");
    let set = ["link", "set", "wlan0", "address", mac.as_str()];
    village.segments.ip("phone", &set);
    // DHCP gives another address to another device.
    let flush = ["addr", "flush", "dev", "wlan0", "scope", "global"];
    village.segments.ip("phone", &flush);
    let v4 = format!("10.7.1.{number}/22");
    village.segments.address("phone", "wlan0", &[&v4]);
    village
        .segments
        .ip("phone", &["route", "replace", "default", "via", "10.7.0.1"]);
    let page = village.tap("phone", 4);
    assert_eq!(page.status, 200, "{page:?}");
    page.body
}

#[test]
fn made_up_devices_take_a_measured_number_of_places_and_others_read_how_long_they_wait() {
    let village = GuestVillage::start("");
    village.set_rules(&json!({ "most_devices": PLACES }));
    let mut let_in = 0;
    for number in 1..=8 {
        let page = tap_as(&village, number);
        if page.contains("Đã vào mạng") {
            let_in += 1;
        } else {
            assert!(page.contains("Đang có nhiều máy vào cùng lúc"), "{page}");
        }
    }
    assert_eq!(let_in, PLACES / 2);
    assert_eq!(village.devices_in().len(), 2);
    // The next visitor reads how long, that the notices can be read, and has the button.
    let page = village.page("phone2");
    for words in [
        "giây rồi bấm lại",
        "thông báo của thôn vẫn đọc được",
        "method=\"post\"",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // The device that was in comes back without a turn, also after it was cut.
    let devices = village.devices_in();
    let id = devices[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(village.house.cli(&["guest", "cut", &id]).0, 0);
    let mut again = Vec::new();
    for number in 1..=2 {
        again.push(tap_as(&village, number).contains("mạng"));
    }
    assert_eq!(village.devices_in().len(), 2, "{again:?}");
    // The technician sees it.
    let list = village.house.cli(&["guest", "list", "--json"]).1;
    let list: Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list["newcomers_waited"], 6, "{list}");
    let words = village.house.cli(&["guest", "list"]).1;
    assert!(
        words.contains("Máy mới phải chờ đến lượt: 6 lần bấm"),
        "{words}"
    );
    let socket = village.house.dir.join("run/control.sock");
    let metrics = http_unix(&socket, "GET", "/metrics", "").body;
    for line in [
        "conglang_guests{count=\"in\"} 2\n",
        "conglang_guests{count=\"newcomers_waited\"} 6\n",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    // More places are turns at once.
    village.set_rules(&json!({ "most_devices": 60 }));
    village.enter("phone2", 4);
    until("phone2 is online", || village.is_online("phone2"));
    let most = Duration::from_secs(20);
    village
        .house
        .until("three are in", most, |_| village.devices_in().len() == 3);
}
