//! Requests and answers between the gateway and the network helper over its Unix socket: one JSON
//! object a line.
//!
//! Invariants: every name that ends up in a text for `nft`, `tc` or `dnsmasq` is a type that can
//! hold nothing but a name, an address or a number, so no value of a stranger becomes a command.
//! Deliberately absent: host names of devices, URLs, anything that a guest types.

mod names;
pub mod no_hosts;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use crate::domain::hardware_address::{BadMacAddress, MacAddress};
pub use names::{InterfaceName, NetworkNameError, SubnetAddress};

/// Longest line of either side, bytes: 1,024 sessions and the answers about them fit.
pub const MAX_LINE_BYTES: usize = 512 * 1024;
/// Most addresses in an answer; the kernel's own bound is a quarter of it (`gc_thresh3`).
pub const MAX_NEIGHBORS: usize = 4_096;
/// Most devices with a session at a time.
pub const MAX_SESSIONS: usize = 1_024;
/// Most addresses of the walled garden in one request.
pub const MAX_GARDEN_ADDRESSES: usize = 256;

/// A network that the box serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSegment {
    /// Its interface on the box, often a bridge.
    pub interface: InterfaceName,
    /// The box's IPv4 address on it.
    pub v4: SubnetAddress,
    /// The box's IPv6 address on it; none = the segment has no IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<SubnetAddress>,
}

impl NetworkSegment {
    /// Its network of IPv4, and that of IPv6 where it has one.
    pub fn networks(&self) -> impl Iterator<Item = SubnetAddress> + use<> {
        [Some(self.v4), self.v6].into_iter().flatten()
    }

    /// Whether an address is of a device on it: it lies in it, or is of the link alone.
    #[must_use]
    pub fn is_home_of(&self, address: IpAddr) -> bool {
        let is_of_link = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        is_of_link || self.networks().any(|network| network.contains(address))
    }
}

/// Everything that the ruleset is made of but the sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlan {
    /// The open wifi.
    #[serde(default)]
    pub guest: Option<NetworkSegment>,
    /// Lamps, horns, sensors, cameras.
    #[serde(default)]
    pub device: Option<NetworkSegment>,
    /// The house's own computers and the chief's phone.
    #[serde(default)]
    pub staff: Option<NetworkSegment>,
    /// Interfaces that lead to the internet.
    #[serde(default)]
    pub uplinks: Vec<InterfaceName>,
    /// Where the gateway listens.
    pub ports: ServicePorts,
    /// The bounds of one guest's device.
    #[serde(default)]
    pub limits: DeviceLimits,
    /// Speed of the guests together and of one of them.
    #[serde(default)]
    pub rates: GuestRates,
}

impl NetworkPlan {
    /// The segments that the box serves.
    pub fn segments(&self) -> impl Iterator<Item = &NetworkSegment> {
        [&self.guest, &self.device, &self.staff]
            .into_iter()
            .flatten()
    }

    /// The networks of the house: nobody is led into one of them by a name, a garden or a route.
    pub fn own_networks(&self) -> impl Iterator<Item = SubnetAddress> + '_ {
        self.segments().flat_map(NetworkSegment::networks)
    }

    /// Whether no two segments or uplinks share an interface or an address, and every address is of
    /// its family.
    #[must_use]
    pub fn is_disjoint(&self) -> bool {
        let mut interfaces: Vec<&InterfaceName> = self.segments().map(|s| &s.interface).collect();
        interfaces.extend(&self.uplinks);
        let total = interfaces.len();
        interfaces.sort();
        interfaces.dedup();
        let networks: Vec<SubnetAddress> = self.own_networks().collect();
        let pairs = networks.iter().enumerate();
        let is_apart = |(i, one): (usize, &SubnetAddress)| {
            let others = networks.iter().skip(i + 1);
            others.into_iter().all(|other| !one.overlaps(*other))
        };
        interfaces.len() == total
            && pairs.into_iter().all(is_apart)
            && self
                .segments()
                .all(|s| s.v4.address().is_ipv4() && s.v6.is_none_or(|v6| v6.address().is_ipv6()))
    }
}

/// Ports of the gateway, as it listens on them without privilege.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePorts {
    /// The portal over HTTP; guests reach it at port 80.
    pub portal: u16,
    /// The portal over HTTPS, with a certificate that phones accept; guests reach it at port 443.
    #[serde(default)]
    pub portal_tls: Option<u16>,
    /// The forwarder of names; guests and staff reach it at port 53.
    pub dns: u16,
    /// Ports of the device segment: MQTT, sounds for receivers.
    #[serde(default)]
    pub device: Vec<u16>,
    /// Ports of the staff segment: the dashboard, SSH.
    #[serde(default)]
    pub staff: Vec<u16>,
    /// Ports that the uplink may open: none, unless the technician works from there.
    #[serde(default)]
    pub uplink: Vec<u16>,
}

