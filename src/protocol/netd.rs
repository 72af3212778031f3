//! Requests and answers between the gateway and the network helper over its Unix socket: one JSON
//! object a line.
//!
//! Invariants: every name that ends up in a text for `nft`, `tc` or `dnsmasq` is a type that can
//! hold nothing but a name, an address or a number, so no value of a stranger becomes a command.
//! Deliberately absent: host names of devices, URLs, anything that a guest types.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest line of either side, bytes: 1,024 sessions and the answers about them fit.
pub const MAX_LINE_BYTES: usize = 512 * 1024;
/// Most devices with a session at a time.
pub const MAX_SESSIONS: usize = 1_024;
/// Most addresses of the walled garden in one request.
pub const MAX_GARDEN_ADDRESSES: usize = 256;

/// Why a text is not a name of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkNameError {
    /// Interfaces are named by 1–15 letters, digits, `-`, `_` or `.` (Linux: `IFNAMSIZ` − 1).
    #[error("an interface is named by 1 to 15 letters, digits, “-”, “_” or “.”")]
    Interface,
    /// Six pairs of hexadecimal digits with colons between them.
    #[error("a hardware address is six pairs of hexadecimal digits with colons between them")]
    Mac,
    /// An address, a slash, and the number of bits that the segment shares.
    #[error("a segment's address is written like 10.7.0.1/22 or fd00:7::1/64")]
    Subnet,
}

/// Name of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

impl InterfaceName {
    /// # Errors
    /// [`NetworkNameError::Interface`].
    pub fn new(name: &str) -> Result<Self, NetworkNameError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = (1..=15).contains(&name.len())
            && name.chars().all(is_plain)
            && !name.starts_with(['-', '.']);
        if is_name {
            Ok(Self(name.to_owned()))
        } else {
            Err(NetworkNameError::Interface)
        }
    }

    /// The name as the kernel has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = NetworkNameError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// Hardware address of a device on Ethernet or wifi.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// From its six bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// Its six bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// Whether the device made it up (the bit “locally administered” of IEEE 802): phones do so for
    /// each network, and some make a new one each time.
    #[must_use]
    pub const fn is_random(self) -> bool {
        self.0[0] & 0b10 != 0
    }

    /// Whether one device can have it: neither a group address nor all zeros.
    #[must_use]
    pub fn is_of_one_device(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }
}

impl FromStr for MacAddress {
    type Err = NetworkNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().ok_or(NetworkNameError::Mac)?;
            if pair.len() != 2 || !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(NetworkNameError::Mac);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NetworkNameError::Mac)?;
        }
        if pairs.next().is_some() {
            return Err(NetworkNameError::Mac);
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for MacAddress {
    type Error = NetworkNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(to, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

/// The box's address on a segment and the segment's size: `10.7.0.1/22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubnetAddress {
    address: IpAddr,
    prefix: u8,
}

impl SubnetAddress {
    /// The box's own address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Bits that all addresses of the segment share.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether the two segments have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let shorter = self.prefix.min(other.prefix);
        let wide = |subnet: Self| Self {
            prefix: shorter,
            ..subnet
        };
        wide(self).network() == wide(other).network()
    }

    /// The first address of the segment.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix));
                Ipv4Addr::from_bits(address.to_bits() & mask.unwrap_or(0)).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix));
                Ipv6Addr::from_bits(address.to_bits() & mask.unwrap_or(0)).into()
            }
        }
    }
}

impl FromStr for SubnetAddress {
    type Err = NetworkNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').ok_or(NetworkNameError::Subnet)?;
        let address: IpAddr = address.parse().map_err(|_| NetworkNameError::Subnet)?;
        let prefix: u8 = prefix.parse().map_err(|_| NetworkNameError::Subnet)?;
        let longest = if address.is_ipv4() { 30 } else { 64 };
        if !(8..=longest).contains(&prefix) {
            return Err(NetworkNameError::Subnet);
        }
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for SubnetAddress {
    type Error = NetworkNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SubnetAddress> for String {
    fn from(subnet: SubnetAddress) -> Self {
        subnet.to_string()
    }
}

impl fmt::Display for SubnetAddress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}", self.address, self.prefix)
    }
}

/// A network that the box serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Its interface on the box, often a bridge.
    pub interface: InterfaceName,
    /// The box's IPv4 address on it.
    pub v4: SubnetAddress,
    /// The box's IPv6 address on it; none = the segment has no IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<SubnetAddress>,
}

/// Everything that the ruleset is made of but the sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlan {
    /// The open wifi.
    #[serde(default)]
    pub guest: Option<Segment>,
    /// Lamps, horns, sensors, cameras.
    #[serde(default)]
    pub device: Option<Segment>,
    /// The house's own computers and the chief's phone.
    #[serde(default)]
    pub staff: Option<Segment>,
    /// Interfaces that lead to the internet.
    #[serde(default)]
    pub uplinks: Vec<InterfaceName>,
    /// Where the gateway listens.
    pub ports: ServicePorts,
    /// What one guest's device may use at once.
    #[serde(default)]
    pub limits: DeviceLimits,
    /// Speed of the guests together and of one of them.
    #[serde(default)]
    pub rates: GuestRates,
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
pub struct Session {
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

/// What the gateway asks of the helper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum NetdRequest {
    /// Put the whole of it in force in one transaction. A session that runs goes on with the bytes
    /// that the kernel has counted, if these are more; one that is not named ends.
    Load {
        /// Segments, ports, bounds.
        plan: Box<NetworkPlan>,
        /// Devices that are in.
        sessions: Vec<Session>,
        /// Uplinks that guests may use now; none = only the portal.
        open_uplinks: Vec<InterfaceName>,
    },
    /// Let a device in, or change how long and how much.
    Admit {
        /// The device and its bounds.
        session: Session,
    },
    /// End a session, in the middle of a download too.
    Cut {
        /// Its mark.
        slot: SlotId,
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
    /// What the sessions have used.
    Usage,
    /// Which device has an address of the guest segment.
    Neighbor {
        /// The address.
        address: IpAddr,
    },
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
    /// The device, if the kernel has just heard it.
    Neighbor {
        /// Its hardware address.
        mac: Option<MacAddress>,
    },
    /// Nothing was changed.
    Refused {
        /// Why.
        reason: NetdRefusal,
        /// What the kernel's tool printed, at most 400 characters; for the technician.
        detail: String,
    },
}

/// Bytes of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotUsage {
    /// Its mark.
    pub slot: SlotId,
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
