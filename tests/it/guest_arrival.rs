//! A phone arrives at the free wifi: from its first word to the first screen, with the real
//! `dnsmasq`, the network helper, the kernel's rules and the whole gateway.
//!
//! Joining the radio itself is the part of `scripts/radio`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::dhcp::{DhcpRole, NETWORK, ask};
use crate::support::guest_village::GuestVillage;
use crate::support::segments::{BOX, until};

/// How long a visitor looks at a phone that shows nothing.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn the_portal_comes_within_three_seconds_of_a_phones_first_word() {
    let village = GuestVillage::start("");
    village.set_rules(&json!({}));
    let segments = &village.segments;
    let mut role = DhcpRole::new(NETWORK);
    role.start(segments);
    until("dnsmasq runs", || role.dnsmasq().is_some());
    for (place, last) in [("phone", 0x11), ("phone2", 0x12)] {
        segments.ip(place, &["addr", "flush", "dev", "wlan0"]);
        let began = Instant::now();
        let lease = ask(segments, place, "wlan0", [2, 0, 0, 0, 7, last], b"");
        let lease = lease.expect("an address");
        let given = Some(BOX[0].parse().expect("an address"));
        assert_eq!((lease.address_of(3), lease.address_of(6)), (given, given));
        let own = format!("{}/22", lease.address);
        segments.ip(place, &["addr", "add", &own, "dev", "wlan0"]);
        segments.ip(place, &["route", "add", "default", "via", BOX[0]]);
        let probe = ("connectivitycheck.gstatic.com", "/generate_204");
        let led = village.visit(place, 4, probe.0, probe.1).expect("led");
        let to = led.header("location").unwrap_or_default();
        assert_eq!((led.status, to), (302, "http://nhavanhoa.lan/"));
        let page = village.visit(place, 4, "nhavanhoa.lan", "/");
        let took = began.elapsed();
        let page = page.expect("the portal");
        assert_eq!(page.status, 200, "{}", page.head);
        assert!(page.body.contains("action=\"/in"), "{}", page.body);
        println!("{place}: {took:?} from its first word to the portal");
        assert!(took <= PATIENCE, "{place}: {took:?}");
    }
    role.end(rustix::process::Signal::TERM);
}
