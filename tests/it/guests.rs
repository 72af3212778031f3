//! The free wifi as a visitor, the chief and a power cut meet it: the whole gateway with the real
//! helper, the kernel's rules, phones in namespaces.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use conglang::domain::guest::PROBES;
use serde_json::json;

use crate::support::guest_village::{GuestVillage, ONLINE, at};
use crate::support::names::{self, GARDEN_NAME};
use crate::support::segments::{BOX, GARDEN_HOST, HOST, until};

/// A page that a visitor wants.
const PAGE: (&str, &str) = ("example.com", "/any/page?of=a+visitor");

/// Probes of several makers, and a page. They are few: the kernel bounds what one device asks in a
/// second, and each is asked over both families.
fn requests() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROBES.into_iter().step_by(4).chain([PAGE])
}

fn village() -> GuestVillage {
    let village = GuestVillage::start("");
    village.set_rules(&json!({}));
    village
}

/// Every probe of every family from a phone is led to the portal.
fn assert_captive(village: &GuestVillage, place: &str, families: &[u8]) {
    for family in families {
        for (host, path) in requests() {
            let answer = village.visit(place, *family, host, path);
            let answer = answer.unwrap_or_else(|| panic!("{host} over IPv{family}: no answer"));
            assert_eq!(answer.status, 302, "{host} over IPv{family}: {answer:?}");
            let header = |name| answer.header(name).unwrap_or_default().to_lowercase();
            assert!(header("location").starts_with("http://"), "{answer:?}");
            assert_eq!(header("connection"), "close", "{answer:?}");
            assert!(header("cache-control").contains("no-store"), "{answer:?}");
        }
    }
}

/// Waits until the portal tells a phone this.
fn until_told(village: &GuestVillage, place: &str, words: &str) {
    until(words, || {
        let page = village.get(place, &at(BOX[0], 80), BOX[0], "/");
        page.is_some_and(|p| p.status == 200 && p.body.contains(words))
    });
}

/// Leaves nothing of ours in the kernel, as a boot does.
fn empty_the_kernel(village: &mut GuestVillage) {
    village.segments.kill_helper();
    let emptied = village
        .segments
        .exec("box", &["nft", "delete", "table", "inet", "conglang"]);
    assert!(emptied.0, "{}", emptied.1);
    village.segments.start_helper();
}

fn assert_online(village: &GuestVillage, place: &str, families: &[u8]) {
    for family in families {
        for (host, path) in requests() {
            let answer = village.visit(place, *family, host, path);
            let status = answer.map(|a| a.status);
            assert_eq!(status, Some(ONLINE), "{host} over IPv{family}");
        }
    }
}

#[test]
fn a_phone_is_led_to_the_portal_and_one_tap_lets_it_in() {
    let village = village();
    assert_captive(&village, "phone", &[4, 6]);
    // The portal comes by the box's names too, and says where it is.
    let page = village.visit("phone", 4, "nhavanhoa.lan", "/");
    assert_eq!(page.expect("the portal").status, 200);
    let began = Instant::now();
    let done = village.tap("phone", 4);
    let took = began.elapsed();
    assert_eq!(done.status, 200, "{done:?}");
    // The kernel had the session before the page was sent: the very next probe is online.
    assert_online(&village, "phone", &[4, 6]);
    assert_captive(&village, "phone2", &[4, 6]);
    println!("tap to page {took:?}");
    // The same over IPv6 alone.
    assert_eq!(village.tap("phone2", 6).status, 200);
    assert_online(&village, "phone2", &[6, 4]);
}

#[test]
fn with_the_uplink_down_the_portal_comes_and_nobody_is_told_a_lie() {
    let village = village();
    village.enter("phone", 4);
    assert_online(&village, "phone", &[4]);
    village.segments.ip("box", &["link", "set", "up0", "down"]);
    until_told(&village, "phone", "Nhà văn hóa đang mất mạng");
    // Names are answered, with addresses that are not private: Android asks no private one.
    assert_captive(&village, "phone", &[4, 6]);
    assert_captive(&village, "phone2", &[4, 6]);
    let page = village.get("phone2", &at(BOX[0], 80), BOX[0], "/t");
    assert_eq!(page.expect("notices").status, 200);
    village.segments.ip("box", &["link", "set", "up0", "up"]);
    // A link that goes down loses its addresses of IPv6.
    village
        .segments
        .address("box", "up0", &["2001:db8:1::2/64"]);
    village.segments.route_by(0);
    // The one who was in is in again by itself.
    until("online again", || village.is_online("phone"));
    assert_captive(&village, "phone2", &[4]);
}

