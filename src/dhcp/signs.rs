//! Signs in the leases of how the wifi is put together, for the technician: a box that stands
//! between many phones and this one, and a segment that has no address left.
//!
//! An access point must be a bridge. One that is set up as a router, or a repeater, shows all
//! phones behind it as one device: one tap lets all of them in, and they share one allowance.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::leases::Lease;
use super::pool::{Pool, SegmentUse, segment_of, served};
use crate::config::network::NetworkConfig;
use crate::protocol::netd::MacAddress;

/// A device that has so many addresses is many devices: two are a computer with two systems.
const MANY_ADDRESSES: usize = 3;
/// A pool of which so much is taken, percent, is nearly full.
const NEARLY_FULL_PERCENT: u32 = 80;

/// Something that the technician should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// One hardware address has many leases: a repeater that asks for those behind it.
    ManyAddresses {
        /// The device.
        mac: MacAddress,
        /// How many.
        count: usize,
    },
    /// Devices that asked as themselves send through one other: a repeater that passes their
    /// requests on.
    BehindOne {
        /// The device through which they send.
        mac: MacAddress,
        /// How many.
        count: usize,
    },
    /// Nearly every address is given out.
    NearlyFull {
        /// The segment.
        purpose: SegmentUse,
        /// Addresses that are taken.
        taken: u32,
        /// Addresses in all.
        size: u32,
    },
}

/// All signs in these leases. `neighbors` says through which hardware address the kernel reaches an
/// address.
#[must_use]
pub fn of(
    leases: &[Lease],
    neighbors: &BTreeMap<Ipv4Addr, MacAddress>,
    network: &NetworkConfig,
) -> Vec<Sign> {
    let mut signs = Vec::new();
    let mut addresses: BTreeMap<MacAddress, BTreeSet<Ipv4Addr>> = BTreeMap::new();
    let mut behind: BTreeMap<MacAddress, BTreeSet<MacAddress>> = BTreeMap::new();
    let mut taken: BTreeMap<SegmentUse, u32> = BTreeMap::new();
    for lease in leases {
        addresses
            .entry(lease.mac)
            .or_default()
            .insert(lease.address);
        if let Some(sender) = neighbors
            .get(&lease.address)
            .filter(|mac| **mac != lease.mac)
        {
            behind.entry(*sender).or_default().insert(lease.mac);
        }
        if let Some(purpose) = segment_of(network, lease.address) {
            *taken.entry(purpose).or_default() += 1;
        }
    }
    for (mac, of_it) in addresses {
        let count = of_it.len();
        if count >= MANY_ADDRESSES {
            signs.push(Sign::ManyAddresses { mac, count });
        }
    }
    for (mac, through_it) in behind {
        let count = through_it.len();
        if count > 1 {
            signs.push(Sign::BehindOne { mac, count });
        }
    }
    for (purpose, segment) in served(network) {
        let size = Pool::of(purpose, segment).map_or(0, Pool::size);
        let taken = taken.get(&purpose).copied().unwrap_or(0);
        // A handful of addresses fills up in the ordinary way.
        if size >= 10 && taken * 100 >= size * NEARLY_FULL_PERCENT {
            signs.push(Sign::NearlyFull {
                purpose,
                taken,
                size,
            });
        }
    }
    signs
}

/// The rows of `/proc/net/arp` that the kernel has heard: `address type flags hardware mask …`.
#[must_use]
pub fn neighbors(table: &str) -> BTreeMap<Ipv4Addr, MacAddress> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, "0x1", flags, mac, ..] = words[..] else {
            return None;
        };
        let is_heard = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()? & 2 != 0;
        let mac: MacAddress = mac.parse().ok()?;
        (is_heard && mac.is_of_one_device()).then_some((address.parse().ok()?, mac))
    };
    table.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(last: u8) -> MacAddress {
        MacAddress::new([0xaa, 0, 0, 0, 0, last])
    }

    fn lease(last: u8, address: u8) -> Lease {
        Lease {
            mac: mac(last),
            address: Ipv4Addr::new(10, 7, 0, address),
            until: None,
            name: None,
        }
    }

    fn network(v4: &str) -> NetworkConfig {
        let segment = serde_json::json!({ "interface": "guest0", "v4": v4 });
        NetworkConfig {
            guest: serde_json::from_value(segment).ok(),
            ..NetworkConfig::default()
        }
    }

    #[test]
    fn one_device_with_many_addresses_is_a_repeater() {
        let network = network("10.7.0.1/24");
        let two = [lease(1, 11), lease(1, 12)];
        assert_eq!(of(&two, &BTreeMap::new(), &network), []);
        let three = [lease(1, 11), lease(1, 12), lease(1, 13), lease(2, 14)];
        let sign = Sign::ManyAddresses {
            mac: mac(1),
            count: 3,
        };
        assert_eq!(of(&three, &BTreeMap::new(), &network), [sign]);
    }

    #[test]
    fn devices_that_send_through_another_are_told() {
        let table = "IP address       HW type     Flags       HW address         Mask  Device\n\
            10.7.0.11        0x1         0x2         aa:00:00:00:00:09     *        guest0\n\
            10.7.0.12        0x1         0x2         aa:00:00:00:00:09     *        guest0\n\
            10.7.0.13        0x1         0x2         aa:00:00:00:00:03     *        guest0\n\
            10.7.0.14        0x1         0x0         00:00:00:00:00:00     *        guest0\n\
            broken\n";
        let known = neighbors(table);
        assert_eq!(known.len(), 3);
        let leases = [lease(1, 11), lease(2, 12), lease(3, 13), lease(4, 14)];
        let sign = Sign::BehindOne {
            mac: mac(9),
            count: 2,
        };
        assert_eq!(of(&leases, &known, &network("10.7.0.1/24")), [sign]);
    }

    #[test]
    fn a_segment_with_few_addresses_left_is_told() {
        let small = network("10.7.0.1/28");
        let leases: Vec<Lease> = (2..13).map(|n| lease(n, n)).collect();
        let sign = Sign::NearlyFull {
            purpose: SegmentUse::Guest,
            taken: 11,
            size: 13,
        };
        assert_eq!(of(&leases, &BTreeMap::new(), &small), [sign]);
        assert_eq!(of(&leases[1..], &BTreeMap::new(), &small), []);
    }
}
