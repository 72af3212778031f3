//! The section `[network]`: the segments that the box serves, and its ways to the internet.
//!
//! Without this section the box serves no network: the portal shows notices, and whoever runs the
//! wifi decides about the internet.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::read::Section;
use super::{Config, ConfigMistake};
use crate::protocol::netd::{
    DeviceLimits, GuestRates, InterfaceName, NetworkPlan, NetworkSegment, ServicePorts,
};

/// Where the network helper listens, when nothing else is said.
const HELPER_SOCKET: &str = "/run/conglang-netd/netd.sock";
/// Where the forwarder of names listens; the kernel leads port 53 there.
const DNS_PORT: u16 = 5_300;
/// The folder that the gateway shares with the DHCP role.
const DHCP_FOLDER: &str = "/var/lib/conglang-dhcp";
/// The DHCP role's own folder, which a reboot empties.
const DHCP_RUN_FOLDER: &str = "/run/conglang-dhcp";
/// Phones that the radio of a small computer stands, when nothing else is said.
const MOST_PHONES: u16 = 7;

/// A way to the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkInterface {
    /// Its interface.
    pub interface: InterfaceName,
    /// It is paid by the byte (4G): guests get the portal and the walled garden only.
    pub is_metered: bool,
}

/// A channel that wifi may use in Vietnam without a radar watch: 1–13, 36–48 or 149–165.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub struct Channel(u8);

impl Channel {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether it lies at 5 GHz; the others lie at 2.4 GHz.
    #[must_use]
    pub const fn is_5_ghz(self) -> bool {
        self.0 > 13
    }
}

impl TryFrom<u8> for Channel {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1..=13 | 36 | 40 | 44 | 48 | 149 | 153 | 157 | 161 | 165 => Ok(Self(number)),
            _ => Err("a wifi channel is 1 to 13, 36, 40, 44, 48, 149, 153, 157, 161 or 165"),
        }
    }
}

/// The box's own radio.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radio {
    /// Its interface.
    pub interface: InterfaceName,
    /// Its channel.
    #[serde(default = "first_channel")]
    pub channel: Channel,
    /// Phones at a time; beyond what it stands its firmware stops for all of them.
    #[serde(default = "most_phones")]
    pub most_phones: u16,
}

const fn first_channel() -> Channel {
    Channel(1)
}

const fn most_phones() -> u16 {
    MOST_PHONES
}

/// The networks of the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Socket of the network helper.
    pub helper: PathBuf,
    /// The folder that the gateway shares with the DHCP role.
    pub dhcp: PathBuf,
    /// The DHCP role's own folder, in memory.
    pub dhcp_run: PathBuf,
    /// The box's own radio; none = access points of others stand on the guest segment.
    pub radio: Option<Radio>,
    /// The open wifi.
    pub guest: Option<NetworkSegment>,
    /// Lamps, horns, sensors, cameras.
    pub device: Option<NetworkSegment>,
    /// The house's own computers and the chief's phone.
    pub staff: Option<NetworkSegment>,
    /// The ways to the internet; the kernel's default route says which one is in use.
    pub uplinks: Vec<UplinkInterface>,
    /// Port of the forwarder of names.
    pub dns_port: u16,
    /// Further ports of this machine that the staff's devices reach: SSH.
    pub staff_ports: Vec<u16>,
    /// Resolvers to ask; empty = those of this machine's `/etc/resolv.conf`.
    pub resolvers: Vec<SocketAddr>,
    /// A file with names that are not answered, when the village decides so.
    pub block_list: Option<PathBuf>,
    /// Bounds of one guest's device.
    pub limits: DeviceLimits,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            helper: PathBuf::from(HELPER_SOCKET),
            dhcp: PathBuf::from(DHCP_FOLDER),
            dhcp_run: PathBuf::from(DHCP_RUN_FOLDER),
            radio: None,
            guest: None,
            device: None,
            staff: None,
            uplinks: Vec::new(),
            dns_port: DNS_PORT,
            staff_ports: vec![22],
            resolvers: Vec::new(),
            block_list: None,
            limits: DeviceLimits::default(),
        }
    }
}