#[test]
fn a_day_that_is_used_up_stays_used_up_across_joining_and_restarts() {
    let mut village = village();
    village.set_rules(&json!({ "device_mb": 5 }));
    village.enter("phone", 4);
    let (_, bytes) = village
        .segments
        .get("phone", &at(HOST[0], 443))
        .expect("begins");
    assert!((4_000_000..5_000_000).contains(&bytes), "{bytes}");
    let used_up = "Máy này đã dùng hết phần của hôm nay";
    until_told(&village, "phone", used_up);
    assert_captive(&village, "phone", &[4]);
    // It joins again, and taps again.
    village.tap("phone", 4);
    assert_captive(&village, "phone", &[4]);
    // The power fails: what a session used is on disk soon after it ended.
    let file = village.house.dir.join("data/guests/use.json");
    until("the use is on disk", || {
        let kept = std::fs::read(&file).unwrap_or_default();
        let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap_or_default();
        kept["house"].as_u64().is_some_and(|used| used > 4_000_000)
    });
    village.house.kill();
    empty_the_kernel(&mut village);
    village.start_gateway();
    until_told(&village, "phone", used_up);
    village.tap("phone", 4);
    assert_captive(&village, "phone", &[4]);
    // Another device has its own day.
    village.enter("phone2", 4);
    assert_online(&village, "phone2", &[4]);
}

#[test]
fn a_gateway_or_a_helper_that_dies_changes_nothing_for_those_who_are_in() {
    let mut village = village();
    village.enter("phone", 4);
    let mut download = village.download();
    let mut piece = vec![0; 64 * 1_024];
    let mut read = |download: &mut TcpStream| download.read(&mut piece).is_ok_and(|n| n > 0);
    assert!(read(&mut download));
    village.house.kill();
    assert!(read(&mut download), "the kernel goes on");
    village.start_gateway();
    assert_online(&village, "phone", &[4]);
    assert_captive(&village, "phone2", &[4]);
    // The helper dies: the gateway says so, and whoever is in stays in.
    village.house.expect_errors(&["network helper", "guests"]);
    village.segments.kill_helper();
    assert!(village.segments.get("phone", &at(HOST[1], 80)).is_ok());
    let refused = village.tap("phone2", 4);
    let told = format!("{refused:?}");
    assert!(told.contains("Wifi đang trục trặc"), "{told}");
    assert!(!village.is_online("phone2"), "{told}");
    village.segments.start_helper();
    village.until_in_force();
    assert_online(&village, "phone", &[4]);
    village.enter("phone2", 4);
    assert_online(&village, "phone2", &[4]);
}

#[test]
fn a_metered_uplink_stops_a_running_download_and_fibre_brings_it_back() {
    let village = village();
    village.enter("phone", 4);
    let mut download = village.download();
    village.segments.route_by(1);
    let began = Instant::now();
    let limit = Some(Duration::from_millis(300));
    download.set_read_timeout(limit).expect("timeout");
    let mut piece = vec![0; 64 * 1_024];
    // Nothing more comes: the stream is silent or cut.
    while download.read(&mut piece).is_ok_and(|n| n > 0) {
        assert!(began.elapsed() < Duration::from_secs(2), "it goes on");
    }
    until_told(&village, "phone", "Đang dùng mạng 4G");
    // The garden goes on, and costs nobody's day.
    let garden = village
        .visit("phone", 4, GARDEN_NAME, "/")
        .expect("the garden");
    assert_eq!(garden.status, ONLINE);
    village.segments.route_by(0);
    until("fibre is back", || village.is_online("phone"));
}

