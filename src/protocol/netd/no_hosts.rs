//! Ranges of addresses that are no hosts of the internet: the one list of the kernel's rules, which
//! forward nobody into them, and of the forwarder of names, which lets no answer lead into them.
//!
//! Sources: IANA's special-purpose registries (RFC 6890), RFC 3879 (`fec0::/10`). Ranges for
//! documents are left out on both sides: they are nobody's, and lead nowhere. Invariant: whatever
//! names hide, the kernel closes. The other way around it is not so: the kernel closes whole ranges
//! that carry an address of IPv4 inside, because it cannot look into them, and names judge them by
//! that address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First address and bits of ranges of IPv4: this machine and network, private, carriers'
/// translation, of the link, protocol assignments, benchmarks, groups and what is reserved.
const V4: [(Ipv4Addr, u8); 10] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// Ranges of IPv6 that carry no IPv4: unique local, of the link, of the site, groups.
const V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// Ranges of IPv6 that carry IPv4, and what lies beside them: this machine and IPv4 in IPv6's
/// clothes, translation by a gateway (RFC 6052, 8215), 6to4 (RFC 3056).
const V6_WITH_V4: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::UNSPECIFIED, 64),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// The ranges of IPv4 as a set of the kernel has them: `10.0.0.0/8, …`.
#[must_use]
pub fn closed_v4() -> String {
    let ranges: Vec<String> = V4
        .iter()
        .map(|(first, bits)| format!("{first}/{bits}"))
        .collect();
    ranges.join(", ")
}

/// The same of IPv6, with all that carries IPv4.
#[must_use]
pub fn closed_v6() -> String {
    let ranges = V6_WITH_V4.iter().chain(&V6);
    let ranges: Vec<String> = ranges
        .map(|(first, bits)| format!("{first}/{bits}"))
        .collect();
    ranges.join(", ")
}

/// Whether an address is no host of the internet.
#[must_use]
pub fn is_no_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_no_host_v4(v4),
        IpAddr::V6(v6) => is_no_host_v6(v6),
    }
}

fn is_no_host_v4(v4: Ipv4Addr) -> bool {
    V4.iter().any(|(first, bits)| {
        let others = 32 - u32::from(*bits);
        (v4.to_bits() ^ first.to_bits()) >> others == 0
    })
}

fn is_in(v6: Ipv6Addr, (first, bits): &(Ipv6Addr, u8)) -> bool {
    let others = 128 - u32::from(*bits);
    (v6.to_bits() ^ first.to_bits()) >> others == 0
}

fn is_no_host_v6(v6: Ipv6Addr) -> bool {
    if V6_WITH_V4.iter().any(|range| is_in(v6, range)) {
        return carried(v6).is_none_or(is_no_host_v4);
    }
    V6.iter().any(|range| is_in(v6, range))
}

/// The address of IPv4 that one of IPv6 stands for; none = it stands for no host.
fn carried(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4_of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(v4_of(g, h)),
        (0x2002, high, low, ..) => Some(v4_of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_range_begins_at_its_first_address_and_none_lies_in_another() {
        for (first, bits) in V4 {
            assert_eq!(first.to_bits() << bits, 0, "{first}/{bits}");
            let here = V4.iter().filter(|(other, bits)| {
                (first.to_bits() ^ other.to_bits()) >> (32 - u32::from(*bits)) == 0
            });
            assert_eq!(here.count(), 1, "{first}");
        }
        for (first, bits) in V6.into_iter().chain(V6_WITH_V4) {
            assert_eq!(first.to_bits() << bits, 0, "{first}/{bits}");
            let all = V6.iter().chain(&V6_WITH_V4);
            assert_eq!(
                all.filter(|range| is_in(first, range)).count(),
                1,
                "{first}"
            );
        }
    }

    #[test]
    fn names_look_into_what_the_kernel_closes_whole() {
        for (text, is_hidden) in [
            ("64:ff9b::1.1.1.1", false),
            ("64:ff9b::10.0.0.1", true),
            ("::ffff:1.1.1.1", false),
            ("2002:101:101::1", false),
            ("2002:a00:1::1", true),
            ("::1", true),
            ("2606:4700::1111", false),
        ] {
            assert_eq!(is_no_host(ip(text)), is_hidden, "{text}");
        }
        assert!(
            closed_v4().starts_with("0.0.0.0/8, 10.0.0.0/8, "),
            "{}",
            closed_v4()
        );
        assert!(closed_v6().starts_with("::/64, 64:ff9b::/32, 2002::/16, fc00::/7"));
    }
}