/// Bounds of one guest's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceLimits {
    /// Connections at a time.
    pub connections: u32,
    /// Questions for names a second.
    pub dns_per_second: u32,
    /// New connections to the portal a second.
    pub portal_per_second: u32,
}

impl Default for DeviceLimits {
    fn default() -> Self {
        Self {
            connections: 200,
            dns_per_second: 30,
            portal_per_second: 20,
        }
    }
}

/// Speeds, kbit/s; none = not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestRates {
    /// All guests together, each direction.
    pub all_kbit: Option<u32>,
    /// One device, each direction.
    pub device_kbit: Option<u32>,
}

/// Number of a device's session in the kernel: the mark of its connections. 0 marks everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct SlotId(u16);

impl SlotId {
    /// None for 0 and beyond [`MAX_SESSIONS`].
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        ((1..=MAX_SESSIONS).contains(&usize::from(number))).then_some(Self(number))
    }

    /// The mark.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for SlotId {
    type Error = &'static str;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("no such slot")
    }
}

impl From<SlotId> for u16 {
    fn from(slot: SlotId) -> Self {
        slot.0
    }
}

/// A device that is let into the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestSession {
    /// Its mark.
    pub slot: SlotId,
    /// The device.
    pub mac: MacAddress,
    /// How long from now, s: at least 1.
    pub seconds: u32,
    /// Bytes of both directions that it may use in all.
    pub quota_bytes: u64,
    /// Bytes of them that are used.
    pub used_bytes: u64,
}

/// A request of the gateway to the helper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum NetdRequest {
    /// Put the whole of it in force in one transaction. A session that runs goes on with the bytes
    /// that the kernel has counted, if these are more; one that is not named ends.
    Load {
        /// Segments, ports, bounds.
        plan: Box<NetworkPlan>,
        /// Devices that are in.
        sessions: Vec<GuestSession>,
        /// Uplinks that guests may use now; none = only the portal.
        open_uplinks: Vec<InterfaceName>,
    },
    /// Let a device in, or change how long and how much.
    Admit {
        /// The device and its bounds.
        session: GuestSession,
    },
    /// End a session, in the middle of a download too.
    Cut {
        /// Its mark.
        slot: SlotId,
    },
    /// Many of both in one transaction: all of it, or nothing.
    Change {
        /// Sessions to end.
        cut: Vec<SlotId>,
        /// Devices and their bounds.
        admit: Vec<GuestSession>,
    },
    /// Uplinks that guests may use from now on.
    OpenUplinks {
        /// None = only the portal and, over any uplink, the walled garden.
        uplinks: Vec<InterfaceName>,
    },
    /// Addresses that anybody may reach without a session, for some seconds.
    Garden {
        /// Address and seconds.
        addresses: Vec<(IpAddr, u32)>,
    },
    /// Close every address of the garden: its names are others now.
    CloseGarden,
    /// The use of the sessions.
    Usage,
    /// The devices of the guest segment by address.
    Neighbors,
}

/// Answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum NetdReply {
    /// It is in force in the kernel.
    Done,
    /// The sessions that run.
    Usage {
        /// One for each.
        slots: Vec<SlotUsage>,
    },
    /// The addresses of the guest segment whose devices the kernel heard lately; at most
    /// [`MAX_NEIGHBORS`].
    Neighbors {
        /// One for each.
        known: Vec<Neighbor>,
    },
    /// Nothing was changed.
    Refused {
        /// Why.
        reason: NetdRefusal,
        /// The output of the kernel's tool, at most 400 characters; for the technician.
        detail: String,
    },
}

/// An address of the guest segment, and its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbor {
    /// The address.
    pub address: IpAddr,
    /// The hardware address of the device.
    pub mac: MacAddress,
}

/// Bytes of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotUsage {
    /// Its mark.
    pub slot: SlotId,
    /// Its device: a gateway that starts learns from here who is in.
    pub mac: MacAddress,
    /// Bytes of both directions so far.
    pub used_bytes: u64,
    /// Seconds that are left; 0 = it ended by itself.
    pub seconds_left: u32,
}

/// Why the helper changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetdRefusal {
    /// No plan has been loaded.
    NoPlan,
    /// The plan is another one than the configuration's with which the helper was started.
    OtherPlan,
    /// An interface of the plan is not there.
    NoInterface,
    /// Two segments share an interface, an address or a network.
    Overlap,
    /// The line is no request.
    NotARequest,
    /// Too many sessions or addresses.
    TooMany,
    /// The slot is held by another device, or the address is not of one device.
    NotThisDevice,
    /// The kernel refused the ruleset; the one before stays in force.
    Kernel,
    /// `nft` or `tc` is not installed or did not end in time.
    Tool,
}