#[test]
fn a_garden_whose_time_ended_in_the_kernel_opens_again_from_the_cache() {
    let village = village();
    for (family, host, set) in [
        (4, GARDEN_HOST[0], "garden4"),
        (6, GARDEN_HOST[1], "garden6"),
    ] {
        let by_name = || {
            std::thread::sleep(Duration::from_millis(200));
            let page = village.visit("phone2", family, GARDEN_NAME, "/");
            page.map(|page| page.status)
        };
        until("the garden is open", || by_name() == Some(ONLINE));
        // It ends in the kernel before its time, and the forwarder does not know.
        let soon = format!(
            "delete element inet conglang {set} {{ {host} }}; \
             add element inet conglang {set} {{ {host} timeout 1s }}"
        );
        let (is_done, said) = village.segments.exec("box", &["nft", &soon]);
        assert!(is_done, "{said}");
        let list = ["nft", "list", "set", "inet", "conglang", set];
        until("it is gone", || {
            !village.segments.exec("box", &list).1.contains(host)
        });
        let by_address = village.get("phone2", &at(host, 80), GARDEN_NAME, "/");
        assert_eq!(by_address.map(|page| page.status), Some(302), "{host}");
        until("it is open again", || by_name() == Some(ONLINE));
    }
}

#[test]
fn what_the_house_has_for_a_day_ends_for_everybody_and_stays_used_up() {
    let mut village = village();
    village.set_rules(&json!({ "house_mb": 5 }));
    village.enter("phone", 4);
    village.enter("phone2", 4);
    let (_, bytes) = village
        .segments
        .get("phone", &at(HOST[0], 443))
        .expect("begins");
    assert!(bytes > 4_000_000, "{bytes}");
    let used_up = "Hôm nay wifi của thôn đã dùng hết";
    for place in ["phone", "phone2"] {
        until_told(&village, place, used_up);
        assert_captive(&village, place, &[4]);
        village.tap(place, 4);
        assert_captive(&village, place, &[4]);
    }
    village.house.expect_errors(&["network helper", "guests"]);
    empty_the_kernel(&mut village);
    village.until_in_force();
    until_told(&village, "phone2", used_up);
    // The chief gives it more: whoever taps is in.
    village.set_rules(&json!({ "house_mb": 1_000 }));
    village.enter("phone2", 4);
    assert_online(&village, "phone2", &[4]);
}

#[test]
fn the_garden_needs_no_tap_also_when_the_name_comes_from_the_cache() {
    let mut village = village();
    // The rules with the garden have just been given.
    until("the garden", || {
        let garden = village.visit("phone", 4, GARDEN_NAME, "/");
        garden.is_some_and(|g| g.status == ONLINE)
    });
    for family in [4, 6] {
        for _ in 0..3 {
            let garden = village.visit("phone", family, GARDEN_NAME, "/");
            assert_eq!(garden.map(|g| g.status), Some(ONLINE), "IPv{family}");
        }
    }
    // A boot of the kernel's rules: the names are still in the cache, and are open again.
    village.house.expect_errors(&["network helper", "guests"]);
    empty_the_kernel(&mut village);
    village.until_in_force();
    for family in [4, 6] {
        let garden = village.visit("phone", family, GARDEN_NAME, "/");
        assert_eq!(garden.map(|g| g.status), Some(ONLINE), "IPv{family}");
    }
    assert_captive(&village, "phone", &[4]);
    // The garden that the village gives up is closed at once.
    village.set_rules(&json!({ "garden": [] }));
    until("the garden is closed", || {
        let direct = village.segments.get("phone2", &at(GARDEN_HOST[0], 80));
        direct.is_ok_and(|(line, _)| line.contains("302"))
    });
}

#[test]
fn the_chief_on_the_staff_wifi_opens_his_page_with_the_uplink_cut() {
    let village = village();
    village.segments.ip("box", &["link", "set", "up0", "down"]);
    let began = Instant::now();
    let found = names::ask(&village.segments, "staff", "10.9.0.1:53", "nhavanhoa.lan");
    assert_eq!(found, Some(vec!["10.9.0.1".parse().expect("an address")]));
    let page = village.get("staff", "10.9.0.1:8081", "nhavanhoa.lan:8081", "/sign-in");
    assert!(began.elapsed() < Duration::from_secs(3));
    let page = page.expect("the dashboard answers");
    assert_eq!(page.status, 200, "{}", page.head);
    assert!(page.body.contains("Đăng nhập"), "{}", page.body);
}