impl NetworkConfig {
    /// Whether the box serves any network.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        self.guest.is_some() || self.device.is_some() || self.staff.is_some()
    }
}

impl Config {
    /// The plan of the kernel's rules, with these speeds of the guests; none = the box serves
    /// no network.
    #[must_use]
    pub fn network_plan(&self, rates: GuestRates) -> Option<NetworkPlan> {
        let network = &self.network;
        let port = |address: Option<SocketAddr>| address.map(|a| a.port());
        let (listeners, broker) = (&self.listeners, &self.broker);
        let portal = port(listeners.portal)?;
        let device = [
            port(broker.plain),
            port(broker.tls),
            port(broker.websocket),
            port(broker.websocket_tls),
            Some(portal),
        ];
        let staff = [port(listeners.dashboard), port(listeners.dashboard_tls)];
        let mut staff: Vec<u16> = staff.into_iter().flatten().collect();
        staff.extend(&network.staff_ports);
        network.is_served().then(|| NetworkPlan {
            guest: network.guest.clone(),
            device: network.device.clone(),
            staff: network.staff.clone(),
            uplinks: network
                .uplinks
                .iter()
                .map(|u| u.interface.clone())
                .collect(),
            ports: ServicePorts {
                portal,
                portal_tls: port(listeners.portal_tls),
                dns: network.dns_port,
                device: device.into_iter().flatten().collect(),
                staff,
                uplink: Vec::new(),
            },
            limits: network.limits,
            rates,
        })
    }
}

/// Takes the values of one layer over.
pub(super) fn apply(mut s: Section<'_, '_>, network: &mut NetworkConfig) {
    let keep = |to: &mut PathBuf, value: Option<PathBuf>| {
        if let Some(value) = value {
            *to = value;
        }
    };
    keep(&mut network.helper, s.get("helper"));
    keep(&mut network.dhcp, s.get("dhcp"));
    keep(&mut network.dhcp_run, s.get("dhcp_run"));
    if let Some(radio) = s.get("radio") {
        network.radio = Some(radio);
    }
    for (key, segment) in [
        ("guest", &mut network.guest),
        ("device", &mut network.device),
        ("staff", &mut network.staff),
    ] {
        if let Some(value) = s.get(key) {
            *segment = Some(value);
        }
    }
    network.dns_port = s.get("dns_port").unwrap_or(network.dns_port);
    if let Some(ports) = s.get("staff_ports") {
        network.staff_ports = ports;
    }
    if let Some(resolvers) = s.get::<Vec<SocketAddr>>("resolvers") {
        network.resolvers = resolvers;
    }
    if let Some(path) = s.get("block_list") {
        network.block_list = Some(path);
    }
    network.limits = s.get("limits").unwrap_or(network.limits);
    for uplink in s.tables("uplink") {
        add_uplink(uplink, network);
    }
    s.finish();
}

fn add_uplink(mut s: Section<'_, '_>, network: &mut NetworkConfig) {
    let is_metered = s.get("metered").unwrap_or(false);
    if let Some(interface) = s.require("interface") {
        network.uplinks.push(UplinkInterface {
            interface,
            is_metered,
        });
    }
    s.finish();
}

/// Reports what cannot be served.
pub(super) fn check(config: &Config, wrong: &mut dyn FnMut(&str, ConfigMistake)) {
    if !config.network.is_served() {
        return;
    }
    match config.network_plan(GuestRates::default()) {
        None => wrong("doors.portal", ConfigMistake::Missing),
        Some(plan) if !plan.is_disjoint() => wrong("network", ConfigMistake::SegmentsOverlap),
        Some(_) => {}
    }
}
