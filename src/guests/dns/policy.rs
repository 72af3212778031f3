//! The policy of the forwarder, handed to it as values that the composition replaces.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::block_list::BlockList;
use super::garden::Garden;
use super::local_names::LocalNames;
use crate::protocol::netd::{MacAddress, NetworkSegment, SubnetAddress};

/// The segment whose devices ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AskingSegment {
    /// The open wifi.
    Guest,
    /// The village hall's own computers and the chief's phone.
    Staff,
}

/// The identity by which a device is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKey {
    /// Its hardware address: all its IPv6 addresses are one device.
    Mac(MacAddress),
    /// Its address, while the hardware address is not known.
    Address(IpAddr),
}

/// The knowledge of a guest's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestDevice {
    /// The identity by which it is counted.
    pub key: DeviceKey,
    /// Whether it has a session that runs.
    pub is_admitted: bool,
}

/// Tells what is known of the device with an address; it must not wait.
pub type DeviceLookup = Arc<dyn Fn(IpAddr) -> GuestDevice + Send + Sync>;

/// The part of the internet that the devices of a segment may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InternetAccess {
    /// All of it; these are the uplink's resolvers, the best first.
    Open(Vec<SocketAddr>),
    /// The walled garden alone, for the uplink is paid by the byte.
    GardenOnly(Vec<SocketAddr>),
    /// Nothing: there is no uplink.
    None,
}

impl InternetAccess {
    /// The resolvers that can be asked for a name; none = nobody, there is no way to it.
    #[must_use]
    pub fn resolvers(&self, is_garden: bool) -> Option<&[SocketAddr]> {
        match self {
            Self::Open(resolvers) => Some(resolvers),
            Self::GardenOnly(resolvers) if is_garden => Some(resolvers),
            Self::GardenOnly(_) | Self::None => None,
        }
    }
}

/// The policy of the forwarder.
#[derive(Debug, Clone)]
pub struct DnsPolicy {
    /// The guests' segment.
    pub guest: Option<NetworkSegment>,
    /// The staff's segment.
    pub staff: Option<NetworkSegment>,
    /// All networks of the house, the devices' among them: no name of the internet leads into one.
    pub own_networks: Vec<SubnetAddress>,
    /// The way to the internet for guests.
    pub guest_access: InternetAccess,
    /// The same for staff, who may use an uplink that guests may not.
    pub staff_access: InternetAccess,
    /// Names of the village hall.
    pub local_names: LocalNames,
    /// Names that anybody may reach.
    pub garden: Garden,
    /// Rises when the network helper may have forgotten what is open: after it was started again.
    pub garden_epoch: u64,
    /// Names that are not answered; none = nobody decided so.
    pub block_list: Option<Arc<BlockList>>,
}

impl DnsPolicy {
    /// The segment of a kind.
    #[must_use]
    pub const fn segment(&self, kind: AskingSegment) -> Option<&NetworkSegment> {
        match kind {
            AskingSegment::Guest => self.guest.as_ref(),
            AskingSegment::Staff => self.staff.as_ref(),
        }
    }

    /// The way to the internet of a segment's devices.
    #[must_use]
    pub const fn access(&self, kind: AskingSegment) -> &InternetAccess {
        match kind {
            AskingSegment::Guest => &self.guest_access,
            AskingSegment::Staff => &self.staff_access,
        }
    }

    /// Whether an address is of a device of the segment.
    #[must_use]
    pub fn is_of_segment(&self, kind: AskingSegment, address: IpAddr) -> bool {
        let segment = self.segment(kind);
        segment.is_some_and(|segment| segment.is_home_of(address))
    }
}
