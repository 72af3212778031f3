//! Addresses and time for the segments that the box serves: what Debian's `dnsmasq`, `chronyd` and
//! `hostapd` are configured with, and `dnsmasq` under supervision.
//!
//! Invariants: a configuration is made of types that hold nothing but a name, an address or a
//! number, so no value of a stranger becomes one, and no file of the gateway either; what a device
//! calls itself never reaches another program. Deliberately absent: a DHCP server of our own, and
//! names of guests' phones.

mod checked;
pub mod chrony;
pub mod dnsmasq;
pub mod folder;
pub mod hostapd;
pub mod leases;
pub mod pool;
mod server;
pub mod signs;
pub mod sysctl;

pub use server::{DhcpServer, StartError};
