//! Who has which address of the guest segment: what a neighbour claims against those who have it.

use std::net::{IpAddr, UdpSocket};

use conglang::protocol::netd::{NetdRefusal, NetdReply, NetdRequest};

use crate::segments::{
    CAPTIVE, MANY, ONLINE, PHONE, PHONE_2, done, load, plain, session, slot, usage, village,
};
use crate::support::segments::{HOST, Segments, until};

/// The second phone speaks with these addresses, and with nothing else.
fn take(segments: &Segments, addresses: &[&str]) {
    let own = ["addr", "flush", "dev", "wlan0", "scope", "global"];
    segments.ip("phone2", &own);
    segments.address("phone2", "wlan0", addresses);
    for address in addresses {
        let (family, by) = if address.contains(':') {
            ("-6", "fd00:7::1")
        } else {
            ("-4", "10.7.0.1")
        };
        let by_the_box = [family, "route", "replace", "default", "via", by];
        segments.ip("phone2", &by_the_box);
    }
}

#[test]
fn a_claim_on_an_address_that_somebody_has_is_not_heard() {
    let segments = village();
    load(&segments, vec![session(1, PHONE, 600, MANY)]);
    let taken = ["10.7.0.11", "fd00:7::11"].map(|a| a.parse::<IpAddr>().expect("an address"));
    let is_as_it_was = || {
        for (host, address) in HOST.iter().zip(taken) {
            assert_eq!(plain(&segments, "phone", host), ONLINE, "{host}");
            assert_eq!(segments.neighbor(address), PHONE.parse().ok(), "{host}");
        }
    };
    is_as_it_was();
    take(&segments, &["10.7.0.11/22", "fd00:7::11/64"]);
    for _ in 0..3 {
        segments.ip("phone2", &["neigh", "flush", "dev", "wlan0"]);
        for host in HOST {
            assert_ne!(plain(&segments, "phone2", host), ONLINE, "{host}");
        }
        is_as_it_was();
    }
    // Nothing was heard of the first phone for long: the address is another's, and the session is
    // not.
    segments.ip("phone", &["link", "set", "wlan0", "down"]);
    for (family, set) in [
        ("arp", "homes"),
        ("arp", "taken"),
        ("inet", "homes6"),
        ("inet", "taken6"),
    ] {
        let (ok, text) = segments.exec("box", &["nft", "flush", "set", family, "conglang", set]);
        assert!(ok, "{set}: {text}");
    }
    until("the kernel hears the second phone", || {
        segments.ip("phone2", &["neigh", "flush", "dev", "wlan0"]);
        let pages = HOST.map(|host| plain(&segments, "phone2", host));
        assert!(pages.iter().all(|page| page != ONLINE));
        pages.iter().all(|page| page == CAPTIVE)
            && taken.map(|a| segments.neighbor(a)) == [PHONE_2.parse().ok(); 2]
    });
    // A tap from there is one of the second phone: the slot of the first is not given to it.
    let reply = segments.ask(&NetdRequest::Admit {
        session: session(1, PHONE_2, 600, MANY),
    });
    let NetdReply::Refused { reason, .. } = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(reason, NetdRefusal::NotThisDevice);
    let held = usage(&segments);
    assert_eq!(held[&slot(1)].mac, PHONE.parse().expect("an address"));
    assert_eq!(held.len(), 1);
}

#[test]
fn one_device_claims_few_addresses() {
    let segments = village();
    load(&segments, Vec::new());
    for n in 1..=20 {
        let address = format!("10.7.1.{n}");
        take(&segments, &[&format!("{address}/22")]);
        segments.ip("phone2", &["neigh", "flush", "dev", "wlan0"]);
        segments.inside("phone2", || {
            let socket = UdpSocket::bind((address.as_str(), 0)).expect("a port");
            socket.send_to(b"x", "10.7.0.1:53").expect("sent");
        });
    }
    let list = ["nft", "list", "set", "arp", "conglang", "taken"];
    let claimed = || segments.exec("box", &list).1.matches("10.7.1.").count();
    until("the first ones", || claimed() >= 8);
    assert!(claimed() <= 12, "{}", claimed());
    // Another phone comes in as always.
    let session = session(1, PHONE, 600, MANY);
    done(&segments, &NetdRequest::Admit { session });
    assert_eq!(plain(&segments, "phone", HOST[0]), ONLINE);
}
