//! Which addresses of a segment are given out by themselves, and which a person may reserve.

use std::net::{IpAddr, Ipv4Addr};

use crate::config::network::NetworkConfig;
use crate::protocol::netd::NetworkSegment;

/// Most addresses that a segment gives out: what a machine floods with invented devices is memory.
const MAX_ADDRESSES: u32 = 2_048;

/// The users of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SegmentUse {
    /// Visitors.
    Guest,
    /// Lamps, horns, sensors, cameras.
    Device,
    /// The house's own computers and the chief's phone.
    Staff,
}

impl SegmentUse {
    /// Its name in the configuration and in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Device => "device",
            Self::Staff => "staff",
        }
    }

    /// For how long an address is given, minutes. A phone that left frees its address before the
    /// next crowd comes; a camera that was away for a month still has its own.
    #[must_use]
    pub const fn lease_minutes(self) -> u32 {
        match self {
            Self::Guest => 45,
            Self::Device => 30 * 24 * 60,
            Self::Staff => 12 * 60,
        }
    }
}

/// The segments that are served, with whom they are for.
pub fn served(network: &NetworkConfig) -> impl Iterator<Item = (SegmentUse, &NetworkSegment)> {
    [
        (SegmentUse::Guest, &network.guest),
        (SegmentUse::Device, &network.device),
        (SegmentUse::Staff, &network.staff),
    ]
    .into_iter()
    .filter_map(|(purpose, segment)| Some((purpose, segment.as_ref()?)))
}

/// The addresses that are given out by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// The first.
    pub first: Ipv4Addr,
    /// The last.
    pub last: Ipv4Addr,
    /// Mask of the segment.
    pub netmask: Ipv4Addr,
}

impl Pool {
    /// The pool of a segment; none when it has no IPv4. The lower half of the devices' and the
    /// lower quarter of the staff's segment are left for reservations.
    #[must_use]
    pub fn of(purpose: SegmentUse, segment: &NetworkSegment) -> Option<Self> {
        let (own, first, last) = hosts(segment)?;
        let count = last - first + 1;
        let reserved = match purpose {
            SegmentUse::Guest => 0,
            SegmentUse::Device => count / 2,
            SegmentUse::Staff => count / 4,
        };
        let begin = (first + reserved).max(last.saturating_sub(MAX_ADDRESSES - 1));
        let (mut from, mut to) = (begin, last);
        // The server steps over its own address inside the pool; at its ends it stands outside.
        if from == own {
            from += 1;
        }
        if to == own {
            to -= 1;
        }
        if from > to {
            (from, to) = if own == first {
                (first + 1, last)
            } else {
                (first, own - 1)
            };
        }
        Some(Self {
            first: Ipv4Addr::from_bits(from),
            last: Ipv4Addr::from_bits(to),
            netmask: netmask(segment.v4.prefix()),
        })
    }

    /// How many addresses it has.
    #[must_use]
    pub fn size(self) -> u32 {
        self.last.to_bits() - self.first.to_bits() + 1
    }