#[test]
fn the_portal_leads_the_staff_to_the_dashboard_and_tells_guests_why_it_does_not() {
    let village = village();
    let staff = |path: &str| {
        let page = village.get("staff", "10.9.0.1:80", "nhavanhoa.lan", path);
        page.expect("the portal answers")
    };
    for path in ["/", "/rules?lang=vi"] {
        let page = staff(path).body;
        assert!(page.contains("Mở trang quản lý"), "{path}: {page}");
    }
    let way = staff("/manage?lang=vi");
    let url = way.header("location").unwrap_or_default();
    assert_eq!((way.status, url), (302, "http://nhavanhoa.lan:8081/"));
    let page = village.get("staff", "10.9.0.1:8081", "nhavanhoa.lan:8081", "/sign-in");
    assert_eq!(page.map(|p| p.status), Some(200), "it opens there");
    // A guest gets the reason, before and after the tap, and no way.
    for is_in in [false, true] {
        if is_in {
            village.enter("phone", 4);
        }
        let guest = |path: &str| village.visit("phone", 4, "nhavanhoa.lan", path);
        let page = guest("/").expect("the portal").body;
        let has_reason = page.contains("/rules?lang=vi#manage");
        assert!(has_reason && !page.contains("/manage?"), "{page}");
        let rules = guest("/rules?lang=vi").expect("the rules").body;
        assert!(
            rules.contains("Trang quản lý không mở được từ wifi này"),
            "{rules}"
        );
        let led = guest("/manage?lang=vi").expect("an answer");
        assert_eq!(led.header("location"), Some("/rules?lang=vi"));
        for host in [BOX[0], BOX[1], "10.9.0.1", "203.0.113.2"] {
            let reached = village.segments.connect("phone", &at(host, 8_081));
            assert!(reached.is_err(), "{host}");
        }
    }
}

#[test]
fn rules_of_the_chief_hold_for_those_who_are_in() {
    let village = village();
    village.enter("phone", 4);
    assert_online(&village, "phone", &[4]);
    village.set_rules(&json!({ "is_on": false }));
    until("it is off", || !village.is_online("phone"));
    assert_captive(&village, "phone", &[4]);
    village.set_rules(&json!({ "most_devices": 1 }));
    village.enter("phone", 4);
    assert_online(&village, "phone", &[4]);
    village.tap("phone2", 4);
    assert!(!village.is_online("phone2"));
}

#[test]
fn a_device_without_a_browser_is_let_in_and_a_blocked_one_is_not() {
    let village = village();
    village.enter("phone2", 4);
    assert_online(&village, "phone2", &[4]);
    let (code, list) = village.house.cli(&["guest", "list", "--json"]);
    assert_eq!(code, 0, "{list}");
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    let id = list["devices"][0]["id"].as_str().expect("an id").to_owned();
    let decide = |standing: &str| {
        let device = json!({ "id": id, "name": "Ti vi hội trường", "standing": standing });
        village.command(&json!({ "do": "DecideGuest", "device": device }));
    };
    decide("blocked");
    until("it is put out", || !village.is_online("phone2"));
    village.tap("phone2", 4);
    assert!(!village.is_online("phone2"));
    decide("always_in");
    // It asks for a name as a television does, and nobody taps.
    until("it is in by itself", || village.is_online("phone2"));
}

#[test]
fn rules_that_somebody_flushed_come_back_with_those_who_are_in() {
    let village = village();
    village.enter("phone", 4);
    let flushed = village.segments.exec("box", &["nft", "flush", "ruleset"]);
    assert!(flushed.0, "{}", flushed.1);
    until("the rules are there again", || {
        let table = ["nft", "list", "table", "inet", "conglang"];
        village.segments.exec("box", &table).0
    });
    assert_captive(&village, "phone2", &[4, 6]);
    assert_online(&village, "phone", &[4]);
}
