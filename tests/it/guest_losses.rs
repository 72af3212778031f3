//! The free wifi without a part that it needs: names for the staff go on, nobody new is let in, and
//! the reason is said in plain words.

use std::net::IpAddr;

use conglang::domain::calendar::{ZONE_MS, day, day_number, day_start};
use conglang::supervisor::clock::Clock;
use conglang::time::WallMs;
use serde_json::json;

use crate::support::guest_village::{GuestVillage, ONLINE};
use crate::support::house::library;
use crate::support::names::{self, GARDEN_NAME};
use crate::support::segments::{HOST, until};

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    let address = |text: &&str| text.parse().expect("an address");
    texts.iter().map(address).collect()
}

/// Waits until the staff finds the village hall and the internet by their names.
fn until_staff_has_names(village: &GuestVillage) {
    let ask = |name| names::ask(&village.segments, "staff", "10.9.0.1:53", name);
    until("names for the staff", || {
        ask("example.com") == Some(addresses(&HOST))
    });
    assert_eq!(ask("nhavanhoa.lan"), Some(addresses(&["10.9.0.1"])));
}

#[test]
fn without_the_guests_key_names_go_on_and_the_reason_is_said() {
    let mut village = GuestVillage::start("");
    village.set_rules(&json!({}));
    village.enter("phone", 4);
    assert!(village.is_online("phone"));
    assert_eq!(village.house.stop(), Some(0));
    let key = village.house.dir.join("data/keys/guests.key");
    std::fs::remove_file(&key).expect("removed");
    let lost = ["dependent services stay off", "keys", "guests"];
    village.house.expect_errors(&lost);
    village.start_gateway_alone();
    until_staff_has_names(&village);
    // The one who was in goes on, with names; nobody new gets in, and the page says so.
    assert!(village.is_online("phone"));
    let page = village.tap("phone2", 4).body;
    assert!(page.contains("Wifi đang trục trặc"), "{page}");
    assert!(!village.is_online("phone2"));
    // A name of the garden needs no id: it opens, also one that the village names only now.
    let garden = |family| {
        let page = village.visit("phone2", family, GARDEN_NAME, "/");
        page.is_some_and(|page| page.status == ONLINE)
    };
    until("the garden over IPv4", || garden(4));
    until("the garden over IPv6", || garden(6));
    village.set_rules(&json!({ "garden": [] }));
    until("the garden is closed", || !garden(4));
    village.set_rules(&json!({ "garden": [GARDEN_NAME] }));
    until("it is open again", || garden(4));
    assert!(village.is_online("phone"));
    let why = "khóa guests.key không dùng được nên khách mới chưa vào được";
    let status = village.house.cli(&["status"]);
    assert!(status.0 == 2 && status.1.contains(why), "{}", status.1);
    let doctor = village.house.cli(&["doctor"]).1;
    let advice = "chép lại guests.key từ bản sao";
    assert!(doctor.contains(why) && doctor.contains(advice), "{doctor}");
    assert!(doctor.contains("D-KEY-07"), "{doctor}");
    let (code, list) = village.house.cli(&["guest", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!((code, &list["key_lost"]), (2, &json!(true)));
    assert!(!key.exists(), "it is not made anew");
    // Names follow the way to the internet.
    village.segments.ip("box", &["link", "set", "up0", "down"]);
    until("the line is down", || {
        let status = village.house.cli(&["status"]).1;
        status.contains("mất đường ra internet")
    });
}

#[test]
fn yesterdays_use_is_not_told_as_todays_while_nobody_counts() {
    let mut village = GuestVillage::start("");
    village.set_rules(&json!({}));
    village.enter("phone", 4);
    assert!(village.is_online("phone"));
    let used_today = |village: &GuestVillage| {
        let list = village.house.cli(&["guest", "list", "--json"]).1;
        let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
        list["used_today"].as_u64().expect("a number")
    };
    until("it is counted", || {
        // A page is shown after the kernel was asked.
        village.page("phone");
        used_today(&village) > 0
    });
    assert_eq!(village.house.stop(), Some(0));
    village.segments.kill_helper();
    village.house.expect_errors(&["network helper", "guests"]);
    // The gateway's clock shows 23:00 of the village's day, and then half a minute past midnight.
    let dial = village.house.dir.join("clock");
    let set = |clock: WallMs| {
        let (utc, ms) = (day(clock - ZONE_MS), clock.ms().rem_euclid(86_400_000));
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        let text = format!(
            "@{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}",
            utc.year, utc.month, utc.day
        );
        std::fs::write(&dial, text).expect("dial");
    };
    let midnight = day_start(day_number(Clock::system(0).wall_ms()) + 1);
    set(midnight - 3_600_000);
    village.environment = vec![
        ("LD_PRELOAD", library("faketime/libfaketime.so.1")),
        ("FAKETIME_TIMESTAMP_FILE", dial.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("TZ", "UTC".into()),
    ];
    village.start_gateway_alone();
    assert!(used_today(&village) > 0, "the day is not over");
    set(midnight + 30_000);
    until("another day", || used_today(&village) == 0);
}

#[test]
fn names_of_the_staff_do_not_wait_for_the_network_helper() {
    let mut village = GuestVillage::start("");
    assert_eq!(village.house.stop(), Some(0));
    village.segments.kill_helper();
    village.house.expect_errors(&["network helper", "guests"]);
    village.start_gateway_alone();
    until_staff_has_names(&village);
    village.segments.start_helper();
    village.until_in_force();
    until_staff_has_names(&village);
}

#[test]
fn who_was_in_when_the_helper_went_is_told_as_last_known_also_after_a_start() {
    let mut village = GuestVillage::start("");
    village.set_rules(&json!({}));
    village.enter("phone", 4);
    assert!(village.is_online("phone"));
    village.segments.kill_helper();
    village.house.expect_errors(&["network helper", "guests"]);
    let list = || village.house.cli(&["guest", "list"]);
    until("as last known", || {
        let (code, list) = list();
        code == 2 && list.contains("Lúc còn liên lạc: 1 máy")
    });
    assert!(village.is_online("phone"), "the kernel goes on by itself");
    let used = |village: &GuestVillage| {
        let list = village.house.cli(&["guest", "list", "--json"]).1;
        let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
        (list["used_today"].as_u64(), list["devices"].clone())
    };
    let before = used(&village);
    assert_eq!(village.house.stop(), Some(0));
    village.start_gateway_alone();
    let after = used(&village);
    assert_eq!(after.0, before.0, "it is read from disk");
    assert_eq!(after.1[0]["id"], before.1[0]["id"]);
    assert!(!after.1[0]["since"].is_null(), "{}", after.1);
    village.segments.start_helper();
    village.until_in_force();
    assert!(
        village
            .house
            .cli(&["guest", "list"])
            .1
            .starts_with("1 máy đang dùng")
    );
}