    /// Whether it has this address.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

/// Whether a device of the segment can have this address: it is neither the box's nor the segment's
/// own first and last.
#[must_use]
pub fn is_of_a_device(segment: &NetworkSegment, address: Ipv4Addr) -> bool {
    hosts(segment).is_some_and(|(own, first, last)| {
        let address = address.to_bits();
        (first..=last).contains(&address) && address != own
    })
}

/// The segment for which an address can be reserved.
#[must_use]
pub fn reservable(network: &NetworkConfig, address: Ipv4Addr) -> Option<SegmentUse> {
    served(network)
        .filter(|(purpose, _)| *purpose != SegmentUse::Guest)
        .find(|(_, segment)| is_of_a_device(segment, address))
        .map(|(purpose, _)| purpose)
}

/// The segment in which an address lies.
#[must_use]
pub fn segment_of(network: &NetworkConfig, address: Ipv4Addr) -> Option<SegmentUse> {
    served(network)
        .find(|(_, segment)| is_of_a_device(segment, address))
        .map(|(purpose, _)| purpose)
}

/// The box's own address, the first and the last of a device.
fn hosts(segment: &NetworkSegment) -> Option<(u32, u32, u32)> {
    let (IpAddr::V4(own), IpAddr::V4(network)) = (segment.v4.address(), segment.v4.network())
    else {
        return None;
    };
    let broadcast = network.to_bits() | !netmask(segment.v4.prefix()).to_bits();
    Some((own.to_bits(), network.to_bits() + 1, broadcast - 1))
}

/// The mask of so many bits.
fn netmask(prefix: u8) -> Ipv4Addr {
    let bits = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(v4: &str) -> NetworkSegment {
        serde_json::from_value(serde_json::json!({ "interface": "x", "v4": v4 })).expect("one")
    }

    fn ends(purpose: SegmentUse, v4: &str) -> (String, String) {
        let pool = Pool::of(purpose, &segment(v4)).expect("a pool");
        assert!(pool.first <= pool.last, "{v4}");
        (pool.first.to_string(), pool.last.to_string())
    }

    #[test]
    fn a_pool_never_begins_or_ends_with_the_box_and_leaves_room_for_reservations() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        for (purpose, v4, expected) in [
            (
                SegmentUse::Guest,
                "10.7.0.1/22",
                pair("10.7.0.2", "10.7.3.254"),
            ),
            (
                SegmentUse::Guest,
                "10.7.3.254/22",
                pair("10.7.0.1", "10.7.3.253"),
            ),
            (
                SegmentUse::Guest,
                "10.7.1.7/22",
                pair("10.7.0.1", "10.7.3.254"),
            ),
            (
                SegmentUse::Device,
                "10.8.0.1/24",
                pair("10.8.0.128", "10.8.0.254"),
            ),
            (
                SegmentUse::Device,
                "10.8.0.128/24",
                pair("10.8.0.129", "10.8.0.254"),
            ),
            (
                SegmentUse::Staff,
                "10.9.0.1/24",
                pair("10.9.0.64", "10.9.0.254"),
            ),
            (
                SegmentUse::Device,
                "10.8.0.1/30",
                pair("10.8.0.2", "10.8.0.2"),
            ),
            (
                SegmentUse::Device,
                "10.8.0.2/30",
                pair("10.8.0.1", "10.8.0.1"),
            ),
        ] {
            assert_eq!(ends(purpose, v4), expected, "{v4}");
        }
        let wide = Pool::of(SegmentUse::Guest, &segment("10.0.0.1/8")).expect("a pool");
        assert_eq!(wide.size(), MAX_ADDRESSES);
        assert!(!wide.contains(Ipv4Addr::new(10, 0, 0, 1)));
    }

    #[test]
    fn only_addresses_of_devices_and_staff_are_reserved() {
        let network = NetworkConfig {
            guest: Some(segment("10.7.0.1/22")),
            device: Some(segment("10.8.0.1/24")),
            staff: Some(segment("10.9.0.1/24")),
            ..NetworkConfig::default()
        };
        let of = |text: &str| reservable(&network, text.parse().expect("an address"));
        assert_eq!(of("10.8.0.20"), Some(SegmentUse::Device));
        assert_eq!(of("10.8.0.200"), Some(SegmentUse::Device));
        assert_eq!(of("10.9.0.5"), Some(SegmentUse::Staff));
        for no in [
            "10.7.0.20",
            "10.8.0.0",
            "10.8.0.1",
            "10.8.0.255",
            "192.168.1.2",
        ] {
            assert_eq!(of(no), None, "{no}");
        }
        let guest = segment_of(&network, Ipv4Addr::new(10, 7, 0, 20));
        assert_eq!(guest, Some(SegmentUse::Guest));
    }
}
