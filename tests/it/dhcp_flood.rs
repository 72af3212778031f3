//! One phone that makes up devices which ask for addresses: whoever has an address keeps it,
//! newcomers get one, and the server goes on. The real `dnsmasq` behind the real rules.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::dhcp::{answer, served, village};
use crate::support::dhcp::{ask, flood};

const PHONE_2: [u8; 6] = [2, 0, 0, 0, 7, 0x12];
const NEWCOMER: [u8; 6] = [2, 0, 0, 0, 9, 1];

#[test]
fn a_phone_that_makes_up_devices_takes_few_addresses_and_nobody_elses() {
    let segments = village();
    let role = served(&segments);
    let mine = answer(&segments, "phone2", "wlan0", PHONE_2, b"").address;
    // The one that answers, and not the one before it that looked at the configuration.
    let server = role.dnsmasq();
    // It wishes every address that there is, and then asks for five thousand.
    let all: Vec<Ipv4Addr> = (1..1_023)
        .map(|n| Ipv4Addr::from_bits(Ipv4Addr::new(10, 7, 0, 0).to_bits() + n))
        .collect();
    let began = Instant::now();
    flood(&segments, "phone", "wlan0", 0, &all);
    let renewed = answer(&segments, "phone2", "wlan0", PHONE_2, b"").address;
    assert_eq!(renewed, mine, "after the wishes");
    flood(&segments, "phone", "wlan0", 5_000, &[]);
    let renewed = answer(&segments, "phone2", "wlan0", PHONE_2, b"").address;
    assert_eq!(renewed, mine, "after the questions");
    // Wishes take addresses; its radio is counted, whatever devices it makes up.
    let leases = role.leases().len();
    println!("{leases} leases after {:?}", began.elapsed());
    assert!((10..=1 + 60 + 5).contains(&leases), "{leases}");
    let newcomer = ask(&segments, "phone2", "wlan0", NEWCOMER, b"");
    let newcomer = newcomer.expect("an address for a newcomer").address;
    assert!(newcomer != mine && newcomer.octets()[..2] == [10, 7]);
    assert_eq!(role.dnsmasq(), server, "the server goes on");
    assert!(began.elapsed() < Duration::from_secs(60));
}
