//! Names of the network as types: an interface, a segment's address.
//!
//! Invariant: each holds nothing but its characters, so that its text may stand in a script of
//! `nft`, `tc` or `dnsmasq` as it is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a name of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkNameError {
    /// Interfaces are named by 1–15 letters, digits, `-`, `_` or `.` (Linux: `IFNAMSIZ` − 1).
    #[error("an interface is named by 1 to 15 letters, digits, “-”, “_” or “.”")]
    Interface,
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

    /// Whether an address is of the segment.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let there = Self { address, ..self };
        address.is_ipv4() == self.address.is_ipv4() && there.network() == self.network()
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
